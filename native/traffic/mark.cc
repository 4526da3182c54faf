// Marks are made from registers and stored in the words they are read back in, see packet.cc.
#include "traffic/mark.h"

#include <cassert>

#include "bytes.h"
#include "checksum.h"
#include "traffic/crc32c.h"

namespace nm {
namespace {

constexpr uint16_t kMagic = 'n' | 'm' << 8;
constexpr uint32_t kCrcLength = 4;
constexpr uint64_t kSequenceMask = (uint64_t{1} << kSequenceBits) - 1;
constexpr uint32_t kChecksumLength = 2;

// What the 18 bytes of a mark add to the frame's UDP sum, from their little-endian words.
uint64_t mark_sum(uint64_t first, uint64_t second, uint16_t third, bool at_odd_offset) {
  const uint16_t sum = fold(uint64_t{fold(first)} + fold(second) + third);
  // At an even offset the words are those of the frame, with their bytes exchanged; an odd one exchanges them
  // again.
  return at_odd_offset ? sum : swap_bytes(sum);
}

// Where the UDP checksum is in a frame, 0 when there is none.
uint32_t udp_checksum_offset(const uint8_t* frame, uint32_t length) {
  constexpr uint16_t kEthernetTypeIpv4 = 0x0800;
  constexpr uint16_t kEthernetTypeIpv6 = 0x86dd;
  constexpr uint8_t kVersion4NoOptions = 4 << 4 | 5;
  constexpr uint8_t kProtocolUdp = 17;
  if (length < shortest_marked(Family::ipv4)) return 0;
  const uint16_t type = load_big<uint16_t>(frame + 12);
  if (type == kEthernetTypeIpv4 && frame[14] == kVersion4NoOptions && frame[23] == kProtocolUdp) {
    return layout_of(Family::ipv4).udp_checksum;
  }
  if (type == kEthernetTypeIpv6 && frame[20] == kProtocolUdp && length >= shortest_marked(Family::ipv6)) {
    return layout_of(Family::ipv6).udp_checksum;
  }
  return 0;
}

}  // namespace

MarkState read_mark(const uint8_t* frame, uint32_t length, Mark* mark) {
  if (length < kMarkLength) return MarkState::none;
  const uint8_t* const end = frame + length;
  const uint64_t first = load_little<uint64_t>(end - 18);
  if ((first & 0xffff) != kMagic) return MarkState::none;

  uint32_t crc = 0;
  if (const uint32_t checksum = udp_checksum_offset(frame, length); checksum != 0) {
    const uint32_t after = checksum + kChecksumLength;
    crc = crc32c(crc, frame, checksum);
    crc = crc32c(crc, frame + after, length - after - kCrcLength);
  } else {
    crc = crc32c(crc, frame, length - kCrcLength);
  }
  if (crc != load_little<uint32_t>(end - kCrcLength)) return MarkState::damaged;

  const uint64_t second = load_little<uint64_t>(end - 10);
  mark->stream = static_cast<uint16_t>(first >> 16);
  mark->sequence = first >> 32 | (second & 0xff) << 32;
  mark->sent_ns = second >> 8 & kStampMask_ns;
  return MarkState::whole;
}

Marker::Marker(const Frame& frame, uint16_t stream) : stream_(stream) {
  const FrameLayout& at = frame.layout();
  assert(frame.length() >= at.payload + kMarkLength);
  crc_before_ = crc32c(0, frame.bytes(), frame.varies() ? frame.first_varying() : at.udp_checksum);
  if (frame.varies()) return;
  crc_before_ = crc32c(crc_before_, frame.bytes() + at.payload, frame.length() - at.payload - kMarkLength);
}

void Marker::write(const Frame& frame, uint8_t* copy, uint64_t sequence, uint64_t sent_ns) const {
  uint32_t crc = crc_before_;
  if (frame.varies()) {
    const FrameLayout& at = frame.layout();
    crc = crc32c(crc, copy + frame.first_varying(), at.udp_checksum - frame.first_varying());
    crc = crc32c(crc, frame.bytes() + at.payload, frame.length() - at.payload - kMarkLength);
  }

  sequence &= kSequenceMask;
  const uint64_t first = kMagic | uint64_t{stream_} << 16 | sequence << 32;
  uint64_t second = sequence >> 32 | (sent_ns & kStampMask_ns) << 8;
  uint8_t* const mark = copy + frame.length() - kMarkLength;
  store_little(mark, first);
  store_little(mark + 8, second);
  crc = crc32c(crc, mark, kMarkLength - kCrcLength);
  second |= uint64_t{crc & 0xffff} << 48;
  const uint16_t third = static_cast<uint16_t>(crc >> 16);
  store_little(mark + 8, second);
  store_little(mark + 16, third);

  const uint64_t sum = frame.udp_sum() + mark_sum(first, second, third, (frame.length() & 1) != 0);
  store_big<uint16_t>(copy + frame.layout().udp_checksum, udp_checksum(sum));
}

}  // namespace nm
