#include "traffic/alarm.h"

#include <time.h>

#include <algorithm>

#include "spin_pause.h"

namespace nm {
namespace {

// How long a stop may go unnoticed.
constexpr uint64_t kLongestSleep_ns = 20'000'000;
// A sleep that would be shorter than this costs more than it saves.
constexpr uint64_t kShortestSleep_ns = 5'000;

// So near the time the clock is read without pauses between: they take as long as a reading, and who is paused is late by it.
constexpr uint64_t kNoPause_ns = 1'000;

void sleep_until(uint64_t wake_ns) {
  const timespec wake{static_cast<time_t>(wake_ns / kSecond_ns), static_cast<long>(wake_ns % kSecond_ns)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr);
}

}  // namespace

uint64_t Alarm::wait_until(uint64_t deadline_ns, const std::atomic<bool>& stopping) {
  uint64_t now = monotonic_ns();
  while (now < deadline_ns && !stopping.load(std::memory_order_relaxed)) {
    if (deadline_ns - now > lead_.ns() + kShortestSleep_ns) {
      const uint64_t wake_ns = std::min(deadline_ns - lead_.ns(), now + kLongestSleep_ns);
      sleep_until(wake_ns);
      now = monotonic_ns();
      // A signal may end a sleep before its time.
      if (now >= wake_ns) lead_.took(now - wake_ns);
    } else {
      if (deadline_ns - now > kNoPause_ns) spin_pause();
      now = monotonic_ns();
    }
  }
  return now;
}

void wait_until(uint64_t deadline_ns, const std::atomic<bool>& stopping) {
  Alarm().wait_until(deadline_ns, stopping);
}

}  // namespace nm
