#include "traffic/models/delay.h"

#include <algorithm>
#include <cmath>

#include "traffic/random.h"

namespace nm {
namespace {

class Constant final : public Delay {
 public:
  explicit Constant(uint64_t delay_ns) : delay_ns_(delay_ns) {}
  uint64_t delay_ns(uint64_t, uint64_t) override { return delay_ns_; }

 private:
  uint64_t delay_ns_;
};

class Uniform final : public Delay {
 public:
  Uniform(uint64_t least_ns, uint64_t greatest_ns, uint64_t seed)
      : least_ns_(least_ns), range_ns_(greatest_ns - least_ns), random_(seed) {}
  uint64_t delay_ns(uint64_t, uint64_t) override { return least_ns_ + random_.up_to(range_ns_); }

 private:
  uint64_t least_ns_;
  uint64_t range_ns_;
  Random random_;
};

class Exponential final : public Delay {
 public:
  Exponential(uint64_t least_ns, uint64_t mean_ns, uint64_t seed)
      : least_ns_(least_ns), more_ns_(static_cast<double>(mean_ns - least_ns)), random_(seed) {}
  uint64_t delay_ns(uint64_t, uint64_t) override {
    // The share is never 0, so the logarithm is at most 37.
    return least_ns_ + static_cast<uint64_t>(-std::log(1 - random_.share()) * more_ns_);
  }

 private:
  uint64_t least_ns_;
  double more_ns_;
  Random random_;
};

class Gaps final : public Delay {
 public:
  Gaps(uint64_t least_ns, uint64_t greatest_ns, uint64_t first_ns, uint64_t seed)
      : least_ns_(least_ns), range_ns_(greatest_ns - least_ns), first_ns_(first_ns), random_(seed) {}
  uint64_t delay_ns(uint64_t now_ns, uint64_t last_ns) override {
    const uint64_t gap_ns = least_ns_ + random_.up_to(range_ns_);
    return last_ns < now_ns ? first_ns_ : last_ns - now_ns + gap_ns;
  }

 private:
  uint64_t least_ns_;
  uint64_t range_ns_;
  uint64_t first_ns_;
  Random random_;
};

}  // namespace

std::unique_ptr<Delay> make_delay(const DelaySpec& spec, uint64_t seed) {
  const auto [first, second, third] = spec.values;
  switch (spec.model) {
    case DelayModel::none:
      return std::make_unique<Constant>(0);
    case DelayModel::constant:
      return std::make_unique<Constant>(first);
    case DelayModel::uniform:
      if (first > second) return nullptr;
      return std::make_unique<Uniform>(first, second, seed);
    case DelayModel::exponential:
      if (first > second) return nullptr;
      return std::make_unique<Exponential>(first, second, seed);
    case DelayModel::gaps:
      if (first > second) return nullptr;
      return std::make_unique<Gaps>(first, second, third, seed);
  }
  return nullptr;
}

}  // namespace nm
