// What arrived of one stream of numbered packets, and what did not.
//
// The next number in order costs a comparison. After a gap, the missing numbers are remembered for a window,
// so that one that comes late is told from one that comes twice. What is later than the window counts as late
// and stays lost as well. A sender that was started anew is recognized by two consecutive numbers from before
// the window.
#pragma once

#include <array>
#include <cstdint>

#include "traffic/mark.h"

namespace nm {

class Sequence {
 public:
  static constexpr uint64_t kWindow = 4096;

  // What one packet changes of what is known of its stream.
  struct Change {
    // Numbers that were passed over and did not come late.
    int64_t lost = 0;
    // Numbers that came after a greater one.
    int32_t reordered = 0;
    // Those of them that came later than the window.
    int32_t too_late = 0;
    // Numbers that came again.
    int32_t duplicated = 0;
    // Of one that came late within the window: how far it is behind the greatest before it, 1 or more.
    uint32_t depth = 0;
  };

  // Notes that number `number`, of kSequenceBits, arrived; the first one ever begins the sequence. Returns false
  // where it was the next in order, which changes nothing, else fills *change.
  bool arrived(uint64_t number, Change* change) {
    if (arrived_in_order(number, 1)) return false;
    *change = arrived_out_of_order(number);
    return true;
  }

  // The same of `count` numbers in a row from `first` on. False: they are not the next in order, and nothing was noted.
  bool arrived_in_order(uint64_t first, uint32_t count) {
    if (!started_ || first != expected_ || missing_count_ != 0) return false;
    expected_ = (expected_ + count) & kNumberMask;
    return true;
  }

 private:
  static constexpr uint64_t kNumberMask = (uint64_t{1} << kSequenceBits) - 1;

  Change arrived_out_of_order(uint64_t number);
  void passed_over(uint64_t first, uint64_t count);
  Change came_late(uint64_t number, uint64_t age);

  bool take_missing(uint64_t number);

  bool started_ = false;
  uint64_t expected_ = 0;
  // The number after one that was older than the window.
  uint64_t after_oldest_ = UINT64_MAX;

  // A bit for each of the last kWindow numbers before expected_.
  uint64_t missing_count_ = 0;
  std::array<uint64_t, kWindow / 64> missing_{};
};

}  // namespace nm
