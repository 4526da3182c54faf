// One descriptor that is readable while one of several is ready for what is wanted of it: what an event loop or a set of
// devices sleeps on for a netmap descriptor, which it may want to write to.
//
// An epoll instance on Linux, a kqueue on FreeBSD, where it has not been run.
#pragma once

#include <cstdint>

#include "file_descriptor.h"
#include "status.h"

namespace nm {

class KernelBell {
 public:
  Status open();
  bool is_open() const { return set_.is_open(); }
  int descriptor() const { return set_.number(); }

  // From now on `fd` rings when it has one of `events`, kReadable and kWritable of device.h, or an error.
  Status watch(int fd, uint32_t events);

 private:
  FileDescriptor set_;
};

}  // namespace nm
