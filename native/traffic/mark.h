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

#include "bytes.h"
#include "checksum.h"
#include "traffic/crc32c.h"
#include "traffic/header_places.h"
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

struct FrameBytes {
  const uint8_t* bytes;
  uint32_t length;
};

// Looks for a mark at the end of a frame, and fills *mark when it is whole.
inline MarkState read_mark(const uint8_t* frame, uint32_t length, Mark* mark);

// The same of kMarksAtOnce frames. False: they are of different lengths or kinds, or one has no whole mark.
inline constexpr uint32_t kMarksAtOnce = 4;
inline bool read_marks(const FrameBytes* frames, Mark* marks);

// Writes marks into copies of a frame, whose spec reserved kMarkLength bytes at its end.
class Marker {
 public:
  // What mark and checksum are made of besides number and time: the CRC of all before the mark; what the UDP checksum is
  // the sum of, in the byte order of the mark's words; where both are.
  struct Rest {
    uint32_t crc;
    uint16_t udp_sum;
    bool at_odd_offset;
    uint32_t udp_checksum;
    uint32_t mark;
  };

  Marker(const Frame& frame, uint16_t stream);

  uint16_t stream() const { return stream_; }

  // Of `copy`, which holds the present state of `frame` except for mark and UDP checksum. The same for all copies of a frame
  // that does not vary.
  Rest rest(const Frame& frame, const uint8_t* copy) const;

  // Marks a copy: writes mark and UDP checksum.
  void write(const Rest& rest, uint8_t* copy, uint64_t sequence, uint64_t sent_ns) const;
  void write(const Frame& frame, uint8_t* copy, uint64_t sequence, uint64_t sent_ns) const {
    write(rest(frame, copy), copy, sequence, sent_ns);
  }

 private:
  uint16_t stream_;
  // The CRC of the bytes before the first that varies; for a frame that does not vary, before the mark.
  uint32_t crc_before_;
};

inline constexpr uint16_t kMarkMagic = 'n' | 'm' << 8;
inline constexpr uint32_t kMarkCrcLength = 4;

// Made in registers and stored, and nothing of it is read back: a load of what was just stored waits behind all earlier
// stores, and those wait for lines that another core has. Between cores that are far from each other, packets whose marks
// were read back for their CRC took 50 ns. [measured]
[[gnu::always_inline]] inline void Marker::write(const Rest& rest, uint8_t* copy, uint64_t sequence,
                                                 uint64_t sent_ns) const {
  sequence &= (uint64_t{1} << kSequenceBits) - 1;
  const uint64_t first = kMarkMagic | uint64_t{stream_} << 16 | sequence << 32;
  uint64_t second = sequence >> 32 | (sent_ns & kStampMask_ns) << 8;
  const uint32_t crc =
      crc32c_words(rest.crc, first, static_cast<uint32_t>(second), static_cast<uint16_t>(second >> 32));
  second |= uint64_t{crc & 0xffff} << 48;
  const uint16_t third = static_cast<uint16_t>(crc >> 16);
  uint8_t* const mark = copy + rest.mark;
  store_little(mark, first);
  store_little(mark + 8, second);
  store_little(mark + 16, third);

  // At an even offset the mark's words are those of the frame with their bytes exchanged, at an odd one they are not.
  const uint16_t checksum =
      udp_checksum(add_around(add_around(first, second), uint64_t{third} + rest.udp_sum));
  store_big(copy + rest.udp_checksum, rest.at_odd_offset ? checksum : swap_bytes(checksum));
}

// Where the UDP checksum is in a frame, 0 when there is none.
inline uint32_t udp_checksum_offset(const uint8_t* frame, uint32_t length) {
  if (length < shortest_marked(Family::ipv4)) return 0;
  const uint16_t type = load_big<uint16_t>(frame + 12);
  if (type == kEtherIpv4 && frame[14] == kIpv4NoOptions && frame[23] == kProtocolUdp) {
    return layout_of(Family::ipv4).udp_checksum;
  }
  if (type == kEtherIpv6 && frame[20] == kProtocolUdp && length >= shortest_marked(Family::ipv6)) {
    return layout_of(Family::ipv6).udp_checksum;
  }
  return 0;
}

// Of the mark's first two words.
inline Mark mark_of(uint64_t first, uint64_t second) {
  return {static_cast<uint16_t>(first >> 16), first >> 32 | (second & 0xff) << 32,
          second >> 8 & kStampMask_ns};
}

inline MarkState read_mark(const uint8_t* frame, uint32_t length, Mark* mark) {
  if (length < kMarkLength) return MarkState::none;
  const uint8_t* const end = frame + length;
  const uint64_t first = load_little<uint64_t>(end - 18);
  if ((first & 0xffff) != kMarkMagic) return MarkState::none;

  uint32_t crc = 0;
  if (const uint32_t checksum = udp_checksum_offset(frame, length); checksum != 0) {
    const uint32_t after = checksum + sizeof(uint16_t);
    crc = crc32c(crc, frame, checksum);
    crc = crc32c(crc, frame + after, length - after - kMarkCrcLength);
  } else {
    crc = crc32c(crc, frame, length - kMarkCrcLength);
  }
  if (crc != load_little<uint32_t>(end - kMarkCrcLength)) return MarkState::damaged;

  *mark = mark_of(first, load_little<uint64_t>(end - 10));
  return MarkState::whole;
}

[[gnu::always_inline]] inline bool read_marks(const FrameBytes* frames, Mark* marks) {
  const uint32_t length = frames[0].length;
  if (length < kMarkLength) return false;
  const uint32_t checksum = udp_checksum_offset(frames[0].bytes, length);
  uint32_t crcs[kMarksAtOnce] = {};
  const uint8_t* bytes[kMarksAtOnce];
  uint64_t firsts[kMarksAtOnce];
  bool alike = true;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < kMarksAtOnce; i++) {
    if (frames[i].length != length) return false;
    bytes[i] = frames[i].bytes;
    firsts[i] = load_little<uint64_t>(bytes[i] + length - kMarkLength);
    alike &= (firsts[i] & 0xffff) == kMarkMagic && udp_checksum_offset(bytes[i], length) == checksum;
  }
  if (!alike) return false;

  const uint32_t crc_at = length - kMarkCrcLength;
  uint32_t from = 0;
  if (checksum != 0) {
    crc32c_each(crcs, bytes, checksum);
    from = checksum + sizeof(uint16_t);
#pragma GCC unroll 4
    for (uint32_t i = 0; i < kMarksAtOnce; i++) bytes[i] += from;
  }
  crc32c_each(crcs, bytes, crc_at - from);
#pragma GCC unroll 4
  for (uint32_t i = 0; i < kMarksAtOnce; i++) {
    alike &= crcs[i] == load_little<uint32_t>(frames[i].bytes + crc_at);
    marks[i] = mark_of(firsts[i], load_little<uint64_t>(frames[i].bytes + length - 10));
  }
  return alike;
}

}  // namespace nm
