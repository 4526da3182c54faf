#include "traffic/models/loss.h"

#include <cmath>
#include <vector>

#include "traffic/random.h"

namespace nm {
namespace {

class NoLoss final : public Loss {
 public:
  bool loses(uint32_t) override { return false; }
};

class PacketLoss final : public Loss {
 public:
  PacketLoss(double share, uint64_t seed) : share_(share), random_(seed) {}
  bool loses(uint32_t) override { return random_.happens(share_); }

 private:
  double share_;
  Random random_;
};

// A packet of n bits arrives when all of them do.
class BitLoss final : public Loss {
 public:
  BitLoss(double share, uint64_t seed) : random_(seed) {
    const double right = std::log1p(-share);
    for (uint32_t length = 0; length < kTable; length++)
      shares_.push_back(length == 0 ? 0 : -std::expm1(8.0 * length * right));
  }
  bool loses(uint32_t length) override {
    // Longer packets count as the longest in the table.
    return random_.happens(shares_[length < kTable ? length : kTable - 1]);
  }

 private:
  static constexpr uint32_t kTable = 65536;

  std::vector<double> shares_;
  Random random_;
};

// Two states, in one of which all packets are lost: a walk between them that has the share and the mean run asked for.
// [Gilbert 1960]
class BurstLoss final : public Loss {
 public:
  BurstLoss(double share, double run, uint64_t seed)
      : enter_(share < 1 ? share / (run * (1 - share)) : 1), leave_(share < 1 ? 1 / run : 0), random_(seed) {
    losing_ = random_.happens(share);
  }
  bool loses(uint32_t) override {
    const bool lost = losing_;
    losing_ = losing_ ? !random_.happens(leave_) : random_.happens(enter_);
    return lost;
  }

 private:
  double enter_;
  double leave_;
  Random random_;
  bool losing_;
};

bool is_share(double value) { return value >= 0 && value <= 1; }

}  // namespace

std::unique_ptr<Loss> make_loss(const LossSpec& spec, uint64_t seed) {
  const auto [first, second] = spec.values;
  switch (spec.model) {
    case LossModel::none:
      return std::make_unique<NoLoss>();
    case LossModel::packets:
      if (!is_share(first)) return nullptr;
      return std::make_unique<PacketLoss>(first, seed);
    case LossModel::bits:
      if (!is_share(first)) return nullptr;
      return std::make_unique<BitLoss>(first, seed);
    case LossModel::bursts:
      // Runs that are shorter would need packets between them that are not there.
      if (!is_share(first) || !(second >= 1) || (first < 1 && first / (1 - first) > second)) return nullptr;
      return std::make_unique<BurstLoss>(first, second, seed);
  }
  return nullptr;
}

}  // namespace nm
