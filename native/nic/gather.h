// The slots of packets that are to leave, read once and checked, as pieces for a call of the kernel.
#pragma once

#include <sys/uio.h>

#include <cstdint>

#include "engine/bound_ring.h"

namespace nm::nic {

inline constexpr uint32_t kShortestFrame = 14;  // an Ethernet header

struct Gathered {
  enum class Outcome {
    packet,      // it can be sent
    unfit,       // it cannot, and was counted
    unfinished,  // its last slot has not come
  };
  Outcome outcome = Outcome::packet;
  uint32_t end = 0;     // the slot after its last one
  uint32_t pieces = 0;  // of a packet
  uint32_t bytes = 0;   // in them
};

// Reads the packet that begins in slot `first` of a TX ring whose slots before `head` are to be sent. `pieces` has room for
// NETMAP_MAX_FRAGS.
Gathered gather_packet(engine::BoundRing& ring, uint32_t first, uint32_t head, iovec* pieces);

}  // namespace nm::nic
