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
constexpr uint64_t kSequenceMask = (uint64_t{1} << 48) - 1;
constexpr uint32_t kAfterUdpChecksum = kUdpChecksumOffset + 2;

// What the 18 bytes of a mark add to the frame's UDP sum, from their little-endian words.
uint64_t mark_sum(uint64_t first, uint64_t second, uint16_t third, bool at_odd_offset) {
  const uint16_t sum = fold(uint64_t{fold(first)} + fold(second) + third);
  // At an even offset the words are those of the frame, with their bytes exchanged; an odd one exchanges them
  // again.
  return at_odd_offset ? sum : swap_bytes(sum);
}

bool has_udp_checksum(const uint8_t* frame, uint32_t length) {
  constexpr uint16_t kEthernetTypeIp = 0x0800;
  constexpr uint8_t kVersion4NoOptions = 4 << 4 | 5;
  constexpr uint8_t kProtocolUdp = 17;
  return length >= kShortestMarkedFrame && load_big<uint16_t>(frame + 12) == kEthernetTypeIp &&
         frame[14] == kVersion4NoOptions && frame[23] == kProtocolUdp;
}

}  // namespace

MarkState read_mark(const uint8_t* frame, uint32_t length, Mark* mark) {
  if (length < kMarkLength) return MarkState::none;
  const uint8_t* const end = frame + length;
  const uint64_t first = load_little<uint64_t>(end - 18);
  if ((first & 0xffff) != kMagic) return MarkState::none;

  uint32_t crc = 0;
  if (has_udp_checksum(frame, length)) {
    crc = crc32c(crc, frame, kUdpChecksumOffset);
    crc = crc32c(crc, frame + kAfterUdpChecksum, length - kAfterUdpChecksum - kCrcLength);
  } else {
    crc = crc32c(crc, frame, length - kCrcLength);
  }
  if (crc != load_little<uint32_t>(end - kCrcLength)) return MarkState::damaged;

  const uint64_t second = load_little<uint64_t>(end - 10);
  mark->stream = static_cast<uint16_t>(first >> 16);
  mark->sequence = first >> 32 | (second & 0xffff) << 32;
  mark->sent_ns = static_cast<uint32_t>(second >> 16);
  return MarkState::whole;
}

Marker::Marker(const Frame& frame, uint16_t stream) : stream_(stream) {
  assert(frame.length() >= kShortestMarkedFrame);
  crc_before_ = crc32c(0, frame.bytes(), kVaryingOffset);
  if (frame.varies()) return;
  crc_before_ = crc32c(crc_before_, frame.bytes() + kVaryingOffset, kUdpChecksumOffset - kVaryingOffset);
  crc_before_ = crc32c(crc_before_, frame.bytes() + kAfterUdpChecksum,
                       frame.length() - kAfterUdpChecksum - kMarkLength);
}

void Marker::write(const Frame& frame, uint8_t* copy, uint64_t sequence, uint32_t sent_ns) const {
  uint32_t crc = crc_before_;
  if (frame.varies()) {
    crc = crc32c(crc, copy + kVaryingOffset, kUdpChecksumOffset - kVaryingOffset);
    crc = crc32c(crc, frame.bytes() + kAfterUdpChecksum, frame.length() - kAfterUdpChecksum - kMarkLength);
  }

  sequence &= kSequenceMask;
  const uint64_t first = kMagic | uint64_t{stream_} << 16 | sequence << 32;
  uint64_t second = sequence >> 32 | uint64_t{sent_ns} << 16;
  uint8_t* const mark = copy + frame.length() - kMarkLength;
  store_little(mark, first);
  store_little(mark + 8, second);
  crc = crc32c(crc, mark, kMarkLength - kCrcLength);
  second |= uint64_t{crc & 0xffff} << 48;
  const uint16_t third = static_cast<uint16_t>(crc >> 16);
  store_little(mark + 8, second);
  store_little(mark + 16, third);

  const uint64_t sum = frame.udp_sum() + mark_sum(first, second, third, (frame.length() & 1) != 0);
  store_big<uint16_t>(copy + kUdpChecksumOffset, udp_checksum(sum));
}

}  // namespace nm
