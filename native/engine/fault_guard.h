// Touching memory of the program that it may unmap at any moment, from whichever thread.
//
// A kernel that finds such memory gone gets an error from its copy. We get a signal, at a load or store of our own: while a
// FaultGuard lives, that becomes an error too, and whatever else faults in the process goes to whoever handled it before.
// Asking the kernel to copy (caller_memory.h) is as safe and needs no handler, but costs a system call each time; this
// is for memory that is looked at all the time.
#pragma once

#include <signal.h>

#include <cstdint>

namespace nm::engine {

// Needed around touch_load() and touch_store() in this thread. Several threads may have one.
class FaultGuard {
 public:
  FaultGuard();
  ~FaultGuard();
  FaultGuard(const FaultGuard&) = delete;

 private:
  sigset_t mask_before_;
};

// The `count` words from `address` on, one after the other: a later one is never older than an earlier one. False: they
// are not there any more.
bool touch_load(const uint32_t* address, uint32_t* words, uint32_t count);

// False: it is not there any more, or cannot be written. What was stored before is visible before it.
bool touch_store(uint32_t* address, uint32_t word);

}  // namespace nm::engine
