#include "nic/link_watch.h"

#include <sys/socket.h>

#include "nic/interface.h"

namespace nm::nic {

void LinkWatch::ask(int socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) tell(error);
}

Status LinkWatch::look() {
  Interface interface;
  if (read_interface(interface_, &interface) != Status::ok) {
    status_ = Status::interface_gone;
  } else if (interface.is_up) {
    status_ = Status::ok;
  } else {
    status_ = Status::interface_down;
  }
  return status_;
}

}  // namespace nm::nic
