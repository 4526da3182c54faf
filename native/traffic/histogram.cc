#include "traffic/histogram.h"

#include <cmath>

namespace nm {

void Histogram::carry(uint64_t low, uint64_t high) {
  const uint64_t before = sum_high_.load(std::memory_order_relaxed);
  sum_high_.store(before + 1, std::memory_order_relaxed);
  // Release: who sees the new lower half sees that the upper one is about to change.
  sum_low_.store(low, std::memory_order_release);
  sum_high_.store(before + 2 * high, std::memory_order_release);
}

Sum Histogram::sum() const {
  while (true) {
    const uint64_t before = sum_high_.load(std::memory_order_acquire);
    const uint64_t low = sum_low_.load(std::memory_order_acquire);
    const uint64_t after = sum_high_.load(std::memory_order_relaxed);
    if (before == after && before % 2 == 0) return {low, before / 2};
  }
}

void Histogram::merge(const Histogram& other) {
  least_.store(std::min(least(), other.least()), std::memory_order_relaxed);
  greatest_.store(std::max(greatest(), other.greatest()), std::memory_order_relaxed);
  add_to_sum(other.sum());
  for (uint32_t i = 0; i < kBuckets; i++) {
    if (const uint64_t times = other.count_in(i); times != 0) bump(counts_[i], times);
  }
}

uint64_t Histogram::count() const {
  uint64_t all = 0;
  for (uint32_t i = 0; i < kBuckets; i++) all += count_in(i);
  return all;
}

double Histogram::mean() const {
  const uint64_t samples = count();
  return samples == 0 ? 0 : sum().value() / static_cast<double>(samples);
}

uint64_t Histogram::percentile(double share) const {
  const uint64_t samples = count();
  if (samples == 0) return 0;
  // A share such as 0.007 may be a little more than that in binary, which must not ask for one sample more.
  const double least_share = std::nextafter(std::clamp(share, 0.0, 1.0), 0.0);
  const double wanted = std::ceil(least_share * static_cast<double>(samples));
  const uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, samples);

  uint64_t so_far = 0;
  for (uint32_t i = 0; i < kBuckets; i++) {
    so_far += count_in(i);
    // A middle may lie outside of what occurred.
    if (so_far >= rank) return std::clamp(middle(i), least(), greatest());
  }
  return greatest();
}

}  // namespace nm
