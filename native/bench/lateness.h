// How late packets of a capture leave, beside how late a loop is that only reads the clock at the same times.
//
//     sender's core     | reads the clock at each packet's time | replays them onto a pipe | reads the clock ... |
//     receiver's core   | as well                               | a sink that never sleeps | as well             |
//
// The capture is in memory before: who reads the file has a third core where that matters.
#pragma once

#include <string>

#include "bench/limits.h"

namespace nm::bench {

// Of all packets.
struct Lateness {
  double p50_ns = 0;
  double p99_ns = 0;
  // The share that is not more than kInTime_ns late.
  double in_time = 0;
};
inline constexpr uint64_t kInTime_ns = 2000;

struct ReplayLateness {
  bool failed = false;
  // The mean of before and after.
  Lateness noise;
  Lateness replay;
  double packets = 0;
  double disturbance = 0;
};

ReplayLateness measure_lateness(const std::string& capture, Placement placement);

}  // namespace nm::bench
