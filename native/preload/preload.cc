// The preload library: /dev/netmap for programs that know nothing of us, served by the embedded engine.
//
//   a netmap program -> open, ioctl, mmap, poll, ... of this file -> table.h: is the descriptor ours?
//      no    libc.h        the C library's own function
//      yes   requests.h    ioctl: Device::control, tx_sync, rx_sync
//            mappings.h    mmap, munmap
//            polling.h     poll, ppoll, select, pselect        \  waiting.h
//            epoll_set.h   epoll_ctl, epoll_wait, epoll_pwait  /
//            paths.h       the module's parameters
//      file_status.cc      access and stat of all these
//
// LD_PRELOAD puts it in front of the C library, and $NM_DIR names the namespace; `nm run` sets both. Every function here
// has the name and the contract of the C library's, and decides only whose it is.
//
// Threads   As the C library's. What a signal handler may call it may call here, too.
// Failure   errno, as netmap would set it. Nothing is ever printed.
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "preload/epoll_set.h"
#include "preload/libc.h"
#include "preload/mappings.h"
#include "preload/paths.h"
#include "preload/polling.h"
#include "preload/requests.h"
#include "preload/table.h"
#include "preload/waiting.h"
#include "preload/wrap.h"

namespace nm::preload {

namespace {

bool wants_mode(int flags) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

// The descriptor for a path that is ours; -2 for one that is not.
int open_ours(const char* path, int flags) {
  if (Inside::is()) return -2;
  if (is_device(path)) return open_netmap(flags);
  const Parameter* parameter = find_parameter(path);
  return parameter == nullptr ? -2 : open_parameter(*parameter, flags);
}

int open_any(const char* path, int flags, mode_t mode) {
  const int ours = open_ours(path, flags);
  if (ours != -2) return ours;
  const int fd = libc::open(path, flags, mode);
  // The engine's write-only files are FIFOs, which it opens to wake somebody and closes at once.
  return Inside::is() && (flags & O_ACCMODE) != O_WRONLY ? keep_for_engine(fd) : fd;
}

int open_any_at(int directory, const char* path, int flags, mode_t mode) {
  const int ours = open_ours(path, flags);
  return ours != -2 ? ours : libc::openat(directory, path, flags, mode);
}

// -1 with EINVAL, as reading and writing /dev/netmap gives.
ssize_t no_bytes() {
  errno = EINVAL;
  return -1;
}

// The engine keeps its file for reading only.
int with_access_of(int fd, int flags) {
  const OpenFile* file = find_file(fd);
  return flags < 0 || file == nullptr ? flags : (flags & ~O_ACCMODE) | static_cast<int>(file->access);
}

// Calls `visit` for each descriptor that a message carries.
template <typename Visit>
void for_each_descriptor(const msghdr* message, Visit visit) {
  if (message == nullptr || message->msg_control == nullptr) return;
  auto* all = const_cast<msghdr*>(message);
  for (cmsghdr* part = CMSG_FIRSTHDR(all); part != nullptr; part = CMSG_NXTHDR(all, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= part->cmsg_len; at += sizeof(int)) {
      int fd;
      memcpy(&fd, CMSG_DATA(part) + at, sizeof(fd));
      visit(fd);
    }
  }
}

int64_t from_ms(int timeout_ms) { return timeout_ms < 0 ? -1 : timeout_ms * 1'000'000ll; }

bool refuse_time(int64_t timeout_ns) {
  if (timeout_ns != -2) return false;
  errno = EINVAL;
  return true;
}

int duplicate_any(int fd, int, int) { return libc::dup(fd); }
int duplicate_to(int fd, int to, int) { return libc::dup2(fd, to); }
int duplicate_with(int fd, int to, int flags) { return libc::dup3(fd, to, flags); }
int duplicate_above(int fd, int from, int command) { return libc::fcntl(fd, command, from); }

}  // namespace

// --- opening and closing

WRAP(int, open, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = wants_mode(flags) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_any(path, flags, mode);
}
ALIAS(int, open64, open, const char* path, int flags, ...)

WRAP(int, openat, int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = wants_mode(flags) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_any_at(directory, path, flags, mode);
}
ALIAS(int, openat64, openat, int directory, const char* path, int flags, ...)

// What programs call that were compiled with _FORTIFY_SOURCE.
WRAP(int, __open_2, const char* path, int flags) { return open_any(path, flags, 0); }
ALIAS(int, __open64_2, __open_2, const char* path, int flags)
WRAP(int, __openat_2, int directory, const char* path, int flags) {
  return open_any_at(directory, path, flags, 0);
}
ALIAS(int, __openat64_2, __openat_2, int directory, const char* path, int flags)

WRAP(int, creat, const char* path, mode_t mode) { return open_any(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
ALIAS(int, creat64, creat, const char* path, mode_t mode)

WRAP(FILE*, fopen, const char* path, const char* mode) {
  // The stream of a device is for looking whether it is there: netmap refuses reading and writing.
  const bool reads = is_device(path) || (mode[0] == 'r' && mode[1] != '+');
  const int fd = open_ours(path, reads ? O_RDONLY : O_RDWR);
  if (fd == -2) return libc::fopen(path, mode);
  return fd < 0 ? nullptr : fdopen(fd, "r");
}
ALIAS(FILE*, fopen64, fopen, const char* path, const char* mode)

WRAP(int, close, int fd) {
  if (!is_ours(fd)) return libc::close(fd);
  if (!Inside::is()) return close_ours(fd);
  engine_closes(fd);
  return libc::close(fd);
}

WRAP(int, close_range, unsigned first, unsigned last, int flags) {
  // What is only to be closed at exec is marked so, the engine's own files as well, which are already.
  if (first > last || (flags & ~CLOSE_RANGE_UNSHARE) != 0) return libc::close_range(first, last, flags);
  // Closes nothing, but the calling thread has descriptors of its own then.
  if (flags != 0 && libc::close_range(UINT_MAX, UINT_MAX, flags) != 0) return -1;
  return close_ours_in_range(first, last);
}

WRAP(void, closefrom, int first) { wrap_close_range(static_cast<unsigned>(std::max(first, 0)), UINT_MAX, 0); }

// --- duplicating

WRAP(int, dup, int fd) {
  if (!is_ours(fd)) return libc::dup(fd);
  return duplicate_ours(fd, -1, duplicate_any, 0, 0);
}

WRAP(int, dup2, int fd, int to) {
  if (!is_ours(fd) && !is_ours(to)) return libc::dup2(fd, to);
  return duplicate_ours(fd, to, duplicate_to, to, 0);
}

WRAP(int, dup3, int fd, int to, int flags) {
  if (!is_ours(fd) && !is_ours(to)) return libc::dup3(fd, to, flags);
  return duplicate_ours(fd, to, duplicate_with, to, flags);
}

WRAP(int, fcntl, int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  const bool duplicates = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
  if (duplicates && Inside::is()) return keep_for_engine(libc::fcntl(fd, command, argument));
  if (!is_ours(fd)) return libc::fcntl(fd, command, argument);
  if (command == F_GETFL) return with_access_of(fd, libc::fcntl(fd, command, argument));
  if (!duplicates) return libc::fcntl(fd, command, argument);
  const auto from = static_cast<int>(reinterpret_cast<intptr_t>(argument));
  return duplicate_ours(fd, -1, duplicate_above, from, command);
}
ALIAS(int, fcntl64, fcntl, int fd, int command, ...)

// --- requests and memory

WRAP(int, ioctl, int fd, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  OpenFile* file = find_file(fd);
  return file != nullptr ? serve_request(file, fd, request, argument) : libc::ioctl(fd, request, argument);
}

WRAP(void*, mmap, void* address, size_t length, int protection, int flags, int fd, off_t offset) {
  if (fd < 0 || find_file(fd) == nullptr) {
    return libc::mmap(address, length, protection, flags, fd, offset);
  }
  return map_file(address, length, protection, flags, fd, offset);
}
ALIAS(void*, mmap64, mmap, void* address, size_t length, int protection, int flags, int fd, off_t offset)

WRAP(int, munmap, void* address, size_t length) {
  if (!may_be_mapped(address, length) || Inside::is()) return libc::munmap(address, length);
  return unmap_ours(address, length);
}

WRAP(void*, mremap, void* address, size_t length, size_t new_length, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  void* to = (flags & MREMAP_FIXED) != 0 ? va_arg(rest, void*) : nullptr;
  va_end(rest);
  if (!may_be_mapped(address, std::max<size_t>(length, 1)) || Inside::is()) {
    return libc::mremap(address, length, new_length, flags, to);
  }
  return remap_ours(address, length, new_length, flags, to);
}

WRAP(int, mprotect, void* address, size_t length, int protection) {
  if (!may_be_mapped(address, length) || Inside::is()) return libc::mprotect(address, length, protection);
  return protect_ours(address, length, protection);
}

// --- as bytes, which netmap is not

WRAP(ssize_t, read, int fd, void* bytes, size_t length) {
  return find_file(fd) != nullptr ? no_bytes() : libc::read(fd, bytes, length);
}

WRAP(ssize_t, __read_chk, int fd, void* bytes, size_t length, size_t room) {
  if (length > room) __builtin_trap();
  return wrap_read(fd, bytes, length);
}

WRAP(ssize_t, write, int fd, const void* bytes, size_t length) {
  return find_file(fd) != nullptr ? no_bytes() : libc::write(fd, bytes, length);
}

WRAP(ssize_t, readv, int fd, const iovec* parts, int count) {
  return find_file(fd) != nullptr ? no_bytes() : libc::readv(fd, parts, count);
}

WRAP(ssize_t, writev, int fd, const iovec* parts, int count) {
  return find_file(fd) != nullptr ? no_bytes() : libc::writev(fd, parts, count);
}

WRAP(ssize_t, pread, int fd, void* bytes, size_t length, off_t offset) {
  return find_file(fd) != nullptr ? no_bytes() : libc::pread(fd, bytes, length, offset);
}
ALIAS(ssize_t, pread64, pread, int fd, void* bytes, size_t length, off_t offset)

WRAP(ssize_t, __pread_chk, int fd, void* bytes, size_t length, off_t offset, size_t room) {
  if (length > room) __builtin_trap();
  return wrap_pread(fd, bytes, length, offset);
}
ALIAS(ssize_t, __pread64_chk, __pread_chk, int fd, void* bytes, size_t length, off_t offset, size_t room)

WRAP(ssize_t, pwrite, int fd, const void* bytes, size_t length, off_t offset) {
  return find_file(fd) != nullptr ? no_bytes() : libc::pwrite(fd, bytes, length, offset);
}
ALIAS(ssize_t, pwrite64, pwrite, int fd, const void* bytes, size_t length, off_t offset)

WRAP(off_t, lseek, int fd, off_t offset, int from) {
  // The engine keeps a number in the position, see keep() in engine.h.
  if (find_file(fd) == nullptr || Inside::is()) return libc::lseek(fd, offset, from);
  errno = ESPIPE;
  return -1;
}
ALIAS(off_t, lseek64, lseek, int fd, off_t offset, int from)

// --- descriptors in messages

WRAP(ssize_t, recvmsg, int fd, msghdr* message, int flags) {
  const ssize_t result = libc::recvmsg(fd, message, flags);
  if (result >= 0) for_each_descriptor(message, adopt);
  return result;
}

WRAP(int, recvmmsg, int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  const int result = libc::recvmmsg(fd, messages, count, flags, timeout);
  for (int i = 0; i < result; i++) for_each_descriptor(&messages[i].msg_hdr, adopt);
  return result;
}

WRAP(ssize_t, sendmsg, int fd, const msghdr* message, int flags) {
  if (open_descriptors.load(std::memory_order_relaxed) != 0) for_each_descriptor(message, give_away);
  return libc::sendmsg(fd, message, flags);
}

WRAP(int, sendmmsg, int fd, mmsghdr* messages, unsigned count, int flags) {
  if (open_descriptors.load(std::memory_order_relaxed) != 0) {
    for (unsigned i = 0; i < count; i++) for_each_descriptor(&messages[i].msg_hdr, give_away);
  }
  return libc::sendmmsg(fd, messages, count, flags);
}

// --- waiting

WRAP(int, poll, pollfd* fds, nfds_t count, int timeout_ms) {
  if (!polls_ours(fds, count)) return libc::poll(fds, count, timeout_ms);
  return poll_ours(fds, count, from_ms(timeout_ms), nullptr);
}

WRAP(int, ppoll, pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  if (!polls_ours(fds, count)) return libc::ppoll(fds, count, timeout, mask);
  const int64_t timeout_ns = as_ns(timeout);
  return refuse_time(timeout_ns) ? -1 : poll_ours(fds, count, timeout_ns, mask);
}

WRAP(int, __poll_chk, pollfd* fds, nfds_t count, int timeout_ms, size_t room) {
  if (room / sizeof(pollfd) < count) __builtin_trap();
  return wrap_poll(fds, count, timeout_ms);
}

WRAP(int, __ppoll_chk, pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask,
     size_t room) {
  if (room / sizeof(pollfd) < count) __builtin_trap();
  return wrap_ppoll(fds, count, timeout, mask);
}

WRAP(int, select, int count, fd_set* read, fd_set* write, fd_set* except, timeval* timeout) {
  if (!selects_ours(count, read, write, except)) return libc::select(count, read, write, except, timeout);
  if (timeout == nullptr) return select_ours(count, read, write, except, -1, nullptr);
  // Microseconds beyond a second are seconds, here as in the C library.
  if (timeout->tv_sec < 0 || timeout->tv_usec < 0) return refuse_time(-2) ? -1 : 0;
  const timespec time = {timeout->tv_sec + timeout->tv_usec / 1'000'000, timeout->tv_usec % 1'000'000 * 1000};
  const int64_t timeout_ns = as_ns(&time);
  const int64_t start = now_ns();
  const int result = select_ours(count, read, write, except, timeout_ns, nullptr);
  // Linux says how much is left.
  const int64_t left = timeout_ns < 0 ? -1 : std::max<int64_t>(timeout_ns - (now_ns() - start), 0);
  if (left >= 0) *timeout = {left / 1'000'000'000, left % 1'000'000'000 / 1000};
  return result;
}

WRAP(int, pselect, int count, fd_set* read, fd_set* write, fd_set* except, const timespec* timeout,
     const sigset_t* mask) {
  if (!selects_ours(count, read, write, except)) {
    return libc::pselect(count, read, write, except, timeout, mask);
  }
  const int64_t timeout_ns = as_ns(timeout);
  return refuse_time(timeout_ns) ? -1 : select_ours(count, read, write, except, timeout_ns, mask);
}

WRAP(int, epoll_create, int size) { return note_epoll(libc::epoll_create(size)); }
WRAP(int, epoll_create1, int flags) { return note_epoll(libc::epoll_create1(flags)); }

WRAP(int, epoll_ctl, int epoll, int operation, int fd, epoll_event* event) {
  if (find_file(fd) != nullptr && !Inside::is()) return control_epoll(epoll, operation, fd, event);
  const int result = libc::epoll_ctl(epoll, operation, fd, event);
  if (result == 0 && operation == EPOLL_CTL_ADD) nest_epoll(fd);
  return result;
}

WRAP(int, epoll_pwait, int epoll, epoll_event* events, int count, int timeout_ms, const sigset_t* mask) {
  EpollSet* set = find_epoll(epoll);
  if (set == nullptr) return libc::epoll_pwait(epoll, events, count, timeout_ms, mask);
  return wait_for_epoll(*set, epoll, events, count, from_ms(timeout_ms), mask);
}

WRAP(int, epoll_wait, int epoll, epoll_event* events, int count, int timeout_ms) {
  EpollSet* set = find_epoll(epoll);
  if (set == nullptr) return libc::epoll_wait(epoll, events, count, timeout_ms);
  return wait_for_epoll(*set, epoll, events, count, from_ms(timeout_ms), nullptr);
}

WRAP(int, epoll_pwait2, int epoll, epoll_event* events, int count, const timespec* timeout,
     const sigset_t* mask) {
  EpollSet* set = find_epoll(epoll);
  if (set == nullptr) return libc::epoll_pwait2(epoll, events, count, timeout, mask);
  const int64_t timeout_ns = as_ns(timeout);
  return refuse_time(timeout_ns) ? -1 : wait_for_epoll(*set, epoll, events, count, timeout_ns, mask);
}

}  // namespace nm::preload
