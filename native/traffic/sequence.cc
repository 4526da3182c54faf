#include "traffic/sequence.h"

#include <algorithm>
#include <bit>

namespace nm {

Sequence::Change Sequence::arrived_out_of_order(uint64_t number) {
  if (!started_) {
    started_ = true;
    expected_ = number;
  }
  const uint64_t ahead = (number - expected_) & kNumberMask;
  if (ahead > kNumberMask / 2) return came_late(number, (expected_ - number) & kNumberMask);

  const uint64_t remembered = std::min(ahead, kWindow);
  passed_over(number - remembered, remembered);
  take_missing(number);
  expected_ = (number + 1) & kNumberMask;
  return {.lost = static_cast<int64_t>(ahead)};
}

// Whole words at a time: somebody may send us nothing but gaps.
void Sequence::passed_over(uint64_t first, uint64_t count) {
  while (count > 0) {
    const uint64_t offset = first % 64;
    const uint64_t some = std::min(count, 64 - offset);
    const uint64_t bits = (some == 64 ? UINT64_MAX : (uint64_t{1} << some) - 1) << offset;
    uint64_t& word = missing_[first % kWindow / 64];
    missing_count_ += static_cast<uint64_t>(std::popcount(bits & ~word));
    word |= bits;
    first += some;
    count -= some;
  }
}

Sequence::Change Sequence::came_late(uint64_t number, uint64_t age) {
  if (age <= kWindow) {
    if (!take_missing(number)) return {.duplicated = 1};
    return {.lost = -1, .reordered = 1, .depth = static_cast<uint32_t>(age - 1)};
  }

  if (number != after_oldest_) {
    after_oldest_ = (number + 1) & kNumberMask;
    return {.reordered = 1, .too_late = 1};
  }
  // Started anew: what was missing stays lost, and the first of the two was not late.
  missing_.fill(0);
  missing_count_ = 0;
  expected_ = (number + 1) & kNumberMask;
  after_oldest_ = UINT64_MAX;
  return {.reordered = -1, .too_late = -1};
}

// Whether the number was missing. From now on it is not.
bool Sequence::take_missing(uint64_t number) {
  uint64_t& word = missing_[number % kWindow / 64];
  const uint64_t bit = uint64_t{1} << (number % 64);
  if ((word & bit) == 0) return false;
  word &= ~bit;
  missing_count_--;
  return true;
}

}  // namespace nm
