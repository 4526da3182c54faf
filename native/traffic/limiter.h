// A limiter: lets so many packets or bits pass in so much time, and makes the rest wait.
//
// Each packet that passes moves the time at which the next may pass. Who comes later than that may catch up, but for no
// more than kCredit_ns: bursts are no longer than what passes in that time.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>

#include "traffic/models/bandwidth.h"

namespace nm {

class Limiter {
 public:
  // A sleeping loop comes some 0.1 ms late. What that costs must be made good.
  static constexpr uint64_t kCredit_ns = 2'000'000;

  // Of the models, `constant` and `packets`; or `infinite`, which is no limit.
  explicit Limiter(const BandwidthSpec& spec)
      : bandwidth_(make_bandwidth(spec)), limits_(spec.model != BandwidthModel::infinite) {
    assert(bandwidth_ != nullptr);
  }

  bool limits() const { return limits_; }

  // When the next packet may pass.
  uint64_t due_ns() const { return next_ns_; }

  void pass(uint64_t now_ns, uint32_t length) {
    if (next_ns_ + kCredit_ns < now_ns) next_ns_ = now_ns - kCredit_ns;
    next_ns_ += bandwidth_->transmission_ns({length, now_ns, 0}).value_or(0);
  }

 private:
  std::unique_ptr<Bandwidth> bandwidth_;
  bool limits_;
  uint64_t next_ns_ = 0;
};

}  // namespace nm
