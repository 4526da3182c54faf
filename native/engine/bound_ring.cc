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

// What of a user's words can be: false when the ring has to be set back.
bool check(BoundRing& ring, UserView said, UserView* user) {
  RingState& state = *ring.state;
  const uint32_t given = ring_distance(state.hwcur, state.hwtail, ring.slots);
  if (said.head < ring.slots && said.cur < ring.slots) {
    const uint32_t returned = ring_distance(state.hwcur, said.head, ring.slots);
    const uint32_t seen = ring_distance(state.hwcur, said.cur, ring.slots);
    if (returned <= seen && seen <= given) {
      *user = said;
      return true;
    }
  }
  ++state.ring_resets;
  ring.refused = said;
  *user = {state.hwcur, state.hwcur};
  return false;
}

// Takes the ring, whose positions may be anything. False: somebody else has it.
bool enter(const Namespace& space, BoundRing& ring, uint32_t me) {
  if (!take(space, ring, me)) return false;
  RingState& state = *ring.state;
  ++state.syncs;
  if (ring.slots == 0) return true;
  if (state.hwcur >= ring.slots) state.hwcur = 0;
  if (state.hwtail >= ring.slots) state.hwtail = uint32_t{state.hwcur};
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
  if (!enter(space, ring, me)) return SyncBegin::busy;
  *user = {0, 0};
  if (ring.slots == 0) return SyncBegin::ready;
  const uint32_t head = load(ring.shared->head);
  const uint32_t cur = load(ring.shared->cur);
  if (check(ring, {head, cur}, user)) return SyncBegin::ready;
  // netmap takes a wrong head that is in range for granted at the next sync. [quirk 1] We set the ring back
  // instead.
  store(ring.shared->head, user->head);
  store(ring.shared->cur, user->cur);
  return SyncBegin::reset;
}

SyncBegin sync_begin(const Namespace& space, BoundRing& ring, uint32_t me, UserView said, UserView* user) {
  if (!enter(space, ring, me)) return SyncBegin::busy;
  *user = {0, 0};
  if (ring.slots == 0 || check(ring, said, user)) return SyncBegin::ready;
  return SyncBegin::reset;
}

void sync_end(BoundRing& ring) {
  store(ring.shared->tail, ring.state->hwtail);
  sync_release(ring);
}

void sync_release(BoundRing& ring) { ring.state->busy.store(0, std::memory_order_release); }

}  // namespace nm::engine
