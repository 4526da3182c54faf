// The receiving side of a ring that several senders fill through reservation.h.
//
// A sync only moves its tail over what was published.
//
// Failure   A sender that dies between reserve and publish leaves a hole. It is closed with empty slots when the
//           receiver has waited for it a while and finds that its owner is gone (receiver.cc, recover).
#pragma once

#include "engine/bound_ring.h"

namespace nm::engine {

// One sync of an RX ring: shows published packets, gives the slots before `head` back to senders.
void receiver_sync(const Namespace& space, BoundRing& ring, uint32_t head);

inline bool receiver_has_news(const BoundRing& ring) {
  const Lease lease =
      Lease::unpack(ring.leases[ring.state->hwtail % ring.slots].load(std::memory_order_relaxed));
  return lease.flag && lease.position == Position{ring.state->hwtail, ring.state->lap};
}

// Whether somebody has reserved slots of the ring and not yet filled them: the receiver must look again soon,
// for that somebody may be dead. The next sync will see to it.
bool receiver_awaits_sender(BoundRing& ring);

// Whether a reservation of `owner` in this ring may be unfinished. Reads only, and rather says yes.
bool receiver_awaits(const Region& region, uint32_t ring, uint32_t owner);

}  // namespace nm::engine
