#include "nic/link_watch.h"

#include <sys/socket.h>

#include "nic/interface.h"

namespace nm::nic {

void LinkWatch::ask(int socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) tell(error);
}

Status LinkWatch::look() { return status_ = interface_status(interface_); }

}  // namespace nm::nic
