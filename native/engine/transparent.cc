#include "engine/transparent.h"

#include <cstring>

#include "nic/open_interface.h"

namespace nm::engine {

namespace {

uint32_t load(const uint32_t& word) { return __atomic_load_n(&word, __ATOMIC_RELAXED); }
void store(uint32_t& word, uint32_t value) { __atomic_store_n(&word, value, __ATOMIC_RELAXED); }

// Where the packet that begins at `first` ends: past its last slot, or at `head`.
uint32_t packet_end(const BoundRing& ring, uint32_t first, uint32_t head) {
  uint32_t at = first;
  bool more = true;
  for (; more && at != head; at = ring_next(at, ring.slots)) {
    more = (Descriptor::load(ring.shared->slot[at]).flags & abi::NS_MOREFRAG) != 0;
  }
  return at;
}

// Copies the packet into slots that the program has in the TX ring, as if it had put it there. False: no room.
bool put(const BoundRing& from, uint32_t first, uint32_t end, BoundRing& to) {
  const uint32_t head = load(to.shared->head);
  const uint32_t tail = to.state->hwtail;
  if (head >= to.slots || ring_distance(head, tail, to.slots) < ring_distance(first, end, from.slots))
    return false;
  const Region& region = *from.region;
  uint32_t at = head;
  for (uint32_t i = first; i != end; i = ring_next(i, from.slots), at = ring_next(at, to.slots)) {
    const Descriptor source = Descriptor::load(from.shared->slot[i]);
    const Descriptor target = Descriptor::load(to.shared->slot[at]);
    const bool can_be = region.buffer_valid(source.buf_idx) && region.buffer_valid(target.buf_idx) &&
                        source.len <= region.buffer_stride();
    if (!can_be) return false;
    memcpy(region.buffer(target.buf_idx), region.buffer(source.buf_idx), source.len);
    const auto flags = static_cast<uint16_t>(source.flags & abi::NS_MOREFRAG);
    Descriptor{target.buf_idx, source.len, flags}.store(to.shared->slot[at]);
  }
  store(to.shared->cur, at);
  store(to.shared->head, at);
  return true;
}

// The hardware TX ring for what the host sent; null unless the descriptor has all of them.
BoundRing* way_out(const PortRecord& record, std::vector<BoundRing>& tx) {
  BoundRing* first = nullptr;
  uint32_t found = 0;
  for (BoundRing& ring : tx) {
    if (is_host_ring(record, true, ring.number)) continue;
    if (first == nullptr) first = &ring;
    found++;
  }
  return found == record.tx_rings ? first : nullptr;
}

}  // namespace

BoundRing* pass_on(const Binding& binding, BoundRing& ring, uint32_t head, std::vector<BoundRing>& tx) {
  if (binding.record().kind != PortKind::nic || binding.interface == nullptr) return nullptr;
  const PortRecord& record = binding.record();
  const bool is_host = is_host_ring(record, false, ring.number);
  BoundRing* const out = is_host ? way_out(record, tx) : nullptr;
  if (is_host && out == nullptr) return nullptr;
  BoundRing* fed = nullptr;
  for (uint32_t at = ring.state->hwcur; at != head;) {
    const uint32_t end = packet_end(ring, at, head);
    Descriptor slot = Descriptor::load(ring.shared->slot[at]);
    if ((slot.flags & abi::NS_FORWARD) != 0) {
      slot.flags = static_cast<uint16_t>(slot.flags & ~abi::NS_FORWARD);
      slot.store(ring.shared->slot[at]);
      if (!is_host) {
        binding.interface->host().pass_up(ring, at, end);
      } else if (put(ring, at, end, *out)) {
        fed = out;
      } else {
        ring.state->drops_full.fetch_add(1, std::memory_order_relaxed);
      }
    }
    at = end;
  }
  return fed;
}

}  // namespace nm::engine
