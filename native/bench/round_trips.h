// How long a packet takes through a pipe to another process and back: as ping and pong have it, beside two bare loops that
// carry a packet of the same length, wait in the same way and do nothing else.
#pragma once

#include "bench/limits.h"

namespace nm::bench {

struct RoundTrips {
  bool failed = false;
  double bare_p50_ns = 0;
  double ping_p50_ns = 0;
  double disturbance = 0;
};

// Windows of both in turn, of a quarter of the time each.
RoundTrips measure_round_trips(Placement placement, double seconds);

}  // namespace nm::bench
