#include "preload/table.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

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
    file->told_level = file->told_edge = 0;
    file->generation.fetch_add(1, std::memory_order_relaxed);
  }
  file->next_free = free_files;
  free_files = file;
}

// Takes the number out of the table. Returns what it was, to be let go.
uintptr_t take_entry(int fd) {
  const uintptr_t taken = entry(fd);
  if (kind_of(taken) == Kind::foreign) return 0;
  table[fd].store(0, std::memory_order_release);
  if (kind_of(taken) == Kind::file) open_descriptors.fetch_sub(1, std::memory_order_relaxed);
  return taken;
}

// Once the kernel has closed the descriptor, which keeps the registration, too.
void let_go(uintptr_t taken) {
  if (kind_of(taken) == Kind::file) {
    auto* file = thing_of<OpenFile>(taken);
    if (--file->descriptors == 0) {
      forget_in_epoll_sets(file);
      // Nobody could stop them any more.
      if (file->loops != 0) file->device->stop_waiting();
    }
    release_if_unused(file);
  } else if (kind_of(taken) == Kind::epoll || kind_of(taken) == Kind::plain_epoll) {
    drop_epoll_set(thing_of<EpollSet>(taken));
  }
}

void add_like(int fd, uintptr_t like) {
  if (kind_of(like) == Kind::file) {
    auto* file = thing_of<OpenFile>(like);
    file->descriptors++;
    set_entry(fd, Kind::file, file);
  } else if (kind_of(like) == Kind::epoll || kind_of(like) == Kind::plain_epoll) {
    add_epoll(fd, kind_of(like), thing_of<EpollSet>(like));
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

const char* namespace_directory() {
  const char* directory = getenv("NM_DIR");
  return directory == nullptr || *directory == '\0' ? nullptr : directory;
}

Status open_device(const char* directory, OpenFile* file) {
  Inside inside;
  std::shared_ptr<engine::Namespace> space;
  const Status status = engine::Namespace::open(directory, &space);
  if (status == Status::ok) file->device = std::make_unique<EmbeddedDevice>(std::move(space));
  return status;
}

bool is_namespace_file(int fd, const char* directory) {
  struct stat ours;
  struct stat its;
  const std::string path = std::string(directory) + "/namespace";
  return stat_now(AT_FDCWD, path.c_str(), &ours, 0) == 0 && stat_now(fd, "", &its, AT_EMPTY_PATH) == 0 &&
         ours.st_dev == its.st_dev && ours.st_ino == its.st_ino;
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
    // The threads that ran them are the parent's.
    file->holds -= file->loops;
    file->loops = 0;
    file->lock.reset();
  }
  reset_epoll_sets();
  after_fork_in_parent();
}

// What the program that started this one left open for it.
void adopt_inherited() {
  DIR* descriptors = namespace_directory() != nullptr ? opendir("/proc/self/fd") : nullptr;
  if (descriptors == nullptr) return;
  while (const dirent* found = readdir(descriptors)) {
    const int fd = atoi(found->d_name);
    if (fd != dirfd(descriptors)) adopt(fd);
  }
  closedir(descriptors);
}

__attribute__((constructor)) void start() {
  table_process.store(process_id(), std::memory_order_relaxed);
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  adopt_inherited();
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
  const char* directory = namespace_directory();
  if (directory == nullptr || borrowed_memory()) {
    errno = ENOENT;
    return -1;
  }
  TableLock lock;
  OpenFile* file = new_file();
  const Status status = file != nullptr ? open_device(directory, file) : Status::clients_full;
  if (status == Status::ok) {
    const int fd = file->device->open_keeper(O_RDONLY | (flags & (O_CLOEXEC | O_NONBLOCK)));
    if (fd >= 0 && fd < kDescriptors) {
      file->access = static_cast<uint32_t>(flags & O_ACCMODE);
      add_like(fd, reinterpret_cast<uintptr_t>(file) | static_cast<uintptr_t>(Kind::file));
      return fd;
    }
    const int error = fd < 0 ? errno : EMFILE;
    if (fd >= 0) libc::close(fd);
    release_if_unused(file);
    errno = error;
    return -1;
  }
  if (file != nullptr) release_if_unused(file);
  errno = status_errno(status);
  return -1;
}

void adopt(int fd) {
  const char* directory = namespace_directory();
  if (directory == nullptr || static_cast<unsigned>(fd) >= kDescriptors || is_ours(fd)) return;
  if (!is_namespace_file(fd, directory)) return;
  TableLock lock;
  Inside inside;
  OpenFile* file = new_file();
  if (file == nullptr) return;
  if (open_device(directory, file) != Status::ok) return release_if_unused(file);
  file->access = O_RDWR;
  // One that nobody had registered yet is as good as a new one.
  if (file->device->join(fd) == Status::ok) file->forked.store(true, std::memory_order_relaxed);
  add_like(fd, reinterpret_cast<uintptr_t>(file) | static_cast<uintptr_t>(Kind::file));
}

void give_away(int fd) {
  if (OpenFile* file = find_file(fd)) file->forked.store(true, std::memory_order_relaxed);
}

int close_ours(int fd) {
  if (borrowed_memory()) return libc::close(fd);
  TableLock lock;
  if (kind_of(entry(fd)) == Kind::engine) {
    errno = EBADF;
    return -1;
  }
  // Out of the table before the number is free for another thread to get.
  const uintptr_t taken = take_entry(fd);
  const int result = libc::close(fd);
  const int error = errno;
  let_go(taken);
  errno = error;
  return result;
}

// Closes what lies in the range but is the engine's, one stretch between such at a time.
int close_ours_in_range(unsigned first, unsigned last) {
  if (borrowed_memory()) return libc::close_range(first, last, 0);
  TableLock lock;
  std::vector<uintptr_t> taken;
  int result = 0;
  unsigned start = first;
  const unsigned end = std::min<unsigned>(last, kDescriptors - 1);
  for (unsigned fd = first; fd <= end; fd++) {
    const Kind kind = kind_of(entry(static_cast<int>(fd)));
    if (kind == Kind::engine) {
      if (start < fd) result |= libc::close_range(start, fd - 1, 0);
      start = fd + 1;
    } else if (kind != Kind::foreign) {
      taken.push_back(take_entry(static_cast<int>(fd)));
    }
  }
  if (start <= last) result |= libc::close_range(start, last, 0);
  const int error = errno;
  for (const uintptr_t one : taken) let_go(one);
  errno = error;
  return result;
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
  const uintptr_t taken = take_entry(result);
  if (result < kDescriptors) add_like(result, from);
  let_go(taken);
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

void add_epoll(int fd, Kind kind, EpollSet* set) {
  set->descriptors++;
  set_entry(fd, kind, set);
}

void serve_plain_epoll(EpollSet* set) {
  for (int fd = 0; fd < kDescriptors; fd++) {
    if (find_plain_epoll(fd) == set) set_entry(fd, Kind::epoll, set);
  }
}

void drop_hold(OpenFile* file) {
  file->holds--;
  release_if_unused(file);
}

bool still_open(int fd, const OpenFile* file) { return find_file(fd) == file; }

}  // namespace nm::preload
