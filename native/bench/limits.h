// What the machine can do at best, measured with nothing in the way: what the engine's figures are divided by.
#pragma once

#include <cstdint>

#include "bench/lines.h"
#include "bench/window.h"

namespace nm::bench {

// Where the two sides of a measurement run.
struct Placement {
  int from_cpu;
  int to_cpu;
  uint32_t cores() const { return from_cpu == to_cpu && from_cpu != kAnyCpu ? 1 : 2; }
};

// Buffers of `length` bytes, `stride` bytes from one to the next, as many as a ring has slots.
struct Buffers {
  uint32_t length;
  uint32_t stride;
};

inline constexpr uint32_t kPlainStride = 2048;

// One process copies from one set of buffers to another. Buffers a second.
Outcome measure_memcpy(Buffers buffers, int cpu, double seconds);

// A bare producer writes every line of a buffer, a consumer reads one word of each. The index that tells of a
// buffer is published once per batch. Buffers a second, as the consumer counts them, in per_second[1].
Outcome measure_stream(Buffers buffers, Stores stores, Placement placement, double seconds);

// How long a cache line takes from one processor to the other. It tells how near the two are to each other just now:
// under a hypervisor, that changes.
double ping_pong_ns(Placement placement);

}  // namespace nm::bench
