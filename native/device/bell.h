// What a descriptor sleeps on in poll and epoll: a FIFO, which wakers in any process find by its path, and for network
// interfaces what the driver has to be asked through the kernel.
//
//   FIFO ------------------- rings when a waker writes
//   driver's descriptors --- ring as long as something is in them; only those that are listened to
//   timer ------------------ rings when the kernel would never tell
//
// Where there is a FIFO only, that is the bell; otherwise all are in one epoll set, and the set is.
#pragma once

#include <string>
#include <vector>

#include "file_descriptor.h"
#include "nic/notice.h"
#include "status.h"

namespace nm {

class Bell {
 public:
  // `path`: of the FIFO. It may be there already where `others_have_it`; otherwise what lies there is a dead one's.
  // `with_set`: listen() will be called.
  Status open(const std::string& path, bool others_have_it, bool with_set);
  bool is_open() const { return fifo_.is_open(); }

  // Readable when the bell rang.
  int descriptor() const { return set_.is_open() ? set_.number() : fifo_.number(); }

  // From now on these ring, and time does after `longest_ns`.
  void listen(const std::vector<nic::Notice>& notices, int64_t longest_ns);
  void sleep(int64_t timeout_ns) const;
  // Takes in what wakers and time said.
  void silence();

 private:
  void set_timer(int64_t ns);

  FileDescriptor fifo_;
  FileDescriptor set_;
  FileDescriptor timer_;
  std::vector<nic::Notice> heard_;
};

}  // namespace nm
