// The C library's functions that ours stand in front of.
//
// Whatever the preload library itself needs of them it calls through these names, so it never meets its own
// wrappers. The engine calls the plain names; what the wrappers do about that is said in table.h, Inside.
#pragma once

#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <type_traits>

namespace nm::preload {

template <typename Function>
class Next {
 public:
  constexpr explicit Next(const char* name) : name_(name) {}

  template <typename... Arguments>
  auto operator()(Arguments... arguments) {
    Function* function = resolve();
    using Result = decltype(function(arguments...));
    if (function != nullptr) return function(arguments...);
    errno = ENOSYS;
    if constexpr (std::is_pointer_v<Result>) {
      return Result{};
    } else {
      return static_cast<Result>(-1);
    }
  }

 private:
  // On the first call, not in a constructor: those of other libraries may open files before ours has run.
  Function* resolve() {
    Function* function = function_.load(std::memory_order_relaxed);
    if (function == nullptr) {
      function = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name_));
      function_.store(function, std::memory_order_relaxed);
    }
    return function;
  }

  const char* name_;
  std::atomic<Function*> function_{nullptr};
};

namespace libc {

inline constinit Next<int(const char*, int, ...)> open{"open"};
inline constinit Next<int(int, const char*, int, ...)> openat{"openat"};
inline constinit Next<ssize_t(int, msghdr*, int)> recvmsg{"recvmsg"};
inline constinit Next<int(int, mmsghdr*, unsigned, int, timespec*)> recvmmsg{"recvmmsg"};
inline constinit Next<ssize_t(int, const msghdr*, int)> sendmsg{"sendmsg"};
inline constinit Next<int(int, mmsghdr*, unsigned, int)> sendmmsg{"sendmmsg"};
inline constinit Next<FILE*(const char*, const char*)> fopen{"fopen"};
inline constinit Next<int(int)> close{"close"};
inline constinit Next<int(unsigned, unsigned, int)> close_range{"close_range"};
inline constinit Next<int(int)> dup{"dup"};
inline constinit Next<int(int, int)> dup2{"dup2"};
inline constinit Next<int(int, int, int)> dup3{"dup3"};
inline constinit Next<int(int, int, ...)> fcntl{"fcntl"};
inline constinit Next<int(int, unsigned long, ...)> ioctl{"ioctl"};
inline constinit Next<void*(void*, size_t, int, int, int, off_t)> mmap{"mmap"};
inline constinit Next<int(void*, size_t)> munmap{"munmap"};
inline constinit Next<void*(void*, size_t, size_t, int, ...)> mremap{"mremap"};
inline constinit Next<int(void*, size_t, int)> mprotect{"mprotect"};
inline constinit Next<ssize_t(int, void*, size_t)> read{"read"};
inline constinit Next<ssize_t(int, const void*, size_t)> write{"write"};
inline constinit Next<ssize_t(int, const iovec*, int)> readv{"readv"};
inline constinit Next<ssize_t(int, const iovec*, int)> writev{"writev"};
inline constinit Next<ssize_t(int, void*, size_t, off_t)> pread{"pread"};
inline constinit Next<ssize_t(int, const void*, size_t, off_t)> pwrite{"pwrite"};
inline constinit Next<off_t(int, off_t, int)> lseek{"lseek"};
inline constinit Next<int(pollfd*, nfds_t, int)> poll{"poll"};
inline constinit Next<int(pollfd*, nfds_t, const timespec*, const sigset_t*)> ppoll{"ppoll"};
inline constinit Next<int(int, fd_set*, fd_set*, fd_set*, timeval*)> select{"select"};
inline constinit Next<int(int, fd_set*, fd_set*, fd_set*, const timespec*, const sigset_t*)> pselect{
    "pselect"};
inline constinit Next<int(int)> epoll_create{"epoll_create"};
inline constinit Next<int(int)> epoll_create1{"epoll_create1"};
inline constinit Next<int(int, int, int, epoll_event*)> epoll_ctl{"epoll_ctl"};
inline constinit Next<int(int, epoll_event*, int, int)> epoll_wait{"epoll_wait"};
inline constinit Next<int(int, epoll_event*, int, int, const sigset_t*)> epoll_pwait{"epoll_pwait"};
inline constinit Next<int(int, epoll_event*, int, const timespec*, const sigset_t*)> epoll_pwait2{
    "epoll_pwait2"};
inline constinit Next<int(const char*, int)> access{"access"};
inline constinit Next<int(const char*, int)> euidaccess{"euidaccess"};
inline constinit Next<int(int, const char*, int, int)> faccessat{"faccessat"};
inline constinit Next<int(const char*, struct stat*)> stat{"stat"};
inline constinit Next<int(const char*, struct stat*)> lstat{"lstat"};
inline constinit Next<int(int, struct stat*)> fstat{"fstat"};
inline constinit Next<int(int, const char*, struct stat*, int)> fstatat{"fstatat"};
inline constinit Next<int(int, const char*, int, unsigned, struct statx*)> statx{"statx"};
// What programs call that were linked before glibc 2.33.
inline constinit Next<int(int, const char*, struct stat*)> xstat{"__xstat"};
inline constinit Next<int(int, const char*, struct stat*)> lxstat{"__lxstat"};
inline constinit Next<int(int, int, struct stat*)> fxstat{"__fxstat"};
inline constinit Next<int(int, int, const char*, struct stat*, int)> fxstatat{"__fxstatat"};
inline constinit Next<char*(const char*, char*)> realpath{"realpath"};

}  // namespace libc

// fstatat as the system call: glibc before 2.33 has no function of that name.
inline int stat_now(int directory, const char* path, struct stat* info, int flags) {
  return static_cast<int>(syscall(SYS_newfstatat, directory, path, info, flags));
}

}  // namespace nm::preload
