// Which packets a link holds back, so that others overtake them.
#pragma once

#include <cstdint>

#include "traffic/random.h"

namespace nm {

struct ReorderSpec {
  // The share of packets that is held back, and for how long.
  double share = 0;
  uint64_t hold_ns = 0;
};

class Reorder {
 public:
  Reorder(const ReorderSpec& spec, uint64_t seed) : spec_(spec), random_(seed) {}

  // Whether the next packet is held back.
  bool holds() { return spec_.share > 0 && random_.happens(spec_.share); }
  uint64_t hold_ns() const { return spec_.hold_ns; }

 private:
  ReorderSpec spec_;
  Random random_;
};

}  // namespace nm
