#include "engine/pipe.h"

#include <algorithm>

#include "engine/offsets.h"
#include "engine/wake.h"
#include "prefetch.h"

namespace nm::engine {

namespace {

constexpr uint32_t kSlotsPerLine = kCacheLine / sizeof(abi::netmap_slot);
// How far ahead of a slot its line is asked for. What lies past the ring is memory as well, or ignored.
constexpr uint32_t kSlotsAhead = 8 * kSlotsPerLine;

// The flag tells one side of a swap. It is not passed on.
Descriptor without_change(Descriptor slot) {
  slot.flags = static_cast<uint16_t>(slot.flags & ~abi::NS_BUF_CHANGED);
  return slot;
}

// What a run of slots adds up to.
struct Sent {
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t bad = 0;
  uint32_t complete = 0;  // past the last slot of a whole packet, if packets is not 0
};

// Copies the slots [first, end) as they are. All of them are whole packets with good slots, or *odd says that
// some are not. Without a branch per slot this takes a nanosecond each; a pipe does nothing else.
Sent copy_run(const abi::netmap_slot* from, abi::netmap_slot* to, uint32_t first, uint32_t end,
              uint32_t buffers, uint32_t stride, bool* odd) {
  const uint64_t last_buffer = uint64_t{buffers} - 1;
  uint64_t bytes = 0;
  uint32_t flags = 0;
  uint64_t room = 0;  // negative as soon as an index or a length is too large
  for (uint32_t i = first; i < end; i++) {
    if (i % kSlotsPerLine == 0) prefetch_to_write(&to[i + kSlotsAhead]);
    const Descriptor sent = Descriptor::copy(from[i], to[i], abi::NS_BUF_CHANGED);
    bytes += sent.len;
    flags |= sent.flags;
    room |= (last_buffer - sent.buf_idx) | (uint64_t{stride} - sent.len);
  }
  *odd = static_cast<int64_t>(room) < 0 || (flags & abi::NS_MOREFRAG) != 0;
  return {end - first, bytes, 0, end};
}

// The same slot by slot. `partial_bytes` are those of a packet whose end has not come.
Sent copy_run_carefully(const abi::netmap_slot* from, abi::netmap_slot* to, uint32_t first, uint32_t end,
                        uint32_t buffers, const Offsets& offsets, uint64_t* partial_bytes) {
  Sent sent;
  for (uint32_t i = first; i < end; i++) {
    Descriptor slot = Descriptor::load(from[i]);
    to[i].ptr = from[i].ptr;
    if (slot.buf_idx >= buffers || slot.len > offsets.left(offsets.settle(to[i]))) {
      // The receiver gets the slot, so that both rings stay in step, with the buffer that was there and
      // nothing in it.
      const uint32_t buffer = Descriptor::load(to[i]).buf_idx;
      slot = {buffer < buffers ? buffer : 0, 0, 0};
      sent.bad++;
    }
    without_change(slot).store(to[i]);
    *partial_bytes += slot.len;
    if ((slot.flags & abi::NS_MOREFRAG) != 0) continue;
    sent.complete = i + 1;
    sent.bytes += *partial_bytes;
    sent.packets++;
    *partial_bytes = 0;
  }
  return sent;
}

// Asks for the lines of the slots [first, end), which the sender wrote. They come while the first are read.
// Always inlined, because g++ takes a function that only prefetches for one that does nothing.
[[gnu::always_inline]] inline void prefetch_slots(const BoundRing& ring, uint32_t first, uint32_t end) {
  constexpr uint32_t kMost = 32 * kSlotsPerLine;
  const uint32_t slots = std::min(ring_distance(first, end, ring.slots), kMost);
  for (uint32_t i = 0; i < slots; i += kSlotsPerLine) {
    const uint32_t index = first + i;
    __builtin_prefetch(&ring.shared->slot[index < ring.slots ? index : index - ring.slots]);
  }
}

// Gives buffers that the receiver swapped in to the sender's slots [first, end), and the offsets that it left.
void return_buffers(const Region& region, BoundRing& ring, uint32_t first, uint32_t end) {
  const Offsets offsets(*ring.state, region.buffer_stride());
  if (offsets.exist()) [[unlikely]] {
    for (uint32_t i = first; i < end; i++) offsets.pass(ring.shared->slot[i], ring.peer_shared->slot[i]);
  }
  uint32_t flags = 0;
  for (uint32_t i = first; i < end; i++) flags |= Descriptor::load(ring.shared->slot[i]).flags;
  if ((flags & abi::NS_BUF_CHANGED) == 0) [[likely]]
    return;
  for (uint32_t i = first; i < end; i++) {
    const Descriptor slot = Descriptor::load(ring.shared->slot[i]);
    if ((slot.flags & abi::NS_BUF_CHANGED) == 0) continue;
    // The sender must see what it gets instead of the buffer it sent. Its slot comes first: who dies in between has
    // this one done again.
    if (region.buffer_valid(slot.buf_idx)) {
      slot.store(ring.peer_shared->slot[i]);
    } else {
      ++ring.state->drops_bad_slot;
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);
    without_change(slot).store(ring.shared->slot[i]);
  }
}

}  // namespace

// At the beginning of a cache line: where in one its loop lies, which changes with any code before it, is worth a tenth of what a
// bridge passes between near cores. [measured]
[[gnu::aligned(64)]] void pipe_tx_sync(const Namespace& space, const std::shared_ptr<Region>& region,
                                       BoundRing& ring, uint32_t head, WatchedReceivers& watched) {
  RingState& state = *ring.state;
  RingState& peer = *ring.peer_state;
  // Pairs with the receiver's release: a buffer it swapped in is in our slot before we see the slot as ours.
  const uint32_t released = peer.released.load(std::memory_order_acquire);
  if (released < ring.slots) state.hwtail = ring_previous(released, ring.slots);
  if (state.hwcur == head) return;

  const abi::netmap_slot* from = ring.shared->slot;
  abi::netmap_slot* to = ring.peer_shared->slot;
  const uint32_t buffers = region->buffers_reserved();
  const uint32_t stride = region->buffer_stride();
  const Offsets offsets(state, stride);
  Sent all;
  for (uint32_t first = state.hwcur; first != head;) {
    const uint32_t end = first < head ? head : ring.slots;
    bool odd = offsets.exist();
    Sent run;
    if (!odd) [[likely]]
      run = copy_run(from, to, first, end, buffers, stride, &odd);
    if (odd || ring.partial_bytes != 0) [[unlikely]] {
      run = copy_run_carefully(from, to, first, end, buffers, offsets, &ring.partial_bytes);
    }
    if (run.packets != 0) all.complete = run.complete;
    all.packets += run.packets;
    all.bytes += run.bytes;
    all.bad += run.bad;
    first = end == ring.slots ? 0 : end;
  }
  state.hwcur = head;
  state.packets += all.packets;
  state.bytes += all.bytes;
  state.drops_bad_slot += all.bad;
  if (all.packets == 0) return;
  peer.delivered_packets.store(peer.delivered_packets.load(std::memory_order_relaxed) + all.packets,
                               std::memory_order_relaxed);
  peer.delivered_bytes.store(peer.delivered_bytes.load(std::memory_order_relaxed) + all.bytes,
                             std::memory_order_relaxed);
  const uint32_t ahead = all.complete == ring.slots ? 0 : all.complete;
  if (peer.watched.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    watched.show(region, ring.peer_index, static_cast<uint32_t>(peer.ahead.load(std::memory_order_relaxed)),
                 ahead);
  }
  // Slots and buffers before the index that shows them.
  peer.ahead.store(ahead, std::memory_order_release);
  notify(space, peer, region->id());
}

void pipe_return_all(const Region& region, uint32_t tx, uint32_t rx) {
  const RingState& state = region.ring(rx);
  const uint32_t slots = state.slots;
  const uint64_t ahead = state.ahead.load();
  uint32_t at = state.released.load();
  const bool made = state.has_memory == kRingMade && region.ring(tx).has_memory == kRingMade;
  if (!made || slots > kMaxSlots || region.ring(tx).slots != slots || at >= slots || ahead >= slots) return;
  for (; at != ahead; at = ring_next(at, slots)) {
    const Descriptor slot = Descriptor::load(region.netmap_ring(rx)->slot[at]);
    if ((slot.flags & abi::NS_BUF_CHANGED) == 0 || !region.buffer_valid(slot.buf_idx)) continue;
    slot.store(region.netmap_ring(tx)->slot[at]);
    without_change(slot).store(region.netmap_ring(rx)->slot[at]);
  }
}

void pipe_rx_sync(const Namespace& space, const Region& region, BoundRing& ring, uint32_t head) {
  RingState& state = *ring.state;
  // Pairs with the sender's release of the slots.
  const uint64_t ahead = state.ahead.load(std::memory_order_acquire);
  if (ahead < ring.slots) {
    prefetch_slots(ring, state.hwtail, static_cast<uint32_t>(ahead));
    state.hwtail = static_cast<uint32_t>(ahead);
  }

  if (state.hwcur == head) return;
  for (uint32_t first = state.hwcur; first != head;) {
    const uint32_t end = first < head ? head : ring.slots;
    return_buffers(region, ring, first, end);
    first = end == ring.slots ? 0 : end;
  }
  state.hwcur = head;
  state.released.store(head, std::memory_order_release);
  notify(space, *ring.peer_state, region.id());
}

}  // namespace nm::engine
