#include "traffic/sequence.h"

#include <algorithm>

namespace nm {

void Sequence::arrived_out_of_order(uint64_t number) {
  if (!started_) {
    started_ = true;
    expected_ = number;
  }
  const uint64_t ahead = (number - expected_) & kNumberMask;
  if (ahead <= kNumberMask / 2) {
    passed_over(ahead);
    set_missing(number, false);
    expected_ = (number + 1) & kNumberMask;
  } else {
    came_late(number, (expected_ - number) & kNumberMask);
  }
}

void Sequence::passed_over(uint64_t count) {
  lost_ += count;
  const uint64_t remembered = std::min(count, kWindow);
  for (uint64_t i = count - remembered; i < count; i++) set_missing(expected_ + i, true);
}

void Sequence::came_late(uint64_t number, uint64_t age) {
  if (age <= kWindow) {
    if (!is_missing(number)) {
      duplicated_++;
      return;
    }
    set_missing(number, false);
    lost_--;
    reordered_++;
    return;
  }

  if (number != after_oldest_) {
    after_oldest_ = (number + 1) & kNumberMask;
    reordered_++;
    return;
  }
  // Started anew: what was missing stays lost, and the first of the two was not late.
  reordered_--;
  missing_.fill(0);
  missing_count_ = 0;
  expected_ = (number + 1) & kNumberMask;
  after_oldest_ = UINT64_MAX;
}

void Sequence::set_missing(uint64_t number, bool missing) {
  if (is_missing(number) == missing) return;
  missing_[number % kWindow / 64] ^= uint64_t{1} << (number % 64);
  missing_count_ += missing ? 1 : uint64_t{0} - 1;
}

}  // namespace nm
