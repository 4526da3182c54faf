// An epoll instance, and the /dev/netmap descriptors in it.
//
// The kernel's instance keeps the other descriptors, and gets the bells of ours: they carry the set's own
// address as their data, which no program can have chosen. A set without descriptors of ours is the kernel's alone.
//
// An instance can be a member of another one, and that of a third: the kernel looks after those. So that it finds the
// inner one readable, the bells of a nested set stay rung while a ring is ready, and armed while none is.
//
// Memory    A set is never freed, only used again, as open files are.
// Threads   A set's lock is held while its members are read or changed, not while somebody sleeps on it. Who sleeps when a
//           member is added is woken through `doorbell`, to take it in.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "preload/open_file.h"
#include "preload/waiting.h"

namespace nm::preload {

struct EpollMember {
  int fd;
  OpenFile* file;
  epoll_event event;
  bool disabled = false;  // EPOLLONESHOT, reported
  // What edge-triggered members reported the last time.
  uint32_t reported = 0;
  uint64_t reported_tails = 0;
  bool just_reported = false;
  int bell = -1;  // in the kernel's instance
};

struct EpollSet {
  FileLock lock;
  std::vector<EpollMember> members;
  int doorbell = -1;
  int kernel_fd = -1;  // a descriptor of the instance for our own use
  uint32_t descriptors = 0;
  bool ours_first = false;
  // It is, or was, a member of another instance.
  std::atomic<bool> nested{false};
  EpollSet* next = nullptr;
  EpollSet* next_free = nullptr;
};

// Notes that the new descriptor is an epoll instance. Returns it.
int note_epoll(int epoll);
// epoll_ctl for a descriptor that is an open file.
int control_epoll(int epoll, int operation, int fd, epoll_event* event);
// An instance was made a member of another one.
void nest_epoll(int inner);

// As epoll_pwait, with the timeout in nanoseconds, negative for none.
int wait_for_epoll(EpollSet& set, int epoll, epoll_event* events, int count, int64_t timeout_ns,
                   const sigset_t* mask);

// Writes a watch for each member, up to `room`. Returns how many members want one.
size_t epoll_watches(EpollSet& set, Watch* watches, size_t room);

// For the table, with its lock held: a descriptor of the set was closed, all of `file` were, we were forked.
void drop_epoll_set(EpollSet* set);
void forget_in_epoll_sets(OpenFile* file);
// What nested sets want to be told of the file may be something else now.
void tell_nested(OpenFile* file);
void reset_epoll_sets();

}  // namespace nm::preload
