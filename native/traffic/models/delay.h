// How long a packet is under way, after the link has transmitted it.
#pragma once

#include <cstdint>
#include <memory>

namespace nm {

// name, what its three values are: nanoseconds
#define NM_DELAY_MODELS(row)                                                                          \
  row(none, "nothing")                                                                                \
  row(constant, "the delay")                                                                          \
  row(uniform, "the least, and the greatest; all between are as likely")                              \
  row(exponential, "the least, and the mean")                                                         \
  row(gaps, "the least and the greatest time between packets that leave, and the delay of one that finds none before it")

enum class DelayModel : uint32_t {
#define row(name, values) name,
  NM_DELAY_MODELS(row)
#undef row
};

struct DelaySpec {
  DelayModel model = DelayModel::none;
  uint64_t values[3] = {0, 0, 0};
};

class Delay {
 public:
  virtual ~Delay() = default;
  // The delay of a packet that the link has transmitted at `now_ns`. The one before it left at `last_ns`.
  virtual uint64_t delay_ns(uint64_t now_ns, uint64_t last_ns) = 0;
};

// nullptr when the values cannot be. What is random is the same for the same seed.
std::unique_ptr<Delay> make_delay(const DelaySpec& spec, uint64_t seed);

}  // namespace nm
