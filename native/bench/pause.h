// Small things that the bare loops of the limits need.
#pragma once

#include <sched.h>

#include <cstdint>

#include "spin_pause.h"

namespace nm::bench {

// Waits for the other side a little at a time. Gives the processor away now and then: the other side may need it.
class Patience {
 public:
  void wait() {
    if (++waits_ % kWaitsPerYield == 0) sched_yield();
    spin_pause();
  }

 private:
  static constexpr uint32_t kWaitsPerYield = 32;
  uint32_t waits_ = 0;
};

// The compiler must believe that somebody needs the value.
inline void keep(uint64_t value) { asm volatile("" : : "r"(value)); }

}  // namespace nm::bench
