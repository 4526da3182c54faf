#include "traffic/output.h"

#include <algorithm>
#include <cassert>

#include "traffic/progress.h"

namespace nm {

Output::Output(Port& port, bool passes_on)
    : port_(port),
      ring_(port.tx_rings().front()),
      passes_on_(passes_on),
      collected_(ring_.next(ring_.tail())),
      last_tail_(ring_.tail()),
      sent_(ring_.slots()) {}

void Output::put(const Ring& from, const PacketSlots& packet, uint32_t hash) {
  uint32_t received = packet.first;
  uint32_t sent = ring_.head_in_range();
  sent_[sent] = {hash, packet.slots};
  const SlotsPassed passed = swap_slots(from, &received, ring_, &sent, packet.slots);
  ring_.advance(sent);
  add(counts_.packets, 1);
  add(counts_.bytes, passed.bytes);
}

void Output::end_run() {
  if (run_.packets == 0) return;
  ring_.advance(run_.next);
  add(counts_.packets, run_.packets);
  add(counts_.bytes, run_.bytes);
}

void Output::enqueue(const Ring& from, const PacketSlots& packet, uint32_t hash, FreeBuffers* free) {
  assert(free->size() >= packet.slots);
  uint32_t at = packet.first;
  for (uint32_t i = 0; i < packet.slots; i++, at = from.next(at)) {
    const Descriptor slot = from.descriptor(at);
    const auto more = static_cast<uint16_t>(i + 1 < packet.slots ? abi::NS_MOREFRAG : 0);
    queue_.push_back({slot.buf_idx, static_cast<uint16_t>(from.piece(at, slot).length), more, hash});
    from.put(at, {free->back(), 0, abi::NS_BUF_CHANGED});
    free->pop_back();
  }
  set(counts_.queued, queue_.size());
}

bool Output::drain(FreeBuffers* free) {
  if (queue_.empty()) return false;
  const size_t before = queue_.size();
  uint32_t left = room();
  for (uint32_t slots = first_queued_packet(); slots > 0 && slots <= left; slots = first_queued_packet()) {
    uint32_t at = ring_.head_in_range();
    uint64_t bytes = 0;
    sent_[at] = {queue_.front().hash, slots};
    for (uint32_t i = 0; i < slots; i++, at = ring_.next(at)) {
      const Queued& first = queue_.front();
      free->push_back(ring_.descriptor(at).buf_idx);
      ring_.put(at, {first.buffer, first.length, static_cast<uint16_t>(abi::NS_BUF_CHANGED | first.more)});
      bytes += first.length;
      queue_.pop_front();
    }
    ring_.advance(at);
    left -= slots;
    add(counts_.packets, 1);
    add(counts_.bytes, bytes);
  }
  set(counts_.queued, queue_.size());
  return queue_.size() != before;
}

void Output::revoke(uint32_t slots, FreeBuffers* free) {
  while (free->size() < slots && queued() > kQueueKept) drop_first_queued(free);
  set(counts_.queued, queue_.size());
}

void Output::abandon(FreeBuffers* free) {
  while (!queue_.empty()) drop_first_queued(free);
  set(counts_.queued, 0);
}

void Output::drop(const PacketSlots& packet) {
  add(counts_.drops_full, 1);
  add(counts_.dropped_bytes, packet.bytes);
}

void Output::note_taken() {
  const uint32_t tail = ring_.tail();
  add(counts_.taken, ring_.distance(last_tail_, tail));
  last_tail_ = tail;
  set(counts_.waiting, ring_.slots() - 1 - ring_.space());
}

// Slots of the packet that waits first, 0 when there is none.
uint32_t Output::first_queued_packet() const {
  uint32_t slots = 0;
  for (const Queued& queued : queue_) {
    slots++;
    if (queued.more == 0) return slots;
  }
  return 0;
}

void Output::drop_first_queued(FreeBuffers* free) {
  add(counts_.drops_full, 1);
  for (uint32_t slots = first_queued_packet(); slots > 0; slots--) {
    add(counts_.dropped_bytes, queue_.front().length);
    free->push_back(queue_.front().buffer);
    queue_.pop_front();
  }
}

}  // namespace nm
