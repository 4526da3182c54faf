// How long a link takes to transmit a packet.
//
// What the models add up to is exact: the fraction of a nanosecond that one packet leaves is the next one's, so a link of
// 7 bits a second has no other error after a year than after its first packet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "clock.h"

namespace nm {

// name, what its two values are. TypeScript reads the words that name them, see lib/models.ts.
#define NM_BANDWIDTH_MODELS(row)                                                                   \
  row(infinite, "nothing")                                                                         \
  row(recorded, "a speed, as numerator and denominator: gaps are those of the capture, divided by it") \
  row(constant, "bits per second, and bytes that are counted besides those of each packet")        \
  row(packets, "packets, and the nanoseconds that they take")                                      \
  row(average, "bits per second in the long run, and bytes that are counted besides those of each packet")

enum class BandwidthModel : uint32_t {
#define row(name, values) name,
  NM_BANDWIDTH_MODELS(row)
#undef row
};

struct BandwidthSpec {
  BandwidthModel model = BandwidthModel::infinite;
  uint64_t values[2] = {0, 0};
};

// Preamble, gap and CRC: what a packet takes of a wire besides its own bytes.
inline constexpr uint64_t kFramingBytes = 24;

// A packet that a link is to carry.
struct Offered {
  uint32_t length;
  // When it is offered, and how long after the one before it in the capture, if it is of one.
  uint64_t now_ns;
  uint64_t gap_ns;
};

class Bandwidth {
 public:
  virtual ~Bandwidth() = default;
  // How long the packet occupies the link; nothing when it may not pass.
  virtual std::optional<uint64_t> transmission_ns(const Offered& packet) = 0;
};

// Whether it is a link that transmits one packet after the other, so that two cannot arrive closer together either.
constexpr bool is_serial(BandwidthModel model) { return model == BandwidthModel::constant; }

// nullptr when the values cannot be.
std::unique_ptr<Bandwidth> make_bandwidth(const BandwidthSpec& spec);

}  // namespace nm
