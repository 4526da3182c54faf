// Packets as runs of slots: finding whole ones, handing them to another ring by swapping buffers, copying them.
//
//   RX ring of one port                                    TX ring of another
//   [ A | more ][ B ]  [ C ]  [ D | more ]  tail           [ 1 ]  [ 2 ]  [ 3 ]  ...
//     '---------'        '       not whole yet
//    first packet     second
//
// A packet ends at the slot without NS_MOREFRAG. Only whole packets are handed on: a receiver that got the beginning of
// one would wait for an end that may never come.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "cache_line.h"
#include "ring.h"

namespace nm {

// Where a packet is in a ring, and how much of it there is.
struct PacketSlots {
  uint32_t first = 0;
  uint32_t slots = 0;
  uint32_t bytes = 0;
};

// The packet that begins at slot `first`, if all of it is in the `ready` slots from there. Otherwise its `slots` are 0.
inline PacketSlots find_packet(const Ring& ring, uint32_t first, uint32_t ready) {
  PacketSlots packet = {first, 0, 0};
  for (uint32_t at = first; packet.slots < ready; at = ring.next(at)) {
    const Descriptor slot = ring.descriptor(at);
    packet.slots++;
    packet.bytes += ring.piece(at, slot).length;
    if ((slot.flags & abi::NS_MOREFRAG) == 0) return packet;
  }
  packet.slots = 0;
  return packet;
}

// What the `slots` slots from `first` on hold, as if they were a packet.
inline PacketSlots all_slots(const Ring& ring, uint32_t first, uint32_t slots) {
  PacketSlots packet = {first, slots, 0};
  for (uint32_t i = 0, at = first; i < slots; i++, at = ring.next(at)) {
    packet.bytes += ring.piece(at, ring.descriptor(at)).length;
  }
  return packet;
}

// How many of the `most` slots from `first` on are whole packets: all but the beginning of one at the end.
inline uint32_t whole_slots(const Ring& ring, uint32_t first, uint32_t most) {
  uint32_t last = first + most;
  for (; most > 0; most--) {
    last = last == 0 ? ring.slots() - 1 : last - 1;
    const uint32_t index = last < ring.slots() ? last : last - ring.slots();
    if ((ring.descriptor(index).flags & abi::NS_MOREFRAG) == 0) break;
  }
  return most;
}

// What passed.
struct SlotsPassed {
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

// Exchanges the buffers of `slots` slots, whole packets, of two rings of one region without offsets: nothing is copied.
// Moves both indexes on.
inline SlotsPassed swap_slots(const Ring& from, uint32_t* received, const Ring& to, uint32_t* sent,
                              uint32_t slots) {
  SlotsPassed passed;
  uint64_t unfinished = 0;
  uint32_t at = *received;
  uint32_t put = *sent;
  const uint32_t most = from.stride();
  for (uint32_t i = 0; i < slots; i++) {
    const Descriptor packet = from.descriptor(at);
    const Descriptor free = to.descriptor(put);
    const uint32_t more = packet.flags & abi::NS_MOREFRAG;
    const uint32_t length = std::min<uint32_t>(packet.len, most);
    passed.bytes += length;
    unfinished += more;
    const Descriptor sent_on = {packet.buf_idx, static_cast<uint16_t>(length),
                                static_cast<uint16_t>(abi::NS_BUF_CHANGED | more)};
    sent_on.store(to.slot(put));
    Descriptor{free.buf_idx, free.len, abi::NS_BUF_CHANGED}.store(from.slot(at));
    at = from.next(at);
    put = to.next(put);
  }
  passed.packets = slots - unfinished / abi::NS_MOREFRAG;
  *received = at;
  *sent = put;
  return passed;
}

// Moves a packet to the beginning of its buffers, from wherever it begins in them.
inline void move_to_beginning(const Ring& ring, const PacketSlots& packet) {
  uint32_t at = packet.first;
  for (uint32_t i = 0; i < packet.slots; i++, at = ring.next(at)) {
    Descriptor slot = ring.descriptor(at);
    const Ring::Piece piece = ring.piece(at, slot);
    std::memmove(ring.buffer(slot.buf_idx), piece.bytes, piece.length);
    slot.len = static_cast<uint16_t>(piece.length);
    ring.put(at, slot);
    ring.set_offset(at, 0);
  }
}

// Slots of `ring` that a packet of so many bytes takes.
inline uint32_t slots_needed(const Ring& ring, uint32_t bytes) {
  return std::max<uint32_t>(1, (bytes + ring.buffer_size() - 1) / ring.buffer_size());
}

// Puts bytes into as many slots from `at` on as they need, which must be free, and returns the slot after them.
class SlotWriter {
 public:
  SlotWriter(const Ring& ring, uint32_t at)
      : ring_(ring), at_(at), buffer_(ring.start(ring.descriptor(at).buf_idx)) {}

  void append(const uint8_t* bytes, uint32_t count) {
    while (count > 0) {
      if (used_ == ring_.buffer_size()) next_slot();
      const uint32_t some = std::min(count, ring_.buffer_size() - used_);
      std::memcpy(buffer_ + used_, bytes, some);
      used_ += some;
      bytes += some;
      count -= some;
    }
  }

  uint32_t finish() {
    close_slot(0);
    return ring_.next(at_);
  }

 private:
  void close_slot(uint16_t flags) {
    ring_.put(at_, {ring_.descriptor(at_).buf_idx, static_cast<uint16_t>(used_), flags});
  }
  void next_slot() {
    close_slot(abi::NS_MOREFRAG);
    at_ = ring_.next(at_);
    buffer_ = ring_.start(ring_.descriptor(at_).buf_idx);
    used_ = 0;
  }

  const Ring& ring_;
  uint32_t at_;
  uint8_t* buffer_;
  uint32_t used_ = 0;
};

// Hands the bytes of each slot of a packet to `take(bytes, count)`.
template <typename Take>
void each_piece(const Ring& ring, const PacketSlots& packet, Take take) {
  uint32_t at = packet.first;
  // A neighbour may have changed the slots since they were counted: never more than that.
  uint32_t left = packet.bytes;
  for (uint32_t i = 0; i < packet.slots; i++, at = ring.next(at)) {
    const Descriptor slot = ring.descriptor(at);
    const Ring::Piece piece = ring.piece(at, slot);
    const uint32_t length = std::min(left, piece.length);
    take(static_cast<const uint8_t*>(piece.bytes), length);
    left -= length;
  }
}

// The first `count` bytes of a packet, at most all of them, copied to `to`.
inline void copy_bytes(const Ring& ring, const PacketSlots& packet, uint32_t count, uint8_t* to) {
  each_piece(ring, packet, [&](const uint8_t* bytes, uint32_t length) {
    const uint32_t some = std::min(count, length);
    to = std::copy_n(bytes, some, to);
    count -= some;
  });
}

// All bytes of a packet in a row: where they are, if it has one slot, or else in `whole`, which grows as it must.
inline const uint8_t* packet_bytes(const Ring& ring, const PacketSlots& packet, std::vector<uint8_t>* whole) {
  const Ring::Piece first = ring.piece(packet.first, ring.descriptor(packet.first));
  if (packet.slots == 1 && packet.bytes <= first.length) return first.bytes;
  whole->resize(std::max<size_t>(whole->size(), packet.bytes));
  copy_bytes(ring, packet, packet.bytes, whole->data());
  return whole->data();
}

// What copy_single_slots() does, where packets of either ring may begin inside their buffers, or none do. The rings are
// copies, because the compiler must assume that a packet's bytes change whatever else is in memory.
template <bool kOffsets>
SlotsPassed copy_single_slots_of(Ring from, uint32_t* received, Ring to, uint32_t* sent, uint32_t most) {
  const uint32_t longest = to.buffer_size();
  const uint32_t few = few_lines_within(std::min(from.stride(), longest));
  SlotsPassed passed;
  uint32_t at = *received;
  uint32_t put = *sent;
  for (; passed.packets < most; passed.packets++) {
    const Descriptor packet = from.descriptor(at);
    const Ring::Piece piece =
        kOffsets ? from.piece(at, packet)
                 : Ring::Piece{from.buffer(packet.buf_idx), std::min<uint32_t>(packet.len, from.stride())};
    if ((packet.flags & abi::NS_MOREFRAG) != 0 || piece.length > longest) break;
    const uint32_t buffer = to.descriptor(put).buf_idx;
    const Descriptor copy = {buffer, static_cast<uint16_t>(piece.length), 0};
    if constexpr (kOffsets) {
      std::memcpy(to.start(buffer), piece.bytes, piece.length);
      to.put(put, copy);
    } else {
      copy_lines(to.start(buffer), piece.bytes, piece.length, few);
      copy.store(to.slot(put));
    }
    passed.bytes += piece.length;
    at = from.next(at);
    put = to.next(put);
  }
  *received = at;
  *sent = put;
  return passed;
}

// Copies up to `most` packets of one slot each into slots of `to` that have room for them, and stops before the first that
// has more slots or is longer. Moves both indexes on.
inline SlotsPassed copy_single_slots(const Ring& from, uint32_t* received, const Ring& to, uint32_t* sent,
                                     uint32_t most) {
  return from.has_offsets() || to.has_offsets() ? copy_single_slots_of<true>(from, received, to, sent, most)
                                                : copy_single_slots_of<false>(from, received, to, sent, most);
}

// Copies a packet into the slots of `to` from `at` on, which must be free. Returns the slot after it.
inline uint32_t copy_packet(const Ring& from, const PacketSlots& packet, const Ring& to, uint32_t at) {
  SlotWriter writer(to, at);
  each_piece(from, packet, [&](const uint8_t* bytes, uint32_t count) { writer.append(bytes, count); });
  return writer.finish();
}

}  // namespace nm
