#include "nic/departures.h"

#include "bytes.h"

namespace nm::nic {

namespace {

constexpr uint32_t kEthernetHeader = 14;
constexpr uint32_t kTypeAt = 12;
constexpr uint16_t kEtherTag = 0x8100;
constexpr uint16_t kEtherServiceTag = 0x88a8;

}  // namespace

bool fits(const Interface& interface, const uint8_t* frame, uint32_t length) {
  if (length <= interface.mtu + kEthernetHeader) return true;
  const auto type = load_big<uint16_t>(frame + kTypeAt);
  return length <= interface.longest_frame() && (type == kEtherTag || type == kEtherServiceTag);
}

Departing read_departure(engine::BoundRing& ring, uint32_t at, uint32_t head, Departure* packet) {
  engine::RingState& state = *ring.state;
  const uint32_t stride = ring.region->buffer_stride();
  packet->bytes = 0;
  packet->pieces = 0;
  bool good = true;
  bool more = true;
  uint32_t slot = at;
  for (; more && slot != head; slot = ring_next(slot, ring.slots)) {
    const Descriptor read = Descriptor::load(ring.shared->slot[slot]);
    good &=
        ring.region->buffer_valid(read.buf_idx) && read.len <= stride && (read.flags & abi::NS_INDIRECT) == 0;
    if (packet->pieces < abi::NETMAP_MAX_FRAGS) packet->piece[packet->pieces] = {read.buf_idx, read.len};
    packet->pieces++;
    packet->bytes += read.len;
    more = (read.flags & abi::NS_MOREFRAG) != 0;
  }
  // One that fills the whole ring and goes on has no end.
  const bool is_possible = packet->pieces <= abi::NETMAP_MAX_FRAGS && packet->pieces < ring.slots - 1;
  if (more && is_possible) return Departing::unfinished;
  packet->end = slot;
  if (!good) {
    ++state.drops_bad_slot;
  } else if (more || packet->pieces > abi::NETMAP_MAX_FRAGS) {
    ++state.drops_too_many_slots;
  } else if (packet->bytes < kEthernetHeader) {
    ++state.drops_too_short;
  } else {
    return Departing::ready;
  }
  return Departing::left_out;
}

}  // namespace nm::nic
