// Which packets a link loses.
#pragma once

#include <cstdint>
#include <memory>

namespace nm {

// name, what its two values are
#define NM_LOSS_MODELS(row)                                                             \
  row(none, "nothing")                                                                  \
  row(packets, "the share of packets that is lost")                                     \
  row(bits, "the share of bits that is wrong: a packet with one of them is lost")       \
  row(bursts, "the share of packets that is lost, and how many are lost in a row on average")

enum class LossModel : uint32_t {
#define row(name, values) name,
  NM_LOSS_MODELS(row)
#undef row
};

struct LossSpec {
  LossModel model = LossModel::none;
  double values[2] = {0, 0};
};

class Loss {
 public:
  virtual ~Loss() = default;
  // Whether a packet of so many bytes is lost.
  virtual bool loses(uint32_t length) = 0;
};

// nullptr when the values cannot be. What is random is the same for the same seed.
std::unique_ptr<Loss> make_loss(const LossSpec& spec, uint64_t seed);

}  // namespace nm
