// An open /dev/netmap: one Device, however many descriptors and mappings lead to it.
//
// Threads   A FileLock keeps the threads of a process apart; it is held for a sync or a look, never while anybody
//           sleeps. Processes that share the file after a fork are kept apart by the engine, ring by ring.
// Memory    An OpenFile is never freed, only used again. So whoever found one in the table may lock it and look
//           whether it still is what it was.
// Failure   A signal handler that comes back to a file which the thread it interrupted is using is told so (`Busy`), as
//           netmap tells whoever syncs a ring that somebody else is syncing.
#pragma once

#include <poll.h>
#include <sys/single_threaded.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "device/embedded.h"

namespace nm::preload {

class FileLock {
 public:
  // False when this very thread has it already.
  bool lock() {
    const uintptr_t me = this_thread();
    // With one thread nobody can take it between the two.
    if (__libc_single_threaded != 0) {
      if (holder_.load(std::memory_order_relaxed) != 0) return false;
      holder_.store(me, std::memory_order_relaxed);
      return true;
    }
    uintptr_t nobody = 0;
    return holder_.compare_exchange_strong(nobody, me, std::memory_order_acquire) || wait(me);
  }
  void unlock() { holder_.store(0, std::memory_order_release); }
  // In a forked child, where whoever held it does not exist.
  void reset() { holder_.store(0, std::memory_order_relaxed); }

 private:
  static uintptr_t this_thread() {
    static thread_local char mark;
    return reinterpret_cast<uintptr_t>(&mark);
  }
  bool wait(uintptr_t me);

  std::atomic<uintptr_t> holder_{0};
};

class FileGuard {
 public:
  explicit FileGuard(FileLock& lock) : lock_(lock), taken_(lock.lock()) {}
  ~FileGuard() {
    if (taken_) lock_.unlock();
  }
  FileGuard(const FileGuard&) = delete;
  bool taken() const { return taken_; }

 private:
  FileLock& lock_;
  const bool taken_;
};

// Everything but `lock`, `device`, `sleepers` and what is told belongs to the table's lock (table.h).
struct OpenFile {
  FileLock lock;
  std::unique_ptr<EmbeddedDevice> device;
  // Threads of this process that sleep until the device's poll descriptor becomes readable.
  uint32_t sleepers = 0;
  // Events that epoll instances in other instances are told of: while they are so, and each time they become so.
  uint32_t told_level = 0;
  uint32_t told_edge = 0;
  // Of the registration, for tails().
  uint64_t interface_offset = 0;
  uint32_t tx_entries = 0;
  uint32_t rx_entries = 0;

  // How it was opened: O_RDWR and so on.
  uint32_t access = 0;
  uint32_t descriptors = 0;
  // Mappings, and calls that may outlast the descriptor they were made on.
  uint32_t holds = 0;
  // Those of the holds that are sync loops, in threads of this process.
  uint32_t loops = 0;
  // Raised each time the object is used again, so that who slept meanwhile can tell.
  std::atomic<uint32_t> generation{0};
  // Another process has the registration too, and may take our notices out of the poll descriptor.
  std::atomic<bool> forked{false};
  OpenFile* next = nullptr;
  OpenFile* next_free = nullptr;

  // A number that changes when a ring that matters for `events` (kReadable, kWritable) got a new tail.
  uint64_t tails(uint32_t events);
};

// poll(2)'s bits as the device's events, and back: those of `wanted` that are so.
uint32_t device_events(uint32_t wanted);
uint32_t poll_events(uint32_t wanted, uint32_t ready);

}  // namespace nm::preload
