#include "engine/receiver.h"

namespace nm::engine {

namespace {

constexpr int64_t kStuckCheckNs = 1'000'000;
constexpr int64_t kUnknownOwnerPatienceNs = 1'000'000'000;
constexpr uint32_t kIdleSyncsPerStuckCheck = 64;

// The slot keeps its buffer, and nothing is in it.
void store_empty(abi::netmap_slot& slot) { Descriptor{Descriptor::load(slot).buf_idx, 0, 0}.store(slot); }

// Publishes a dead sender's reservation at the tail as empty slots, so that those behind it come through.
void recover(const Namespace& space, BoundRing& ring) {
#ifdef NM_TEST_WITHOUT_RECOVERY
  return;
#endif
  RingState& state = *ring.state;
  const Position tail{state.hwtail, state.lap};
  const Lease hole = unfinished(state, ring.leases, tail, ring.slots);
  if (hole.count == 0 || hole.count >= ring.slots) {
    ring.stuck_since_ns = 0;
    return;
  }
  const int64_t now = monotonic_ns();
  if (ring.stuck_since_ns == 0 || ring.stuck_at != tail) {
    ring.stuck_since_ns = now;
    ring.stuck_at = tail;
    return;
  }
  const int64_t stuck_ns = now - ring.stuck_since_ns;
  if (stuck_ns < kStuckCheckNs) return;
  if (hole.owner != 0 ? space.client_alive(hole.owner) : stuck_ns < kUnknownOwnerPatienceNs) return;
  // Its owner may have published as its last act, between our two looks.
  if (unfinished(state, ring.leases, tail, ring.slots).count != hole.count) return;
  uint32_t index = tail.index;
  for (uint32_t i = 0; i < hole.count; i++, index = ring_next(index, ring.slots)) {
    store_empty(ring.shared->slot[index]);
  }
  publish(ring.leases, tail, hole.count, hole.owner);
  state.drops_dead_sender.fetch_add(hole.count, std::memory_order_relaxed);
  ring.stuck_since_ns = 0;
}

}  // namespace

void receiver_sync(const Namespace& space, BoundRing& ring, uint32_t head) {
  RingState& state = *ring.state;
  const Position tail{state.hwtail, state.lap};
  const uint32_t shown = ring_distance(state.hwcur, state.hwtail, ring.slots);
  uint32_t fresh = collect(ring.leases, tail, ring.slots, ring.slots - 1 - shown);
  // Looking for holes reads the word that senders fight over, so it is done now and then.
  if (fresh == 0 && ++ring.idle_syncs % kIdleSyncsPerStuckCheck == 0) {
    recover(space, ring);
    fresh = collect(ring.leases, tail, ring.slots, ring.slots - 1 - shown);
  }
  const Position moved = tail.plus(fresh, ring.slots);
  state.hwtail = moved.index;
  state.lap = moved.lap;

  if (head == state.hwcur) return;
  state.hwcur = head;
  // After this senders write into the slots: what we read of them was read before.
  state.released.store(head, std::memory_order_release);
}

bool receiver_awaits_sender(BoundRing& ring) {
  const RingState& state = *ring.state;
  const Position tail{state.hwtail % ring.slots, state.lap};
  if (unfinished(state, ring.leases, tail, ring.slots).count == 0) return false;
  ring.idle_syncs = kIdleSyncsPerStuckCheck - 1;
  return true;
}

bool receiver_awaits(const Region& region, uint32_t ring, uint32_t owner) {
  const RingState& state = region.ring(ring);
  const uint32_t slots = state.slots;
  if (state.has_memory != kRingMade || slots == 0 || slots > kMaxSlots || state.hwtail >= slots) return false;
  Position at{state.hwtail, state.lap};
  for (uint32_t steps = 0; steps < slots; steps++) {
    const Lease last = Lease::unpack(state.ahead.load(std::memory_order_acquire));
    if (at == last.position) return false;
    const Lease lease = Lease::unpack(region.leases(ring)[at.index].load(std::memory_order_acquire));
    if (lease.position != at) {
      // Not written down: it is the last reservation, or the receiver has moved on while we looked.
      return last.count == 0 || last.count >= slots || last.position.minus(last.count, slots) != at ||
             last.owner == owner;
    }
    if (!lease.flag && lease.owner == owner) return true;
    if (lease.count == 0 || lease.count >= slots) return true;
    at = at.plus(lease.count, slots);
  }
  return true;
}

}  // namespace nm::engine
