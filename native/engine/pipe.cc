#include "engine/pipe.h"

#include "engine/wake.h"

namespace nm::engine {

namespace {

// The first half of a slot, read and written whole: index, then length, then flags.
uint64_t load_descriptor(const abi::netmap_slot& slot) {
  return __atomic_load_n(reinterpret_cast<const uint64_t*>(&slot), __ATOMIC_RELAXED);
}
void store_descriptor(abi::netmap_slot& slot, uint64_t descriptor) {
  __atomic_store_n(reinterpret_cast<uint64_t*>(&slot), descriptor, __ATOMIC_RELAXED);
}
constexpr uint32_t buffer_of(uint64_t descriptor) { return static_cast<uint32_t>(descriptor); }
constexpr uint32_t length_of(uint64_t descriptor) { return static_cast<uint32_t>(descriptor >> 32 & 0xffff); }
constexpr uint64_t kMoreFragments = uint64_t{abi::NS_MOREFRAG} << 48;
constexpr uint64_t kBufferChanged = uint64_t{abi::NS_BUF_CHANGED} << 48;

}  // namespace

void pipe_tx_sync(const Namespace& space, const Region& region, BoundRing& ring, uint32_t head) {
  RingState& state = *ring.state;
  RingState& peer = *ring.peer_state;
  // Pairs with the receiver's release: a buffer it swapped in is in our slot before we see the slot as ours.
  const uint32_t released = peer.released.load(std::memory_order_acquire);
  if (released < ring.slots) state.hwtail = ring_previous(released, ring.slots);

  uint32_t index = state.hwcur;
  if (index == head) return;
  const uint32_t buffers = region.buffers_reserved();
  uint32_t complete = static_cast<uint32_t>(peer.ahead.load(std::memory_order_relaxed));
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t bad = 0;
  uint64_t partial_bytes = 0;
  const abi::netmap_slot* from = ring.shared->slot;
  abi::netmap_slot* to = ring.peer_shared->slot;
  for (; index != head; index = ring_next(index, ring.slots)) {
    uint64_t descriptor = load_descriptor(from[index]);
    if (buffer_of(descriptor) >= buffers || length_of(descriptor) > region.buffer_stride()) [[unlikely]] {
      // The receiver gets the slot, so that both rings stay in step, but nothing in it.
      descriptor = load_descriptor(to[index]) & 0xffffffff;
      bad++;
    }
    store_descriptor(to[index], descriptor & ~kBufferChanged);
    to[index].ptr = from[index].ptr;
    partial_bytes += length_of(descriptor);
    if ((descriptor & kMoreFragments) == 0) {
      complete = ring_next(index, ring.slots);
      bytes += partial_bytes;
      partial_bytes = 0;
      packets++;
    }
  }
  state.hwcur = head;
  state.packets += packets;
  state.bytes += bytes;
  state.drops_bad_slot += bad;
  if (packets == 0) return;
  peer.delivered_packets.store(peer.delivered_packets.load(std::memory_order_relaxed) + packets,
                               std::memory_order_relaxed);
  peer.delivered_bytes.store(peer.delivered_bytes.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
  // Slots and buffers before the index that shows them.
  peer.ahead.store(complete, std::memory_order_release);
  notify(space, peer, region.id());
}

void pipe_rx_sync(const Namespace& space, const Region& region, BoundRing& ring, uint32_t head) {
  RingState& state = *ring.state;
  // Pairs with the sender's release of the slots.
  const uint64_t ahead = state.ahead.load(std::memory_order_acquire);
  if (ahead < ring.slots) state.hwtail = static_cast<uint32_t>(ahead);

  uint32_t index = state.hwcur;
  if (index == head) return;
  for (; index != head; index = ring_next(index, ring.slots)) {
    const uint64_t descriptor = load_descriptor(ring.shared->slot[index]);
    if ((descriptor & kBufferChanged) == 0) continue;
    store_descriptor(ring.shared->slot[index], descriptor & ~kBufferChanged);
    // The sender must see what it gets instead of the buffer it sent.
    if (region.buffer_valid(buffer_of(descriptor))) {
      store_descriptor(ring.peer_shared->slot[index], descriptor);
    } else {
      ++state.drops_bad_slot;
    }
  }
  state.hwcur = head;
  state.released.store(head, std::memory_order_release);
  notify(space, *ring.peer_state, region.id());
}

}  // namespace nm::engine
