// How exactly a sender keeps a rate, beside what the machine lets anybody keep.
//
//     sender's core     | noise: a sixth of the time | the generator, all the time  | noise: a sixth |
//     receiver's core   | noise                     | a sink that measures         | noise          |
//
// Noise is what a loop sees that does nothing but read the clock until the next packet would be due. A gap is exact when it
// is less than a microsecond off the one that was asked for.
#pragma once

#include <cstdint>

#include "bench/limits.h"

namespace nm::bench {

struct Precision {
  bool failed = false;
  // Of all gaps, the share that is exact: of the clock's reader, of the packets as they left, and as they came.
  double noise_share = 0;
  double sent_share = 0;
  double received_share = 0;
  // How far the rate was from what was asked, from the first packet to the last.
  double error_ppm = 0;
  uint64_t forgone = 0;
  uint64_t longest_burst = 0;
  double disturbance = 0;
};

Precision measure_precision(uint64_t packets_per_second, Placement placement, double seconds);

}  // namespace nm::bench
