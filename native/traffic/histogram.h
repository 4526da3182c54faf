// How often each value occurred: latencies, gaps, depths.
//
//   value      0 1 2 ... 1023 | 1024-1025 ... 2046-2047 | 2048-2051 ... | ... | ... 2^64-1
//              every one      | 512 buckets of 2        | 512 of 4      |     | 512 of 2^54
//
// Below 1024 each value has a bucket of its own, above each doubling has 512. A bucket stands for its middle,
// which is at most 1/1024 away from any value in it, relative to that value. Least, greatest and sum are exact.
//
// Threads   One writes. Any other may read meanwhile. A sample that it sees counted it also sees in what it reads
//           after that of least, greatest and sum; the latest may be in those already and not counted yet.
// Memory    224 KiB, all of it when a histogram is made.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

namespace nm {

// A sum of values that 64 bits may be too few for.
struct Sum {
  uint64_t low = 0;
  uint64_t high = 0;

  double value() const { return static_cast<double>(high) * 0x1p64 + static_cast<double>(low); }
};

class Histogram {
 public:
  // The first bits of a value choose its bucket.
  static constexpr uint32_t kBits = 10;
  static constexpr uint32_t kPerDoubling = 1u << (kBits - 1);
  static constexpr uint32_t kBuckets = (64 - kBits + 2) * kPerDoubling;

  Histogram() : counts_(std::make_unique<std::atomic<uint64_t>[]>(kBuckets)) {}

  // For the one writer: `value` occurred, `times` times.
  void record(uint64_t value, uint64_t times = 1) {
    if (times == 0) return;
    if (value < least_.load(std::memory_order_relaxed)) least_.store(value, std::memory_order_relaxed);
    if (value > greatest_.load(std::memory_order_relaxed)) greatest_.store(value, std::memory_order_relaxed);
    const auto product = static_cast<unsigned __int128>(value) * times;
    add_to_sum({static_cast<uint64_t>(product), static_cast<uint64_t>(product >> 64)});
    bump(counts_[bucket(value)], times);
  }

  // For the one writer: all that occurred in `other` occurred here too.
  void merge(const Histogram& other);

  uint64_t count() const;
  // Of no samples: UINT64_MAX, 0, 0 and 0.
  uint64_t least() const { return least_.load(std::memory_order_relaxed); }
  uint64_t greatest() const { return greatest_.load(std::memory_order_relaxed); }
  Sum sum() const;
  double mean() const;

  // The least value that `share` (0 to 1) of all samples do not exceed, as its bucket tells it; 0 of no samples.
  uint64_t percentile(double share) const;

  uint64_t count_in(uint32_t bucket) const { return counts_[bucket].load(std::memory_order_acquire); }

  static constexpr uint32_t bucket(uint64_t value) {
    const uint32_t shift = static_cast<uint32_t>(std::bit_width(value | (kPerDoubling * 2 - 1))) - kBits;
    return shift * kPerDoubling + static_cast<uint32_t>(value >> shift);
  }
  // The least value of a bucket, and the middle one, which stands for all of them.
  static constexpr uint64_t first(uint32_t bucket) {
    return (bucket - shift_of(bucket) * kPerDoubling) << shift_of(bucket);
  }
  static constexpr uint64_t middle(uint32_t bucket) {
    return first(bucket) + (uint64_t{1} << shift_of(bucket)) / 2;
  }

 private:
  static constexpr uint64_t shift_of(uint32_t bucket) {
    return bucket < 2 * kPerDoubling ? 0 : bucket / kPerDoubling - 1;
  }

  // Nobody else writes, so no locked instruction is needed. Release: whoever sees the count sees what came before.
  static void bump(std::atomic<uint64_t>& counter, uint64_t more) {
    counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_release);
  }

  void add_to_sum(Sum more) {
    const uint64_t low = sum_low_.load(std::memory_order_relaxed) + more.low;
    if (low < more.low || more.high != 0) [[unlikely]] {
      carry(low, more.high + (low < more.low ? 1 : 0));
      return;
    }
    // Release: whoever reads this half sees what carry() did before.
    sum_low_.store(low, std::memory_order_release);
  }
  void carry(uint64_t low, uint64_t high);

  // Twice the upper half of the sum, odd while both halves change.
  std::atomic<uint64_t> sum_high_{0};
  std::atomic<uint64_t> sum_low_{0};
  std::atomic<uint64_t> least_{UINT64_MAX};
  std::atomic<uint64_t> greatest_{0};
  std::unique_ptr<std::atomic<uint64_t>[]> counts_;
};

}  // namespace nm
