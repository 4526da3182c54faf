// A filler puts packets into the slots of TX rings: what is sent. The generator (generator.h) says how many, when.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ring.h"

namespace nm {

// What was put: packets, and the bytes in their slots.
struct Filled {
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

// Called once per ring and round.
class Filler {
 public:
  virtual ~Filler() = default;

  // Slots that a packet takes, at most.
  virtual uint32_t slots_per_packet() const = 0;

  // Puts `packets` packets, at least one, into the slots of TX ring `lane` of the port, from head on, where there is
  // room for them, and advances head. `now_ns` is the time that the first marks tell. Fewer only when there are no more to send.
  virtual Filled fill(size_t lane, uint32_t packets, uint64_t now_ns) = 0;
};

}  // namespace nm
