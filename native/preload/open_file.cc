#include "preload/open_file.h"

#include <sched.h>
#include <unistd.h>

namespace nm::preload {

namespace {

constexpr uint32_t kReadBits = POLLIN | POLLRDNORM;
constexpr uint32_t kWriteBits = POLLOUT | POLLWRNORM;
constexpr uint32_t kYieldsBeforeSleep = 100;

}  // namespace

// The lock is held for a sync at most, or for a control operation, which may wait for another process.
bool FileLock::wait(uintptr_t me) {
  if (holder_.load(std::memory_order_relaxed) == me) return false;
  for (uint32_t tries = 0;; tries++) {
    uintptr_t nobody = 0;
    if (holder_.compare_exchange_weak(nobody, me, std::memory_order_acquire)) return true;
    if (tries < kYieldsBeforeSleep) {
      sched_yield();
    } else {
      usleep(50);
    }
  }
}

uint64_t OpenFile::tails(uint32_t events) {
  Mapping mapping;
  if (device == nullptr || device->map(&mapping) != Status::ok) return 0;
  const uint8_t* interface = mapping.base + interface_offset;
  const auto* offsets = reinterpret_cast<const int64_t*>(interface + sizeof(abi::netmap_if));
  const uint32_t first = (events & kWritable) != 0 ? 0 : tx_entries;
  const uint32_t end = (events & kReadable) != 0 ? tx_entries + rx_entries : tx_entries;
  uint64_t sum = 0;
  for (uint32_t i = first; i < end; i++) {
    // The program may have written anything there.
    const uint64_t at = interface_offset + static_cast<uint64_t>(offsets[i]);
    if (offsets[i] == 0 || at % alignof(abi::netmap_ring) != 0) continue;
    if (at > mapping.size - sizeof(abi::netmap_ring)) continue;
    const auto* ring = reinterpret_cast<const abi::netmap_ring*>(mapping.base + at);
    sum = sum * 4099 + __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);
  }
  return sum;
}

uint32_t device_events(uint32_t wanted) {
  return ((wanted & kReadBits) != 0 ? kReadable : 0) | ((wanted & kWriteBits) != 0 ? kWritable : 0);
}

uint32_t poll_events(uint32_t wanted, uint32_t ready) {
  return ((ready & kReadable) != 0 ? wanted & kReadBits : 0) |
         ((ready & kWritable) != 0 ? wanted & kWriteBits : 0) | ((ready & kRingError) != 0 ? POLLERR : 0);
}

}  // namespace nm::preload
