#include "traffic/ponger.h"

#include <algorithm>
#include <cassert>

#include "traffic/round_trip.h"

namespace nm {

Ponger::Ponger(Port& port, const PongerOptions& options)
    : Loop(port), options_(options), budget_(budget_for(options.budget, options.count)) {
  assert(!port.tx_rings().empty() && !port.rx_rings().empty() && options.burst > 0);
}

Status Ponger::work() {
  const uint64_t end_ns = options_.duration_ns != 0 ? monotonic_ns() + options_.duration_ns : kNever_ns;
  const bool by_waiting = syncs_by_waiting(port());

  Status status = Status::ok;
  while (status == Status::ok && !stopped() && !has_all()) {
    if (!by_waiting) status = sync_rx(port());
    const Moved moved = turn_all();
    // The slots that were received go back with the next rx_sync, at the latest while we wait.
    if (moved.packets > 0 && status == Status::ok && !by_waiting) status = sync_tx(port());
    // Whoever asked waits no more: now there is time for the clock.
    const uint64_t now = monotonic_ns();
    if (moved.packets > 0) {
      note_moved(moved.packets, moved.bytes, now);
      if (now >= end_ns) break;
      if (!by_waiting || has_all()) continue;
    }

    const uint64_t last_ns = progress().last_ns.load(std::memory_order_relaxed);
    uint64_t until_ns = end_ns;
    if (options_.idle_ns != 0 && last_ns != 0) until_ns = std::min(until_ns, last_ns + options_.idle_ns);
    if (status != Status::ok || now >= until_ns) break;
    const bool stuck = moved.stuck && moved.packets == 0;
    // Packets that wait for room in a TX ring must not wake us again and again.
    if (moved.packets == 0) {
      for (const Ring& ring : port().rx_rings()) ring.advance_and_want_more(ring.head_in_range());
    }
    if (stuck) {
      for (const Ring& ring : port().tx_rings()) ring.advance_and_want_more(ring.head_in_range());
    }
    status = wait_for(stuck ? kReadable | kWritable : kReadable, until_ns);
  }
  if (status == Status::ok) status = sync_rx(port());
  return status == Status::ok ? drain(options_.linger_ns) : status;
}

Ponger::Moved Ponger::turn_all() {
  const auto& tx = port().tx_rings();
  Moved all;
  for (size_t i = 0; i < port().rx_rings().size(); i++) {
    const Ring& from = port().rx_rings()[i];
    // It has no more packets than slots.
    const uint64_t most = budget_ ? budget_->reserve(from.space()) : UINT64_MAX;
    if (most == 0) continue;
    const Moved moved = turn(from, tx[i % tx.size()], most);
    if (budget_) budget_->settle(most, moved.packets);
    all.packets += moved.packets;
    all.bytes += moved.bytes;
    all.stuck |= moved.stuck;
  }
  return all;
}

// Sends back up to `most` packets that are there whole and find room.
Ponger::Moved Ponger::turn(const Ring& from, const Ring& to, uint64_t most) {
  Moved moved;
  uint32_t received = from.head_in_range();
  uint32_t sent = to.head_in_range();
  uint32_t ready = std::min(from.space(), options_.burst);
  uint32_t room = to.space();

  while (moved.packets < most) {
    // A packet ends at the slot without NS_MOREFRAG.
    uint32_t slots = 0;
    bool whole = false;
    for (uint32_t slot = received; slots < ready && !whole; slot = from.next(slot), slots++) {
      whole = (from.descriptor(slot).flags & abi::NS_MOREFRAG) == 0;
    }
    if (!whole) {
      // A packet larger than the ring never is whole. Its first part goes back alone, as a switch sends it.
      if (slots < std::min(from.slots() - 1, options_.burst)) break;
    }
    if (slots == 0) break;
    if (slots > room) {
      moved.stuck = true;
      break;
    }
    for (uint32_t i = 0; i < slots; i++) {
      const Descriptor packet = from.descriptor(received);
      const Descriptor free = to.descriptor(sent);
      const auto [bytes, length] = from.piece(received, packet);
      // A virtio-net header may still ask for a checksum: it goes back as it came.
      const uint32_t header = std::min(options_.header_length, length);
      if (i == 0) turn_around(bytes + header, length - header);
      const uint16_t more = i + 1 < slots ? abi::NS_MOREFRAG : abi::NS_REPORT;
      to.put(sent, {packet.buf_idx, static_cast<uint16_t>(length),
                    static_cast<uint16_t>(abi::NS_BUF_CHANGED | more)});
      to.set_offset(sent, from.offset(received));
      from.put(received, {free.buf_idx, free.len, abi::NS_BUF_CHANGED});
      dump(options_.dump, to, sent);
      moved.bytes += length;
      received = from.next(received);
      sent = to.next(sent);
    }
    moved.packets++;
    ready -= slots;
    room -= slots;
  }
  from.advance(received);
  to.advance(sent);
  return moved;
}

}  // namespace nm
