#include "preload/table.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "device/open.h"
#include "preload/epoll_set.h"
#include "preload/libc.h"

namespace nm::preload {

namespace {

constinit FileLock table_lock;
// Every OpenFile there is, and those of them that are not in use.
OpenFile* all_files = nullptr;
OpenFile* free_files = nullptr;
// The process that the table describes.
std::atomic<pid_t> table_process{0};

pid_t process_id() { return static_cast<pid_t>(syscall(SYS_getpid)); }

void set_entry(int fd, Kind kind, const void* to) {
  if (static_cast<unsigned>(fd) >= kDescriptors) return;
  if (kind == Kind::file) open_descriptors.fetch_add(1, std::memory_order_relaxed);
  table[fd].store(reinterpret_cast<uintptr_t>(to) | static_cast<uintptr_t>(kind), std::memory_order_release);
}

void release_if_unused(OpenFile* file) {
  if (file->descriptors != 0 || file->holds != 0) return;
  {
    FileGuard guard(file->lock);
    // A signal handler closed what its thread was using. It stays open, to the end of the process.
    if (!guard.taken()) return;
    Inside inside;
    file->device.reset();
    file->sleepers = 0;
    file->generation.fetch_add(1, std::memory_order_relaxed);
  }
  file->next_free = free_files;
  free_files = file;
}

// Takes the number out of the table, and its file's or epoll instance's share of it.
void forget(int fd) {
  OpenFile* file = find_file(fd);
  EpollSet* set = find_epoll(fd);
  if (static_cast<unsigned>(fd) < kDescriptors) table[fd].store(0, std::memory_order_release);
  if (file != nullptr) {
    open_descriptors.fetch_sub(1, std::memory_order_relaxed);
    if (--file->descriptors == 0) forget_in_epoll_sets(file);
    release_if_unused(file);
  }
  if (set != nullptr) drop_epoll_set(set);
}

void add_like(int fd, uintptr_t like) {
  if (kind_of(like) == Kind::file) {
    auto* file = reinterpret_cast<OpenFile*>(like & ~uintptr_t{3});
    file->descriptors++;
    set_entry(fd, Kind::file, file);
  } else if (kind_of(like) == Kind::epoll) {
    auto* set = reinterpret_cast<EpollSet*>(like & ~uintptr_t{3});
    set->descriptors++;
    set_entry(fd, Kind::epoll, set);
  }
}

OpenFile* new_file() {
  OpenFile* file = free_files;
  if (file == nullptr) {
    file = new (std::nothrow) OpenFile;
    if (file == nullptr) return nullptr;
    file->next = all_files;
    all_files = file;
    return file;
  }
  free_files = file->next_free;
  file->forked.store(false, std::memory_order_relaxed);
  return file;
}

// What fork() keeps of the thread that calls it.
sigset_t before_fork_signals;

void before_fork() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  table_lock.lock();
  before_fork_signals = before;
}

void after_fork_in_parent() {
  for (OpenFile* file = all_files; file != nullptr; file = file->next) {
    file->forked.store(file->descriptors + file->holds != 0, std::memory_order_relaxed);
  }
  const sigset_t before = before_fork_signals;
  table_lock.unlock();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void after_fork_in_child() {
  table_process.store(process_id(), std::memory_order_relaxed);
  for (OpenFile* file = all_files; file != nullptr; file = file->next) {
    file->sleepers = 0;
    file->lock.reset();
  }
  reset_epoll_sets();
  after_fork_in_parent();
}

__attribute__((constructor)) void watch_forks() {
  table_process.store(process_id(), std::memory_order_relaxed);
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

}  // namespace

BlockedSignals::BlockedSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before_);
}

BlockedSignals::~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

TableLock::TableLock() { table_lock.lock(); }
TableLock::~TableLock() { table_lock.unlock(); }

bool borrowed_memory() {
  const pid_t owner = table_process.load(std::memory_order_relaxed);
  return owner != 0 && owner != process_id();
}

bool is_ours(int fd) { return kind_of(entry(fd)) != Kind::foreign; }

int open_netmap(int flags) {
  const char* directory = getenv("NM_DIR");
  if (directory == nullptr || *directory == '\0' || borrowed_memory()) {
    errno = ENOENT;
    return -1;
  }
  TableLock lock;
  const int fd = eventfd(
      0, ((flags & O_CLOEXEC) != 0 ? EFD_CLOEXEC : 0) | ((flags & O_NONBLOCK) != 0 ? EFD_NONBLOCK : 0));
  if (fd < 0) return -1;
  OpenFile* file = fd < kDescriptors ? new_file() : nullptr;
  Status status = Status::ok;
  if (file != nullptr) {
    Inside inside;
    status = open_embedded_device(directory, &file->device);
    if (status == Status::ok) {
      add_like(fd, reinterpret_cast<uintptr_t>(file) | static_cast<uintptr_t>(Kind::file));
      return fd;
    }
    file->next_free = free_files;
    free_files = file;
  }
  libc::close(fd);
  errno = file == nullptr ? EMFILE : status_errno(status);
  return -1;
}

int close_ours(int fd) {
  if (borrowed_memory()) return libc::close(fd);
  TableLock lock;
  if (kind_of(entry(fd)) == Kind::engine) {
    errno = EBADF;
    return -1;
  }
  // Before the number is free for another thread to get.
  const int result = (forget(fd), libc::close(fd));
  return result;
}

// Closes what lies in the range but is the engine's, one stretch between such at a time.
int close_ours_in_range(unsigned first, unsigned last) {
  if (borrowed_memory()) return libc::close_range(first, last, 0);
  TableLock lock;
  unsigned start = first;
  const unsigned end = std::min<unsigned>(last, kDescriptors - 1);
  for (unsigned fd = first; fd <= end; fd++) {
    const Kind kind = kind_of(entry(static_cast<int>(fd)));
    if (kind != Kind::engine) {
      if (kind != Kind::foreign) forget(static_cast<int>(fd));
      continue;
    }
    if (start < fd && libc::close_range(start, fd - 1, 0) != 0) return -1;
    start = fd + 1;
  }
  return start <= last ? libc::close_range(start, last, 0) : 0;
}

int duplicate_ours(int fd, int replaced, int (*duplicate)(int fd, int argument, int flags), int argument,
                   int flags) {
  if (borrowed_memory()) return duplicate(fd, argument, flags);
  TableLock lock;
  const uintptr_t from = entry(fd);
  if (kind_of(from) == Kind::engine) {
    errno = EBADF;
    return -1;
  }
  if (kind_of(entry(replaced)) == Kind::engine) {
    errno = EBUSY;
    return -1;
  }
  const int result = duplicate(fd, argument, flags);
  if (result < 0 || result == fd) return result;
  forget(result);
  if (result < kDescriptors) add_like(result, from);
  return result;
}

int keep_for_engine(int fd) {
  rlimit limit;
  if (fd < 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) return fd;
  // The low numbers are the program's: it may count on the next one, and select() names no others.
  const rlim_t from = std::min<rlim_t>(limit.rlim_cur / 4 * 3, FD_SETSIZE);
  const int moved = libc::fcntl(fd, F_DUPFD_CLOEXEC, static_cast<int>(from));
  if (moved >= 0) {
    libc::close(fd);
    fd = moved;
  }
  set_entry(fd, Kind::engine, nullptr);
  return fd;
}

void engine_closes(int fd) {
  if (kind_of(entry(fd)) == Kind::engine) table[fd].store(0, std::memory_order_release);
}

void add_epoll(int fd, EpollSet* set) {
  set->descriptors++;
  set_entry(fd, Kind::epoll, set);
}

void drop_hold(OpenFile* file) {
  file->holds--;
  release_if_unused(file);
}

bool still_open(int fd, const OpenFile* file) { return find_file(fd) == file; }

}  // namespace nm::preload
