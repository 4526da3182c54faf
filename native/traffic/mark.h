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
//              the clock is read before each batch, and in it for every 64th frame
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

inline constexpr uint16_t kMarkMagic = 'n' | 'm' << 8;
inline constexpr uint32_t kMarkCrcLength = 4;

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

// The first two words of a mark; 16 bits of the CRC are in the second.
struct MarkWords {
  uint64_t first;
  uint64_t second;

  Mark mark() const {
    return {static_cast<uint16_t>(first >> 16), first >> 32 | (second & 0xff) << 32,
            second >> 8 & kStampMask_ns};
  }

  // Reads a mark after bytes of this CRC. Returns 0 if it is whole: each word is read once, and what was judged is what is kept.
  uint64_t read(const uint8_t* mark, uint32_t crc_before) {
    first = load_little<uint64_t>(mark);
    second = load_little<uint64_t>(mark + 8);
    const uint32_t crc =
        crc32c_words(crc_before, first, static_cast<uint32_t>(second), static_cast<uint16_t>(second >> 32));
    const uint32_t said = static_cast<uint32_t>(second >> 48) | uint32_t{load_little<uint16_t>(mark + 16)}
                                                                    << 16;
    return (crc ^ said) | ((first & 0xffff) ^ kMarkMagic);
  }
};

// The same of kMarksAtOnce frames, by their words. False: they are of different lengths or kinds, or one has no whole mark.
inline constexpr uint32_t kMarksAtOnce = 4;
inline bool read_marks(const FrameBytes* frames, MarkWords* marks);

// Whether so many marks are of one stream and one stamp, and their numbers follow each other.
inline bool are_in_a_row(const MarkWords* marks);

// Writes marks into copies of a frame, whose spec reserved kMarkLength bytes at its end.
class Marker {
 public:
  // Numbers that differ in their lowest bits alone: what is to be reckoned for one of so many.
  static constexpr uint32_t kRun = 64;

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

  // What marks of one stamp have in common, of which the numbers are those of a run, sequence / kRun.
  struct Run {
    uint64_t first;
    uint64_t second;
    uint32_t crc;
    uint32_t sum;
  };
  Run run(const Rest& rest, uint64_t sequence, uint64_t sent_ns) const;

  // What belongs to the mark at one place in a run, sequence % kRun: its CRC, and the UDP checksum in the byte order of words
  // that are stored as little-endian ones.
  struct Sums {
    uint32_t crc;
    uint32_t udp_checksum;
  };
  // The same at many places: lists of numbers of one size, of which a compiler makes several at a time.
  struct RunSums {
    uint32_t crc[kRun];
    uint32_t udp_checksum[kRun];

    Sums at(uint32_t place) const { return {crc[place], udp_checksum[place]}; }
    void set(uint32_t place, Sums sums) {
      crc[place] = sums.crc;
      udp_checksum[place] = sums.udp_checksum;
    }
  };
  Sums sums(const Rest& rest, const Run& run, uint32_t place) const;
  // At the places [first, end) at least.
  void sums(const Rest& rest, const Run& run, uint32_t first, uint32_t end, RunSums* all) const;

  // Marks a copy: writes mark and UDP checksum.
  static void write(const Rest& rest, const Run& run, uint8_t* copy, uint32_t place, Sums sums);
  void write(const Frame& frame, uint8_t* copy, uint64_t sequence, uint64_t sent_ns) const {
    const Rest rest = this->rest(frame, copy);
    const Run run = this->run(rest, sequence, sent_ns);
    const uint32_t place = sequence % kRun;
    write(rest, run, copy, place, sums(rest, run, place));
  }

 private:
  void make_sums(const Rest& rest, const Run& run, RunSums* all) const;
  void make_sums_by_eight(const Rest& rest, const Run& run, RunSums* all) const;

  uint16_t stream_;
  // The CRC of the bytes before the first that varies; for a frame that does not vary, before the mark.
  uint32_t crc_before_;
  // What a number's place in its run changes in the mark's CRC.
  uint32_t crc_of_place_[kRun];
};

inline Marker::Run Marker::run(const Rest& rest, uint64_t sequence, uint64_t sent_ns) const {
  sequence = sequence / kRun * kRun & ((uint64_t{1} << kSequenceBits) - 1);
  const uint64_t first = kMarkMagic | uint64_t{stream_} << 16 | sequence << 32;
  const uint64_t second = sequence >> 32 | (sent_ns & kStampMask_ns) << 8;
  const uint32_t crc =
      crc32c_words(rest.crc, first, static_cast<uint32_t>(second), static_cast<uint16_t>(second >> 32));
  return {first, second, crc, uint32_t{fold(add_around(first, second))} + rest.udp_sum};
}

// A CRC is linear: the place's bits, which are 0 in what the run has in common, change the same bits of it whatever the others
// are. To the checksum they are a number more.
[[gnu::always_inline]] inline Marker::Sums Marker::sums(const Rest& rest, const Run& run,
                                                        uint32_t place) const {
  const uint32_t crc = run.crc ^ crc_of_place_[place];
  const uint32_t checksum = udp_checksum_of_words(run.sum + place + (crc & 0xffff) + (crc >> 16));
  // At an even offset the mark's words are those of the frame with their bytes exchanged, at an odd one they are not.
  return {crc, rest.at_odd_offset ? (checksum & 0xff) << 8 | checksum >> 8 : checksum};
}

// Made in registers and stored, and nothing of it is read back: a load of what was just stored waits behind all earlier
// stores, and those wait for lines that another core has. Between cores that are far from each other, packets whose marks
// were read back for their CRC took 50 ns. [measured]
[[gnu::always_inline]] inline void Marker::write(const Rest& rest, const Run& run, uint8_t* copy,
                                                 uint32_t place, Sums sums) {
  uint8_t* const mark = copy + rest.mark;
  store_little(mark, run.first | uint64_t{place} << 32);
  store_little(mark + 8, run.second | uint64_t{sums.crc} << 48);
  store_little(mark + 16, static_cast<uint16_t>(sums.crc >> 16));
  store_little(copy + rest.udp_checksum, static_cast<uint16_t>(sums.udp_checksum));
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

  *mark = MarkWords{first, load_little<uint64_t>(end - 10)}.mark();
  return MarkState::whole;
}

// What udp_checksum_offset() looks at, besides the length, is the same in two frames where this is 0.
inline uint64_t difference_of_kinds(const uint8_t* a, const uint8_t* b) {
  const auto difference = [&](uint32_t at) {
    return load_little<uint64_t>(a + at) ^ load_little<uint64_t>(b + at);
  };
  constexpr uint64_t kType = 0xffffff, kFromIpv6Protocol = uint64_t{0xff} << 32 | uint64_t{0xff} << 56;
  return (difference(12) & kType) | (difference(16) & kFromIpv6Protocol);
}

[[gnu::always_inline]] inline bool read_marks(const FrameBytes* frames, MarkWords* marks) {
  const uint32_t length = frames[0].length;
  if (length < shortest_marked(Family::ipv4)) return false;
  const uint8_t* bytes[kMarksAtOnce];
  uint64_t unlike = 0;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < kMarksAtOnce; i++) unlike |= frames[i].length ^ length;
  if (unlike != 0) return false;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < kMarksAtOnce; i++) {
    bytes[i] = frames[i].bytes;
    const uint8_t* const mark = bytes[i] + length - kMarkLength;
    marks[i] = {load_little<uint64_t>(mark), load_little<uint64_t>(mark + sizeof(uint64_t))};
    unlike |= (marks[i].first & 0xffff) ^ kMarkMagic;
    if (i > 0) unlike |= difference_of_kinds(bytes[0], bytes[i]);
  }
  if (unlike != 0) return false;

  const uint32_t checksum = udp_checksum_offset(bytes[0], length);
  uint32_t crcs[kMarksAtOnce] = {};
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
    unlike |= crcs[i] ^ load_little<uint32_t>(frames[i].bytes + crc_at);
  }
  return unlike == 0;
}

[[gnu::always_inline]] inline bool are_in_a_row(const MarkWords* marks) {
  constexpr uint64_t kNotOfCrc = (uint64_t{1} << 48) - 1;
  uint64_t unlike = 0;
#pragma GCC unroll 4
  for (uint64_t i = 1; i < kMarksAtOnce; i++) {
    unlike |= marks[i].first ^ (marks[0].first + (i << 32));
    unlike |= (marks[i].second ^ marks[0].second) & kNotOfCrc;
  }
  return unlike == 0;
}

}  // namespace nm
