// The mark at the end of a frame, by which a receiver knows what arrived, in which order, when it was sent,
// and that it arrived unharmed.
//
//     length-18                                                  length-4      length
//     +--------+--------+-------------------------+---------------+-------------+
//     | magic  | stream |        sequence         |    sent_ns    |    crc      |     little-endian
//     | u16    | u16    |        u48              |    u32        |    u32      |
//     +--------+--------+-------------------------+---------------+-------------+
//
//   magic      the bytes "nm"
//   stream     which of several senders, or rings of one
//   sequence   counts the frames of a stream from 0, modulo 2^48
//   sent_ns    the low 32 bits of the monotonic clock, in nanoseconds, when the batch of this frame was made
//   crc        CRC-32C of the frame's bytes before it, without the UDP checksum of an IPv4 or IPv6 frame: the
//              checksum covers the mark, so that each would have to be known before the other
//
// Headers and mark of an IPv4 frame take 60 bytes, so that the shortest Ethernet frame can carry a mark. IPv6
// needs 80.
#pragma once

#include <cstdint>

#include "traffic/packet.h"

namespace nm {

inline constexpr uint32_t kMarkLength = 18;

constexpr uint32_t shortest_marked(Family family) { return headers_length(family) + kMarkLength; }

struct Mark {
  uint16_t stream;
  uint64_t sequence;
  uint32_t sent_ns;
};

enum class MarkState {
  none,     // no mark: somebody else's frame, or one whose magic was harmed
  damaged,  // the frame is not what was sent
  whole,
};

// Looks for a mark at the end of a frame, and fills *mark when it is whole.
MarkState read_mark(const uint8_t* frame, uint32_t length, Mark* mark);

// Writes marks into copies of a frame, whose spec reserved kMarkLength bytes at its end.
class Marker {
 public:
  Marker(const Frame& frame, uint16_t stream);

  uint16_t stream() const { return stream_; }

  // Marks `copy`, which holds the present state of `frame` except for mark and UDP checksum: both are written
  // here.
  void write(const Frame& frame, uint8_t* copy, uint64_t sequence, uint32_t sent_ns) const;

 private:
  uint16_t stream_;
  // The CRC of the bytes before the first that varies; for a frame that does not vary, before the mark.
  uint32_t crc_before_;
};

}  // namespace nm
