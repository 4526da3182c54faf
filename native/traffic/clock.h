// The clock that traffic goes by: CLOCK_MONOTONIC in nanoseconds, the same for every process of the machine.
#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>

namespace nm {

inline constexpr uint64_t kSecond_ns = 1'000'000'000;
inline constexpr uint64_t kNever_ns = UINT64_MAX;

inline uint64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond_ns + static_cast<uint64_t>(now.tv_nsec);
}

// Waits until `deadline_ns` or until `stopping`: sleeps while that is far, spins when it is near.
void wait_until(uint64_t deadline_ns, const std::atomic<bool>& stopping);

}  // namespace nm
