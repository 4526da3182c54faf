#include "device/polled.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <ctime>

#include "clock.h"
#include "device/device.h"

namespace nm {
namespace {

// An interface that goes away wakes nobody: whoever polls again is told.
constexpr int64_t kLongestSleep_ns = 250'000'000;
static_assert(kLongestSleep_ns < kSecond_ns, "it is the nanoseconds of a timespec");

short poll_bits(uint32_t events) {
  return static_cast<short>(((events & kReadable) != 0 ? POLLIN : 0) |
                            ((events & kWritable) != 0 ? POLLOUT : 0));
}

struct Outcome {
  Status status = Status::ok;
  bool any = false;
  // The time was over, and nothing else.
  bool expired = false;
};

// Asked for nothing, poll(2) still syncs what is to be sent, and tells errors.
Outcome poll_once(std::span<PolledWait> waits, std::span<pollfd> entries, int64_t timeout_ns) {
  const size_t count = waits.size();
  for (size_t i = 0; i < count; i++) {
    waits[i].ready = 0;
    waits[i].device->before_poll();
    entries[i] = {waits[i].device->descriptor(), poll_bits(waits[i].wanted), 0};
    entries[count + i] = {waits[i].device->stop_descriptor(), POLLIN, 0};
  }
  // A look needs nobody to end it.
  const size_t polled = timeout_ns == 0 ? count : 2 * count;
  const timespec timeout = {0, timeout_ns};
  const int found = ppoll(entries.data(), polled, &timeout, nullptr);
  if (found < 0) return {errno == EINTR ? Status::ok : Status::system_error};
  Outcome outcome = {Status::ok, false, found == 0};
  for (size_t i = 0; i < count && outcome.status == Status::ok; i++) {
    outcome.status = waits[i].device->after_poll(entries[i].revents, &waits[i].ready);
    outcome.any |= waits[i].ready != 0;
  }
  return outcome;
}

}  // namespace

Status wait_for_polled(std::span<PolledWait> waits, std::span<pollfd> entries, int64_t timeout_ns) {
  assert(entries.size() >= 2 * waits.size());
  // The clock is read only where poll(2) came back early and empty-handed: it may cost more than all the rest.
  uint64_t end_ns = kNever_ns;
  for (int64_t left_ns = timeout_ns;;) {
    const int64_t part_ns = left_ns < 0 ? kLongestSleep_ns : std::min(left_ns, kLongestSleep_ns);
    const Outcome outcome = poll_once(waits, entries, part_ns);
    if (outcome.status != Status::ok || outcome.any) return outcome.status;
    const auto is_stopped = [](const PolledWait& wait) { return wait.device->is_stopped(); };
    if (std::any_of(waits.begin(), waits.end(), is_stopped)) return Status::interrupted;
    if (outcome.expired && part_ns == left_ns) return Status::ok;
    if (timeout_ns <= 0) continue;
    if (outcome.expired) {
      left_ns -= part_ns;
      continue;
    }
    // A signal begins what is left of the wait anew, once.
    const uint64_t now_ns = monotonic_ns();
    if (end_ns == kNever_ns) end_ns = now_ns + static_cast<uint64_t>(left_ns);
    if (now_ns >= end_ns) return Status::ok;
    left_ns = static_cast<int64_t>(end_ns - now_ns);
  }
}

}  // namespace nm
