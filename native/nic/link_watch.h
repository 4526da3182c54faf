// Whether an interface that is open went down or away, as the errors of its sockets tell, or a look at it.
#pragma once

#include <cstdint>

#include "status.h"

namespace nm::nic {

class LinkWatch {
 public:
  LinkWatch() = default;
  explicit LinkWatch(uint32_t interface) : interface_(interface) {}

  // What an errno of a socket call means for the port: ok when it is not about the interface.
  Status tell(int error) {
    if (error == ENODEV || error == ENXIO) return status_ = Status::interface_gone;
    if (error == ENETDOWN) return status_ = Status::interface_down;
    return Status::ok;
  }
  // Takes the error that waits in the socket.
  void ask(int socket);

  // How the interface is, as last heard. One that went down is looked at anew, for it may be back.
  Status status() { return __builtin_expect(status_ == Status::ok, true) ? Status::ok : look(); }

  // Looks at the interface: two system calls.
  Status look();

 private:
  uint32_t interface_ = 0;
  Status status_ = Status::ok;
};

}  // namespace nm::nic
