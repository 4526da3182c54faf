// Waiting for open /dev/netmaps and other descriptors together: what poll, select and epoll_wait have in common.
//
//   look     sync, and see whether a ring is ready: netmap's poll is what moves packets
//   spin     look again when there is news, for as long as a wake-up would take
//   arm      ask each device to make its poll descriptor, the bell, readable
//   sleep    in the kernel, on the bells and the others; then disarm and look
//
// Threads   Signals are blocked from the first yield to the sleep, which lets them in, so none is lost
//           between. No lock is held while asleep. Threads that sleep for one device share its bell: it is taken in by
//           the last of them.
// Failure   A bell can stay silent: its sender died, or another process of a fork took the notice. So no sleep is
//           endless.
#pragma once

#include <signal.h>
#include <time.h>

#include <cstddef>
#include <cstdint>

#include "preload/open_file.h"

namespace nm::preload {

struct Watch {
  int fd = -1;
  OpenFile* file = nullptr;
  uint32_t wanted = 0;  // of poll(2)'s bits
  uint32_t ready = 0;   // those that are so, and POLLERR and POLLNVAL

  // Edge-triggered: what was reported the last time, and the rings' tails then. It is not ready while both
  // are as they were; `held_back` is what would be.
  bool edge = false;
  uint32_t reported = 0;
  uint64_t reported_tails = 0;
  uint32_t held_back = 0;

  // The device's poll descriptor, -1 where there is none.
  int bell = -1;
  uint32_t generation = 0;
  bool asleep = false;
};

// The descriptors that are not ours.
class Others {
 public:
  virtual ~Others() = default;
  // Looks at them without waiting. Returns how many are ready, -1 with errno for a call that cannot work.
  virtual int look() = 0;
  // Sleeps until one of them or a bell is ready. Returns -1 with errno when that was refused or interrupted.
  virtual int sleep(const timespec& timeout, const sigset_t* mask) = 0;
  virtual bool empty() const = 0;
  // Whether what is to be waited for is no longer what it was; the wait ends without a result then.
  virtual bool changed() const { return false; }
};

// Returns how many of both are ready; `mask` replaces the thread's signal mask meanwhile. Negative timeouts
// are endless.
int wait_for(Watch* watches, size_t count, Others& others, int64_t timeout_ns, const sigset_t* mask);

// Keeps a file's bell rung while what nested epoll instances wait for is so, and armed while it is not. The caller has the
// file's lock.
void keep_told(OpenFile& file);

int64_t now_ns();
timespec as_timespec(int64_t ns);
// Nanoseconds; -1 for a null pointer, which waits for ever, and -2 for one that is no time.
int64_t as_ns(const timespec* time);

}  // namespace nm::preload
