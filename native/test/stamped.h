// Packets that tell whether they came through unharmed: a sequence number decides their length and every
// byte.
#pragma once

#include <cstring>

#include "port.h"
#include "test/check.h"

namespace nm::test {

inline constexpr uint32_t kStampedHeader = 14 + sizeof(uint64_t);

inline uint32_t stamped_length(uint64_t sequence) { return 60 + static_cast<uint32_t>(sequence * 97 % 1400); }

inline uint8_t stamped_byte(uint64_t sequence, uint32_t position) {
  return static_cast<uint8_t>((sequence + position) * 0x9e3779b97f4a7c15 >> 56);
}

// Puts packet number `sequence` into the next slot of TX ring 0. False: no room.
inline bool put_stamped(Port& port, uint64_t to, uint64_t from, uint64_t sequence) {
  const Ring& ring = port.tx_rings()[0];
  if (ring.space() == 0) return false;
  Descriptor slot = ring.descriptor(ring.head());
  uint8_t* frame = ring.buffer(slot.buf_idx);
  const uint32_t length = stamped_length(sequence);
  memcpy(frame, &to, 6);
  memcpy(frame + 6, &from, 6);
  memset(frame + 12, 0, 2);
  memcpy(frame + 14, &sequence, sizeof(sequence));
  for (uint32_t i = kStampedHeader; i < length; i++) frame[i] = stamped_byte(sequence, i);
  slot.len = static_cast<uint16_t>(length);
  slot.flags = 0;
  ring.put(ring.head(), slot);
  ring.advance(ring.next(ring.head()));
  return true;
}

// Whether these bytes are a packet of station `from` as it was sent. *sequence is its number, also when it is
// not whole.
inline bool is_stamped(const uint8_t* frame, uint32_t length, uint64_t from, uint64_t* sequence) {
  uint64_t source = 0;
  memcpy(&source, frame + 6, 6);
  if (length < kStampedHeader || source != from) return false;
  memcpy(sequence, frame + 14, sizeof(*sequence));
  if (length != stamped_length(*sequence)) return false;
  for (uint32_t i = kStampedHeader; i < length; i++) {
    if (frame[i] != stamped_byte(*sequence, i)) return false;
  }
  return true;
}

// Whether the slot at the head of RX ring 0 holds a packet of station `from`. Then it must be whole, and
// *sequence is its number.
inline bool read_stamped(Port& port, uint64_t from, uint64_t* sequence) {
  const Ring& ring = port.rx_rings()[0];
  const Descriptor slot = ring.descriptor(ring.head());
  const uint8_t* frame = ring.buffer(slot.buf_idx);
  uint64_t source = 0;
  memcpy(&source, frame + 6, 6);
  if (slot.len < kStampedHeader || source != from) return false;
  CHECK(is_stamped(frame, slot.len, from, sequence));
  return true;
}

}  // namespace nm::test
