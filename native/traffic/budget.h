// A count of packets that several loops take together, and not one more.
//
//     left   --reserve()-->   reserved by a loop   --settle()-->   taken
//       ^                             |
//       +------- what it did not take +
//
// Threads   Any may call any function. Nobody waits: a loop that finds nothing left goes on without.
#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <memory>

namespace nm {

class Budget {
 public:
  explicit Budget(uint64_t packets) : total_(packets), left_(packets) {}

  // Up to `most` packets, for the caller alone until it settles.
  uint64_t reserve(uint64_t most) {
    uint64_t left = left_.load(std::memory_order_relaxed);
    uint64_t some = std::min(left, most);
    while (some > 0 && !left_.compare_exchange_weak(left, left - some, std::memory_order_relaxed)) {
      some = std::min(left, most);
    }
    return some;
  }

  // Of so many reserved packets so many were taken.
  void settle(uint64_t reserved, uint64_t taken) {
    assert(taken <= reserved);
    if (taken < reserved) left_.fetch_add(reserved - taken, std::memory_order_relaxed);
    if (taken > 0) taken_.fetch_add(taken, std::memory_order_relaxed);
  }

  // Whether all packets were taken.
  bool used_up() const { return taken_.load(std::memory_order_relaxed) == total_; }

 private:
  const uint64_t total_;
  std::atomic<uint64_t> left_;
  std::atomic<uint64_t> taken_{0};
};

// The budget of a loop: the one it was given, one of its own for a count, or none where nothing is counted.
inline std::shared_ptr<Budget> budget_for(std::shared_ptr<Budget> given, uint64_t count) {
  if (given != nullptr || count == 0) return given;
  return std::make_shared<Budget>(count);
}

}  // namespace nm
