#include "engine/offset_option.h"

#include "engine/offsets.h"

namespace nm::engine {

namespace {

bool is_pipe(const PortRecord& record) {
  return record.kind == PortKind::pipe_master || record.kind == PortKind::pipe_slave;
}

// A zero-copy monitor takes the offsets of what it watches.
bool can_have_offsets(const PortRecord& record, const Region& region) {
  switch (record.kind) {
    case PortKind::vale:
    case PortKind::persistent:
    case PortKind::pipe_master:
    case PortKind::pipe_slave:
    case PortKind::null:
      return true;
    case PortKind::monitor:
      return record.watched_region != region.id();
    default:
      return false;
  }
}

uint64_t mask_of(const abi::nmreq_opt_offsets& wanted) {
  const uint32_t bits = wanted.nro_offset_bits;
  return bits == 0 || bits >= 64 ? ~0ull : (1ull << bits) - 1;
}

Status check(const FoundPort& port, RingRange tx, RingRange rx, const abi::nmreq_opt_offsets& wanted) {
  const PortRecord& record = port.record();
  const Region& region = *port.region;
  const uint64_t mask = mask_of(wanted);
  if (!can_have_offsets(record, region)) return Status::offsets_unsupported;
  if (wanted.nro_offset_bits > 64 || wanted.nro_max_offset > region.buffer_stride() ||
      (wanted.nro_max_offset & mask) != wanted.nro_max_offset ||
      wanted.nro_initial_offset > wanted.nro_max_offset) {
    return Status::bad_offsets;
  }
  Status status = Status::ok;
  for_each_ring(record, tx, rx, [&](uint32_t index, bool) {
    const RingState& ring = region.ring(index);
    const uint64_t agreed = ring.offset_mask;
    const bool narrower = (agreed & mask) != mask || ring.offset_most < wanted.nro_max_offset;
    if (agreed != 0 && narrower) status = Status::offsets_agreed;
  });
  return status;
}

// The ring at the other end of a pipe; the ring itself where there is none.
uint32_t other_end(const FoundPort& port, uint32_t index, bool is_tx) {
  const PortRecord& record = port.record();
  if (!is_pipe(record)) return index;
  const uint32_t number = index - record.first_ring - (is_tx ? 0 : record.all_tx());
  // Host rings of a pipe lead nowhere.
  if (number >= (is_tx ? record.tx_rings : record.rx_rings)) return index;
  const PortRecord& peer = port.region->port(record.peer);
  return peer.first_ring + (is_tx ? peer.all_tx() : 0) + number;
}

void agree(const Region& region, uint32_t index, const abi::nmreq_opt_offsets& wanted) {
  RingState& ring = region.ring(index);
  if (ring.offset_mask != 0) return;
  ring.offset_gap = static_cast<uint32_t>(std::min<uint64_t>(wanted.nro_min_gap, region.buffer_stride()));
  ring.offset_most = static_cast<uint32_t>(wanted.nro_max_offset);
  // Last: a sender that sees the mask sees the rest or older, smaller words.
  ring.offset_mask = mask_of(wanted);
  region.netmap_ring(index)->offset_mask = ring.offset_mask;
}

void fill(const Region& region, uint32_t index, uint64_t offset) {
  const RingState& ring = region.ring(index);
  if (offset == 0 || ring.has_memory != kRingMade || ring.users.load() != 0) return;
  const Offsets offsets(ring, region.buffer_stride());
  for (uint32_t i = 0; i < ring.slots; i++) offsets.put(region.netmap_ring(index)->slot[i], offset);
}

// Packets that nobody has read yet begin where their sender said.
bool has_unread(const RingState& ring) { return ring.ahead.load() != ring.released.load(); }

}  // namespace

Status check_offsets(const FoundPort& port, RingRange tx, RingRange rx, abi::nmreq_opt_offsets* wanted) {
  const Status status = check(port, tx, rx, *wanted);
  wanted->nro_opt.nro_status = static_cast<uint32_t>(status_errno(status));
  return status;
}

void set_offsets(const FoundPort& port, uint32_t index, bool is_tx, abi::nmreq_opt_offsets* wanted) {
  const Region& region = *port.region;
  const uint32_t other = other_end(port, index, is_tx);
  agree(region, index, *wanted);
  agree(region, other, *wanted);
  const bool in_flight = other != index && has_unread(region.ring(is_tx ? other : index));
  if (is_tx || !in_flight) fill(region, index, wanted->nro_initial_offset);
  if (other != index && (!is_tx || !in_flight)) fill(region, other, wanted->nro_initial_offset);
  wanted->nro_max_offset = region.ring(index).offset_most;
}

void forget_offsets(const FoundPort& port) {
  const PortRecord& record = port.record();
  // A pipe goes with its last user.
  if (is_pipe(record)) return;
  const Region& region = *port.region;
  for_each_ring(record, {0, record.all_tx()}, {0, record.all_rx()}, [&](uint32_t index, bool) {
    RingState& ring = region.ring(index);
    if (ring.offset_mask == 0) return;
    ring.offset_mask = 0;
    ring.offset_most = ring.offset_gap = 0;
    if (ring.has_memory != kRingMade) return;
    region.netmap_ring(index)->offset_mask = 0;
    for (uint32_t i = 0; i < ring.slots; i++) region.netmap_ring(index)->slot[i].ptr = 0;
  });
}

}  // namespace nm::engine
