// Reads packets out of the slots of a TX ring, checked: what a driver hands to the kernel.
#pragma once

#include <cstdint>

#include "engine/bound_ring.h"
#include "nic/interface.h"

namespace nm::nic {

struct Departure {
  struct Piece {
    uint32_t buffer;
    uint32_t length;
  };
  uint32_t end = 0;  // past its last slot
  uint32_t bytes = 0;
  uint32_t pieces = 0;
  Piece piece[abi::NETMAP_MAX_FRAGS];
};

enum class Departing {
  ready,       // a packet, in good slots
  left_out,    // no packet that could be sent; counted
  unfinished,  // its end has not come
};

// Whether the interface takes a frame of `length` bytes that begins so. Beyond the MTU there is room for a VLAN tag only.
bool fits(const Interface& interface, const uint8_t* frame, uint32_t length);

// Reads the packet that begins in slot `at`, before `head`.
Departing read_departure(engine::BoundRing& ring, uint32_t at, uint32_t head, Departure* packet);

}  // namespace nm::nic
