#include "nic/gather.h"

namespace nm::nic {

Gathered gather_packet(engine::BoundRing& ring, uint32_t first, uint32_t head, iovec* pieces) {
  engine::RingState& state = *ring.state;
  const engine::Region& region = *ring.region;
  const uint32_t stride = region.buffer_stride();
  Gathered packet;
  uint32_t slots = 0;
  bool is_good = true;
  bool more = true;
  uint32_t at = first;
  for (; more && at != head; at = ring_next(at, ring.slots)) {
    const Descriptor slot = Descriptor::load(ring.shared->slot[at]);
    is_good &=
        region.buffer_valid(slot.buf_idx) && slot.len <= stride && (slot.flags & abi::NS_INDIRECT) == 0;
    if (is_good && slots < abi::NETMAP_MAX_FRAGS) pieces[slots] = {region.buffer(slot.buf_idx), slot.len};
    slots++;
    packet.bytes += slot.len;
    more = (slot.flags & abi::NS_MOREFRAG) != 0;
  }
  packet.end = at;
  packet.pieces = slots;
  // One that fills the whole ring and goes on has no end.
  const bool fills_ring = ring_distance(first, at, ring.slots) == ring.slots - 1;
  const bool is_long = slots > abi::NETMAP_MAX_FRAGS;
  if (more && !fills_ring && !is_long) {
    packet.outcome = Gathered::Outcome::unfinished;
    return packet;
  }
  if (!is_good) {
    ++state.drops_bad_slot;
  } else if (more || is_long) {
    ++state.drops_too_many_slots;
  } else if (packet.bytes < kShortestFrame) {
    ++state.drops_too_short;
  } else {
    return packet;
  }
  packet.outcome = Gathered::Outcome::unfit;
  return packet;
}

}  // namespace nm::nic
