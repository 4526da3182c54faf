#include "traffic/pace.h"

#include <algorithm>
#include <cassert>

namespace nm {
namespace {

// a * b / c, rounded down or up. The result fits where the schedule is one that a clock can reach.
uint64_t scale_down(uint64_t a, uint64_t b, uint64_t c) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b / c);
}
uint64_t scale_up(uint64_t a, uint64_t b, uint64_t c) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(a) * b + (c - 1)) / c);
}

}  // namespace

Pace::Pace(Rate rate, uint64_t start_ns)
    : rate_(rate),
      longest_batch_(std::max<uint64_t>(1, scale_down(kLongestBatch_ns, rate.packets, rate.per_ns))),
      anchor_ns_(start_ns) {
  assert(rate.limited() && rate.per_ns != 0);
}

uint64_t Pace::due(uint64_t now_ns, uint64_t sent) {
  const uint64_t scheduled_now = scheduled(now_ns);
  if (scheduled_now <= sent) return 0;
  const uint64_t behind = scheduled_now - sent;
  // A late packet alone makes no burst, however late it is, and the next is in time again.
  if (behind > 1 && now_ns - due_ns(sent) > kPatience_ns) {
    stalls_++;
    forgone_ += behind - 1;
    anchor_ns_ = now_ns;
    anchor_number_ = sent;
    return 1;
  }
  return std::min(behind, longest_batch_);
}

uint64_t Pace::due_ns(uint64_t number) const {
  return anchor_ns_ + scale_up(number - anchor_number_, rate_.per_ns, rate_.packets);
}

uint64_t Pace::scheduled(uint64_t now_ns) const {
  if (now_ns < anchor_ns_) return anchor_number_;
  return anchor_number_ + scale_down(now_ns - anchor_ns_, rate_.packets, rate_.per_ns) + 1;
}

}  // namespace nm
