// Which descriptors of this process are ours.
//
//   fd -> nothing       somebody else's, the C library serves it
//         OpenFile      an open /dev/netmap; for the kernel it is the namespace's file, with a lock that keeps the
//                       registration (engine.h, keep), so that it can go to other programs and processes
//         EpollSet      an epoll instance; one that /dev/netmap descriptors were added to is ours to serve
//         kEngine       a file of the engine, out of the program's way: it can neither be closed nor replaced
//
// Threads   find() and friends are one load. Everything that changes the table, and every control operation of the
//           engine, holds the table's lock, also across fork, so that a child finds nothing half done.
// Failure   Signals are blocked while a thread has the lock. In a child of vfork(), which runs in its parent's memory,
//           borrowed_memory() says so, and nothing is written down.
#pragma once

#include <signal.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "preload/open_file.h"

namespace nm::preload {

struct EpollSet;

inline constexpr int kDescriptors = 1 << 16;

enum class Kind : uintptr_t { foreign, file, epoll, plain_epoll, engine };
inline constexpr uintptr_t kKindBits = 7;

// A pointer, whose lowest bits say to what.
inline constinit std::atomic<uintptr_t> table[kDescriptors] = {};

inline uintptr_t entry(int fd) {
  return static_cast<unsigned>(fd) < kDescriptors ? table[fd].load(std::memory_order_acquire) : 0;
}
inline Kind kind_of(uintptr_t entry) { return static_cast<Kind>(entry & kKindBits); }
template <typename Thing>
Thing* thing_of(uintptr_t entry) {
  return reinterpret_cast<Thing*>(entry & ~kKindBits);
}
inline OpenFile* find_file(int fd) {
  const uintptr_t found = entry(fd);
  return kind_of(found) == Kind::file ? thing_of<OpenFile>(found) : nullptr;
}
inline EpollSet* find_epoll(int fd) {
  const uintptr_t found = entry(fd);
  return kind_of(found) == Kind::epoll ? thing_of<EpollSet>(found) : nullptr;
}
inline EpollSet* find_plain_epoll(int fd) {
  const uintptr_t found = entry(fd);
  return kind_of(found) == Kind::plain_epoll ? thing_of<EpollSet>(found) : nullptr;
}

// How many descriptors are open files. While there are none, every wait is the C library's business.
inline constinit std::atomic<uint32_t> open_descriptors{0};

// Lives while this thread is in the engine, whose calls of open and close are not the program's. The program
// sees the errno from before.
class Inside {
 public:
  Inside() : errno_(errno) { depth++; }
  ~Inside() {
    depth--;
    errno = errno_;
  }
  Inside(const Inside&) = delete;
  static bool is() { return depth != 0; }

 private:
  static inline thread_local int depth = 0;
  const int errno_;
};

class BlockedSignals {
 public:
  BlockedSignals();
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  const sigset_t& before() const { return before_; }

 private:
  sigset_t before_;
};

class TableLock {
 public:
  TableLock();
  ~TableLock();

 private:
  BlockedSignals blocked_;
};

bool borrowed_memory();

// What the wrappers of these calls do for descriptors that are ours. Each returns what the call returns.
int open_netmap(int flags);
// A descriptor that this process got from elsewhere, by inheritance or in a message, may be such a file.
void adopt(int fd);
// It is about to be sent to another process.
void give_away(int fd);
int close_ours(int fd);
int close_ours_in_range(unsigned first, unsigned last);
// `duplicate` makes the new number; both it and the old one may be of any kind. `replaced` is the number that
// it is bound to take, or -1.
int duplicate_ours(int fd, int replaced, int (*duplicate)(int fd, int argument, int flags), int argument,
                   int flags);
bool is_ours(int fd);

// Moves a descriptor that the engine just opened out of the program's way.
int keep_for_engine(int fd);
void engine_closes(int fd);

// With the table's lock held.
void add_epoll(int fd, Kind kind, EpollSet* set);
// All descriptors of a plain instance are ours to serve from now on.
void serve_plain_epoll(EpollSet* set);
void drop_hold(OpenFile* file);
bool still_open(int fd, const OpenFile* file);

}  // namespace nm::preload
