// What arrived of one stream of numbered packets, and what did not.
//
// The next number in order costs a comparison. After a gap, the missing numbers are remembered for a window,
// so that one that comes late is told from one that comes twice. What is later than the window counts as late
// and stays lost as well. A sender that was started anew is recognized by two consecutive numbers from before
// the window.
#pragma once

#include <array>
#include <cstdint>

namespace nm {

class Sequence {
 public:
  // Notes that number `number`, of 48 bits, arrived; the first one ever begins the sequence. Returns whether
  // the counts below may have changed.
  bool arrived(uint64_t number) {
    if (started_ && number == expected_ && missing_count_ == 0) {
      expected_ = (expected_ + 1) & kNumberMask;
      return false;
    }
    arrived_out_of_order(number);
    return true;
  }

  // Numbers that were passed over and did not come late.
  uint64_t lost() const { return lost_; }
  // Numbers that came after a greater one.
  uint64_t reordered() const { return reordered_; }
  // Numbers that came again.
  uint64_t duplicated() const { return duplicated_; }

 private:
  static constexpr uint64_t kNumberMask = (uint64_t{1} << 48) - 1;
  static constexpr uint64_t kWindow = 4096;

  void arrived_out_of_order(uint64_t number);
  void passed_over(uint64_t count);
  void came_late(uint64_t number, uint64_t age);

  bool is_missing(uint64_t number) const { return missing_[number % kWindow / 64] >> (number % 64) & 1; }
  void set_missing(uint64_t number, bool missing);

  bool started_ = false;
  uint64_t expected_ = 0;
  uint64_t lost_ = 0;
  uint64_t reordered_ = 0;
  uint64_t duplicated_ = 0;
  // The number after one that was older than the window.
  uint64_t after_oldest_ = UINT64_MAX;

  // A bit for each of the last kWindow numbers before expected_.
  uint64_t missing_count_ = 0;
  std::array<uint64_t, kWindow / 64> missing_{};
};

}  // namespace nm
