#include "engine/bound_ring.h"

namespace nm::engine {

namespace {

constexpr int64_t kBusyPatienceNs = 2'000'000;

uint32_t load(const uint32_t& word) { return __atomic_load_n(&word, __ATOMIC_RELAXED); }
void store(uint32_t& word, uint32_t value) { __atomic_store_n(&word, value, __ATOMIC_RELAXED); }

bool take(const Namespace& space, BoundRing& ring, uint32_t me) {
  uint32_t holder = 0;
  if (ring.state->busy.compare_exchange_strong(holder, me, std::memory_order_acquire)) {
    ring.busy_since_ns = 0;
    return true;
  }
  // Another descriptor of this port is in a sync, or died in one.
  const int64_t now = monotonic_ns();
  if (ring.busy_since_ns == 0) ring.busy_since_ns = now;
  if (now - ring.busy_since_ns < kBusyPatienceNs) return false;
  ring.busy_since_ns = 0;
  if (holder == kBeingRepaired || space.client_alive(holder) ||
      !ring.state->busy.compare_exchange_strong(holder, me, std::memory_order_acquire)) {
    return false;
  }
  finish_swap(*ring.region, ring.index);
  return true;
}

}  // namespace

BoundRing bound_ring(const Region& region, const PortRecord& record, bool is_tx, uint32_t number) {
  BoundRing ring;
  ring.region = &region;
  ring.index = record.first_ring + (is_tx ? 0 : record.all_tx()) + number;
  ring.state = &region.ring(ring.index);
  ring.shared = region.netmap_ring(ring.index);
  ring.leases = region.leases(ring.index);
  ring.slots = ring.state->slots;
  ring.number = number;
  ring.is_tx = is_tx;
  return ring;
}

SyncBegin sync_begin(const Namespace& space, BoundRing& ring, uint32_t me, UserView* user) {
  if (!take(space, ring, me)) return SyncBegin::busy;
  RingState& state = *ring.state;
  ++state.syncs;
  if (ring.slots == 0) {
    *user = {0, 0};
    return SyncBegin::ready;
  }
  if (state.hwcur >= ring.slots) state.hwcur = 0;
  if (state.hwtail >= ring.slots) state.hwtail = uint32_t{state.hwcur};

  const uint32_t head = load(ring.shared->head);
  const uint32_t cur = load(ring.shared->cur);
  const uint32_t given = ring_distance(state.hwcur, state.hwtail, ring.slots);
  if (head < ring.slots && cur < ring.slots) {
    const uint32_t returned = ring_distance(state.hwcur, head, ring.slots);
    const uint32_t seen = ring_distance(state.hwcur, cur, ring.slots);
    if (returned <= seen && seen <= given) {
      *user = {head, cur};
      return SyncBegin::ready;
    }
  }
  // netmap takes a wrong head that is in range for granted at the next sync. [quirk 1] We set the ring back
  // instead.
  store(ring.shared->head, state.hwcur);
  store(ring.shared->cur, state.hwcur);
  ++state.ring_resets;
  *user = {state.hwcur, state.hwcur};
  return SyncBegin::reset;
}

void sync_end(BoundRing& ring) {
  store(ring.shared->tail, ring.state->hwtail);
  ring.state->busy.store(0, std::memory_order_release);
}

}  // namespace nm::engine
