// Transparent mode: packets that a program only looks at go on to where they would have gone without it.
//
//   hardware RX ring, slot marked NS_FORWARD --> host, as if it had arrived there
//   host RX ring, slot marked NS_FORWARD ------> hardware TX ring, if the descriptor has all of them
//
// It is asked for with NR_FORWARD in a ring's flags, and happens when the program gives the slot back. What has no room where
// it should go is lost, and counted in the ring that it came from.
#pragma once

#include <vector>

#include "engine/bound_ring.h"
#include "engine/engine.h"

namespace nm::engine {

// Whether the program of an RX ring wants it.
inline bool is_transparent(const BoundRing& ring) {
  return (__atomic_load_n(&ring.shared->flags, __ATOMIC_RELAXED) & abi::NR_FORWARD) != 0;
}

// Passes on what is marked among the slots [hwcur, head) of an RX ring, which are being given back. `tx` are the descriptor's
// TX rings. Returns the one that got something to send, if one did.
BoundRing* pass_on(const Binding& binding, BoundRing& ring, uint32_t head, std::vector<BoundRing>& tx);

}  // namespace nm::engine
