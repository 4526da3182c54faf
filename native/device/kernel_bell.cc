#include "device/kernel_bell.h"

#include <cerrno>

#include "device/device.h"

#ifdef __linux__
#include <sys/epoll.h>
#else
#include <sys/event.h>
#endif

namespace nm {

#ifdef __linux__

Status KernelBell::open() {
  set_ = FileDescriptor(epoll_create1(EPOLL_CLOEXEC));
  return set_.is_open() ? Status::ok : Status::system_error;
}

Status KernelBell::watch(int fd, uint32_t events) {
  epoll_event event = {};
  event.events = ((events & kReadable) != 0 ? uint32_t{EPOLLIN} : 0) |
                 ((events & kWritable) != 0 ? uint32_t{EPOLLOUT} : 0);
  event.data.fd = fd;
  int result = epoll_ctl(set_.number(), EPOLL_CTL_MOD, fd, &event);
  if (result != 0 && errno == ENOENT) result = epoll_ctl(set_.number(), EPOLL_CTL_ADD, fd, &event);
  return result == 0 ? Status::ok : Status::system_error;
}

#else

Status KernelBell::open() {
  set_ = FileDescriptor(kqueue());
  return set_.is_open() ? Status::ok : Status::system_error;
}

Status KernelBell::watch(int fd, uint32_t events) {
  struct kevent changes[2];
  const auto id = static_cast<uintptr_t>(fd);
  EV_SET(&changes[0], id, EVFILT_READ, EV_ADD | ((events & kReadable) != 0 ? EV_ENABLE : EV_DISABLE), 0, 0,
         nullptr);
  // Nothing is written to a pipe's reading end, which therefore has no such filter.
  const int count = (events & kWritable) != 0 ? 2 : 1;
  EV_SET(&changes[1], id, EVFILT_WRITE, EV_ADD | EV_ENABLE, 0, 0, nullptr);
  return kevent(set_.number(), changes, count, nullptr, 0, nullptr) == 0 ? Status::ok : Status::system_error;
}

#endif

}  // namespace nm
