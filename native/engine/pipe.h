// A pipe: what one end sends, the other receives, in the same buffers.
//
//   TX ring of one end          slot i, its buffer, its flags         RX ring of the other end
//   [ i ]  ------------------------------ send ---------------------------->  [ i ]
//   [ i ]  <-- room again ---------------- release (a swapped buffer too) --  [ i ]
//
// Nothing is copied and nothing is dropped: the sender runs out of slots until the receiver gives some back.
//
// A receiver that swaps buffers, as a bridge does, writes those that it gives back into the sender's ring. The sender could fetch
// them from the receiver's instead, whose lines it writes next anyway. Measured with both: where cores are far from each other a
// bridge of two pipes then passes up to a fifth more, where they are near a tenth less, and the bare pipe loses some percent.
//
// The RX ring's `ahead` says how far packets are complete, its `released` how far the receiver is done with
// them. Each has one writer, so one acquire and one release per sync is all the agreement there is.
#pragma once

#include "engine/bound_ring.h"

namespace nm::engine {

// One sync of a TX ring whose user gave `head`. Publishes complete packets, which monitors of the other end see first,
// and takes back released slots.
void pipe_tx_sync(const Namespace& space, const std::shared_ptr<Region>& region, BoundRing& ring,
                  uint32_t head, WatchedReceivers& watched);

// One sync of an RX ring. Shows complete packets and gives the slots before `head` back to the sender.
void pipe_rx_sync(const Namespace& space, const Region& region, BoundRing& ring, uint32_t head);

// Gives the sender's ring all buffers that the receiver swapped in and did not give back. Neither is in use any more.
void pipe_return_all(const Region& region, uint32_t tx, uint32_t rx);

// Whether a sync would move the tail. Cheap enough to spin on.
inline bool pipe_tx_has_news(const BoundRing& ring) {
  const uint32_t released = ring.peer_state->released.load(std::memory_order_relaxed);
  return released < ring.slots && ring_previous(released, ring.slots) != ring.state->hwtail;
}
inline bool pipe_rx_has_news(const BoundRing& ring) {
  return ring.state->ahead.load(std::memory_order_relaxed) != ring.state->hwtail;
}

}  // namespace nm::engine
