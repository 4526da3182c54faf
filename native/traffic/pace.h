// Keeps a schedule on the monotonic clock: how many packets may leave now.
//
//   due         0        1        2        3        4
//   ------------|--------|--------|--------|--------|-----> time
//             start
//   now                      ^ one, at its time
//   now                                       ^ late: two together, a burst
//
// Who comes late sends what is due meanwhile, in bursts of little traffic each. Who comes later than is bearable gives up
// all that is due but one packet, and what comes after that is in time again: the schedule itself never moves, so
// that threads which share it stay in step. What was given up is counted.
#pragma once

#include <algorithm>
#include <cstdint>

#include "traffic/schedule.h"

namespace nm {

struct PaceOptions {
  // Packets leave together, in one sync, when they are due within so long.
  uint64_t burst_ns = 10'000;
  // Packets wait for all others that are due in the same `burst_ns`, instead of leaving each at its time.
  bool gathers = false;
  // Who is later than that gives up; kNever_ns: never.
  uint64_t patience_ns = 10'000'000;
};

class Pace {
 public:
  // The schedule is limited.
  Pace(const ScheduleSpec& schedule, uint64_t start_ns, const PaceOptions& options);

  // How many packets may leave now, at most a burst. They are due until they were sent.
  uint64_t due(uint64_t now_ns);
  // So many of them have left.
  void sent(uint64_t packets);

  // When due() may have more.
  uint64_t next_ns() const;
  // Whether all packets have left that there are.
  bool over() const { return ready_ == 0 && schedule_.next_ns() == kNever_ns; }

  // How often packets were given up, and how many.
  uint64_t stalls() const { return stalls_; }
  uint64_t forgone() const { return forgone_; }
  // Most packets that left one after the other because all of them were due.
  uint64_t longest_train() const { return longest_train_; }

 private:
  // No round sends more than that.
  static constexpr uint64_t kMostReady = 1 << 16;

  Schedule schedule_;
  const uint64_t start_ns_;
  const PaceOptions options_;
  const uint64_t patience_ns_;
  // Packets that are due and have not left, and when the first of them was due.
  uint64_t ready_ = 0;
  uint64_t first_ns_ = 0;

  // The time of the present round, and whether its packets were due before the round before left.
  uint64_t round_ns_ = 0;
  bool train_goes_on_ = false;
  uint64_t train_ = 0;
  uint64_t longest_train_ = 0;
  uint64_t stalls_ = 0;
  uint64_t forgone_ = 0;
};

}  // namespace nm
