#include "traffic/models/bandwidth.h"

#include <algorithm>

#include "traffic/models/ratio.h"

namespace nm {
namespace {

constexpr uint64_t kBits = 8;

class Infinite final : public Bandwidth {
 public:
  std::optional<uint64_t> transmission_ns(const Offered&) override { return 0; }
};

class Recorded final : public Bandwidth {
 public:
  Recorded(uint64_t numerator, uint64_t denominator) : slowness_(denominator, numerator) {}
  std::optional<uint64_t> transmission_ns(const Offered& packet) override {
    return slowness_.of(packet.gap_ns);
  }

 private:
  Ratio slowness_;
};

class Constant final : public Bandwidth {
 public:
  Constant(uint64_t bits_per_second, uint64_t framing)
      : per_byte_(kBits * kSecond_ns, bits_per_second), framing_(framing) {}
  std::optional<uint64_t> transmission_ns(const Offered& packet) override {
    return per_byte_.of(packet.length + framing_);
  }

 private:
  Ratio per_byte_;
  uint64_t framing_;
};

class Packets final : public Bandwidth {
 public:
  Packets(uint64_t packets, uint64_t per_ns) : per_packet_(per_ns, packets) {}
  std::optional<uint64_t> transmission_ns(const Offered&) override { return per_packet_.of(1); }

 private:
  Ratio per_packet_;
};

// A bucket of bytes that fills at the rate and that packets are taken from. As in netmap, it is as deep as what 2^22 ns
// bring, or two of the largest packets, and empty at first.
class Average final : public Bandwidth {
 public:
  Average(uint64_t bits_per_second, uint64_t framing)
      : per_ns_(bits_per_second, kBits * kSecond_ns),
        framing_(framing),
        depth_(std::max(Ratio(per_ns_).of(kDepth_ns), kLeastDepth)) {}

  std::optional<uint64_t> transmission_ns(const Offered& packet) override {
    if (packet.now_ns > filled_ns_) {
      const uint64_t more = per_ns_.of(packet.now_ns - filled_ns_);
      bucket_ = more < depth_ - bucket_ ? bucket_ + more : depth_;
      filled_ns_ = packet.now_ns;
    }
    const uint64_t bytes = packet.length + framing_;
    if (bytes > bucket_) return std::nullopt;
    bucket_ -= bytes;
    return 0;
  }

 private:
  static constexpr uint64_t kDepth_ns = 1 << 22;
  static constexpr uint64_t kLeastDepth = 2 * 9200;

  Ratio per_ns_;
  uint64_t framing_;
  uint64_t depth_;
  uint64_t bucket_ = 0;
  uint64_t filled_ns_ = 0;
};

}  // namespace

std::unique_ptr<Bandwidth> make_bandwidth(const BandwidthSpec& spec) {
  const auto [first, second] = spec.values;
  switch (spec.model) {
    case BandwidthModel::infinite:
      return std::make_unique<Infinite>();
    case BandwidthModel::recorded:
      if (first == 0 || second == 0) return nullptr;
      return std::make_unique<Recorded>(first, second);
    case BandwidthModel::constant:
      if (first == 0) return nullptr;
      return std::make_unique<Constant>(first, second);
    case BandwidthModel::packets:
      if (first == 0) return nullptr;
      return std::make_unique<Packets>(first, second);
    case BandwidthModel::average:
      if (first == 0) return nullptr;
      return std::make_unique<Average>(first, second);
  }
  return nullptr;
}

}  // namespace nm
