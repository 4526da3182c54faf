// How far a traffic loop has come: written by its thread once per batch, read by any other at any time.
#pragma once

#include <atomic>
#include <cstdint>

#include "status.h"

namespace nm {

inline constexpr uint64_t kNoSpaceSeen = UINT64_MAX;

// name, first value, meaning. Times are of the monotonic clock, 0 before there is one.
// clang-format off
#define NM_PROGRESS(row)                                                                                    \
  row(packets, 0, "packets sent or received; for a pinger, answers")                                        \
  row(bytes, 0, "bytes in them, without CRC")                                                               \
  row(events, 0, "rounds that moved packets")                                                               \
  row(min_space, kNoSpaceSeen, "fewest free slots seen in a receive ring since take_min_space()")           \
  row(first_ns, 0, "when the first packet was sent or received")                                            \
  row(last_ns, 0, "when the last one was")                                                                  \
  row(first_sent_ns, 0, "when the first packet or request left")                                            \
  row(last_sent_ns, 0, "when the last one did")                                                             \
  row(lost, 0, "marked packets that are missing from their stream, or requests without an answer")          \
  row(reordered, 0, "marked packets that came after a later one")                                           \
  row(too_late, 0, "those of them that came more than 4096 numbers late")                                   \
  row(duplicated, 0, "marked packets or answers that came again")                                           \
  row(corrupt, 0, "marked packets that are not what was sent")                                              \
  row(unmarked, 0, "packets without a mark where marks were asked for, or answers to none of our requests") \
  row(untimed, 0, "marked packets whose latency cannot be known")                                           \
  row(longest_train, 0, "most packets that were taken after one sync, or sent one after the other")         \
  row(requests, 0, "requests that a pinger sent")                                                           \
  row(late, 0, "answers that came after they had been given up as lost")                                    \
  row(stalls, 0, "times the sender was so late that it gave packets up")                                    \
  row(forgone, 0, "packets not sent because of that")                                                       \
  row(pending, 0, "slots that the receiver had not taken when the sender ended")                            \
  row(realtime, 0, "1 when the thread runs before all that have no real-time priority")                     \
  row(running, 0, "1 while the loop runs")                                                                  \
  row(status, 0, "the Status that the loop ended with")
// clang-format on

// On cache lines of its own, so that a reader's look costs the loop one miss.
struct alignas(64) Progress {
#define row(name, first, text) std::atomic<uint64_t> name{first};
  NM_PROGRESS(row)
#undef row

  // The fewest free slots since the last call, kNoSpaceSeen when nothing was received meanwhile. For one
  // reader; a value noted at the very moment of the call may be missed.
  uint64_t take_min_space() { return min_space.exchange(kNoSpaceSeen, std::memory_order_relaxed); }
};

// For the only writer of a counter: no locked instruction.
inline void add(std::atomic<uint64_t>& counter, uint64_t more) {
  counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}
inline void set(std::atomic<uint64_t>& counter, uint64_t value) {
  counter.store(value, std::memory_order_relaxed);
}

}  // namespace nm
