// The mark at the end of a frame, by which a receiver knows what arrived, in which order, when it was sent,
// and that it arrived unharmed.
//
//     length-18                                                     length-4      length
//     +--------+--------+--------------------+--------------------+-------------+
//     | magic  | stream |      sequence      |      sent_ns       |    crc      |     little-endian
//     | u16    | u16    |        u40         |        u40         |    u32      |
//     +--------+--------+--------------------+--------------------+-------------+
//
//   magic      the bytes "nm"
//   stream     which of several senders, or rings of one
//   sequence   counts the frames of a stream from 0, modulo 2^40: six hours of 50 million packets a second
//   sent_ns    the monotonic clock in nanoseconds, modulo 2^40 (18 minutes), when the frame was put into its slot;
//              the clock is read before each batch, and in it for every 16th frame
//   crc        CRC-32C of the frame's bytes before it, without the UDP checksum of an IPv4 or IPv6 frame: the
//              checksum covers the mark, so that each would have to be known before the other
//
// A latency is known up to half of sent_ns's range, nine minutes. What looks longer is of a packet that took longer,
// or whose sender has another clock: another machine's, or that of one before it was started anew.
//
// Headers and mark of an IPv4 frame take 60 bytes, so that the shortest Ethernet frame can carry a mark. IPv6
// needs 80.
#pragma once

#include <cstdint>

#include "traffic/packet.h"

namespace nm {

inline constexpr uint32_t kMarkLength = 18;

constexpr uint32_t shortest_marked(Family family) { return headers_length(family) + kMarkLength; }

inline constexpr uint32_t kSequenceBits = 40;
inline constexpr uint64_t kStampMask_ns = (uint64_t{1} << 40) - 1;
inline constexpr uint64_t kLongestLatency_ns = kStampMask_ns / 2;

struct Mark {
  uint16_t stream;
  uint64_t sequence;
  uint64_t sent_ns;
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
  void write(const Frame& frame, uint8_t* copy, uint64_t sequence, uint64_t sent_ns) const;

 private:
  uint16_t stream_;
  // The CRC of the bytes before the first that varies; for a frame that does not vary, before the mark.
  uint32_t crc_before_;
};

}  // namespace nm
