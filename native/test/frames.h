// Frames of interface tests: made, put into slots, taken out again.
#pragma once

#include <vector>

#include "test/check.h"
#include "test/veth_rig.h"

namespace nm::test {

using check::Random;
using Bytes = std::vector<uint8_t>;

inline constexpr int64_t kSecond = 1'000'000'000;

// A frame for everybody, whose contents are random, and begin with its number.
inline Bytes numbered_frame(uint32_t number, size_t length, Random& random) {
  Bytes frame(length);
  for (uint8_t& byte : frame) byte = static_cast<uint8_t>(random.next());
  memset(frame.data(), 0xff, 6);
  frame[6] = 0x02;
  frame[12] = kTestProtocol >> 8;
  frame[13] = kTestProtocol & 0xff;
  memcpy(&frame[14], &number, sizeof(number));
  return frame;
}

inline bool put_frame(Port& port, const Bytes& frame, uint32_t ring_number = 0) {
  const Ring& ring = port.tx_rings()[ring_number];
  const auto slots = static_cast<uint32_t>((frame.size() + ring.buffer_size() - 1) / ring.buffer_size());
  if (ring.space() < slots) return false;
  uint32_t at = ring.head();
  for (size_t done = 0; done < frame.size(); at = ring.next(at)) {
    const size_t part = std::min<size_t>(ring.buffer_size(), frame.size() - done);
    abi::netmap_slot& slot = ring.slot(at);
    memcpy(ring.buffer(slot.buf_idx), &frame[done], part);
    done += part;
    slot.len = static_cast<uint16_t>(part);
    slot.flags = done < frame.size() ? abi::NS_MOREFRAG : 0;
  }
  ring.advance(at);
  return true;
}

// The next whole frame of a ring; empty when there is none.
inline Bytes take_frame(Port& port, uint32_t ring_number = 0) {
  const Ring& ring = port.rx_rings()[ring_number];
  Bytes frame;
  if (ring.space() == 0) return frame;
  uint32_t at = ring.head();
  for (bool more = true; more; at = ring.next(at)) {
    CHECK(at != ring.tail());
    const abi::netmap_slot& slot = ring.slot(at);
    const uint8_t* const bytes = ring.buffer(slot.buf_idx);
    frame.insert(frame.end(), bytes, bytes + slot.len);
    more = (slot.flags & abi::NS_MOREFRAG) != 0;
  }
  ring.advance(at);
  return frame;
}

// Waits for the next frame.
inline Bytes next_frame(Port& port, uint32_t ring_number = 0) {
  for (;;) {
    const Bytes frame = take_frame(port, ring_number);
    if (!frame.empty()) return frame;
    uint32_t ready = 0;
    CHECK_EQUAL(port.device().wait(kReadable, 5 * kSecond, &ready), Status::ok);
    CHECK_EQUAL(ready, kReadable);
  }
}

inline void send_all(Port& port) {
  for (const Ring& ring : port.tx_rings()) {
    while (ring.pending()) CHECK_EQUAL(port.device().tx_sync(), Status::ok);
  }
}

inline Counters received(Port& port, uint32_t ring = 0) {
  Counters counters;
  CHECK_EQUAL(port.device().rx_counters(ring, &counters), Status::ok);
  return counters;
}

}  // namespace nm::test
