// The clock that everything here goes by: CLOCK_MONOTONIC in nanoseconds, the same for every process of the machine.
//
// It is read through the kernel's vDSO: 22 ns where the processor's counter is invariant, of which 10 are the counter's
// own. Calibrating that counter ourselves would save the other 12, once per batch, in a loop whose pauses take 25.
#pragma once

#include <time.h>

#include <cstdint>

namespace nm {

// Signed or unsigned, as what it is compared with: the compiler knows that it is positive.
inline constexpr int64_t kSecond_ns = 1'000'000'000;
inline constexpr uint64_t kNever_ns = UINT64_MAX;

inline uint64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond_ns + static_cast<uint64_t>(now.tv_nsec);
}

// The time of day in nanoseconds since 1970, for what people and other machines read. It may jump.
inline int64_t real_time_ns() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kSecond_ns + now.tv_nsec;
}

// Seconds of the same clock, as of the last tick of the kernel: cheaper, for what is never urgent.
inline uint32_t monotonic_s() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint32_t>(now.tv_sec);
}

}  // namespace nm
