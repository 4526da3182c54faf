// A request of ping, which an answer repeats: the first bytes of a frame's payload.
//
//     payload      + 4        + 8           + 12
//     +------------+----------+-------------+
//     | sequence   | seconds  | nanoseconds |     each u32 in the machine's byte order
//     +------------+----------+-------------+
//
// They lie where netmap's pkt-gen has them, so that its pong answers our ping, and the other way round. Unlike there
// the UDP checksum is that of the bytes sent. [pkt-gen(8)]
#pragma once

#include <cstdint>
#include <vector>

#include "traffic/packet.h"

namespace nm {

struct RoundTripWords {
  uint32_t sequence;
  uint32_t seconds;
  uint32_t nanoseconds;

  bool operator==(const RoundTripWords&) const = default;
};

class RoundTripFrame {
 public:
  // The spec's first frame, at least shortest() bytes long.
  explicit RoundTripFrame(const FrameSpec& spec);

  // Bytes that a frame needs to carry the words.
  static constexpr uint32_t shortest(Family family) {
    return headers_length(family) + static_cast<uint32_t>(sizeof(RoundTripWords));
  }

  uint32_t length() const { return static_cast<uint32_t>(bytes_.size()); }

  // Writes the request into a buffer of length() bytes.
  void write(uint8_t* to, RoundTripWords words) const;

  // The words of a frame that is our request with the addresses swapped, as far as a ponger swaps them; false for
  // any other frame. Reads nothing past `length`.
  bool read(const uint8_t* frame, uint32_t length, RoundTripWords* words) const;

 private:
  FrameLayout layout_;
  // The frame with zeros for the words and the checksum, and what its checksum is made of.
  std::vector<uint8_t> bytes_;
  uint64_t sum_;
};

// Makes a frame go back where it came from: swaps its Ethernet addresses and its IPv4 or IPv6 addresses. Sums stay right.
// Only the first `length` bytes are there; headers that are not are left alone.
void turn_around(uint8_t* frame, uint32_t length);

}  // namespace nm
