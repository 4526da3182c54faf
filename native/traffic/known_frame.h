// A frame that was seen before: what differs from it in nothing but mark and UDP checksum has the same CRC up to the mark.
//
// Most packets of a stream do. To compare them takes a third of the time of their CRCs, and finds the same: a byte that was
// changed on the way is a difference.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "traffic/mark.h"

namespace nm {

class KnownFrame {
 public:
  // Longer frames are not remembered.
  static constexpr uint32_t kLongest = 2048;

  // Remembers a frame, whatever its mark. `frame` may be somebody else's memory: only the copy counts.
  void learn(const uint8_t* frame, uint32_t length) {
    if (length < kMarkLength || length > kLongest) return;
    length_ = length;
    const uint32_t compared = length - kMarkLength;
    std::memcpy(bytes_.data(), frame, compared);
    std::memset(mask_.data(), 0xff, compared);
    std::memset(&mask_[compared], 0, sizeof(Block));
    const uint32_t checksum = udp_checksum_offset(bytes_.data(), length);
    if (checksum != 0) std::memset(&mask_[checksum], 0, sizeof(uint16_t));
    const uint32_t after = checksum != 0 ? checksum + uint32_t{sizeof(uint16_t)} : 0;
    crc_ = crc32c(crc32c(0, bytes_.data(), checksum), &bytes_[after], compared - after);
  }

  // Reads the marks of kMarksAtOnce frames. False: one differs from the known frame, or has no whole mark.
  [[gnu::always_inline]] bool read_marks(const FrameBytes* frames, MarkWords* marks) const {
    uint64_t unlike = 0;
#pragma GCC unroll 4
    for (uint32_t i = 0; i < kMarksAtOnce; i++) unlike |= frames[i].length ^ length_;
    if (unlike != 0) return false;

    // The last block may reach into the mark, which is longer.
    static_assert(sizeof(Block) <= kMarkLength);
    Block different{};
    for (uint32_t at = 0; at < length_ - kMarkLength; at += sizeof(Block)) {
      const Block known = load(&bytes_[at]);
      const Block mask = load(&mask_[at]);
#pragma GCC unroll 4
      for (uint32_t i = 0; i < kMarksAtOnce; i++) different |= (load(frames[i].bytes + at) ^ known) & mask;
    }
    unlike = different[0] | different[1];
#pragma GCC unroll 4
    for (uint32_t i = 0; i < kMarksAtOnce; i++)
      unlike |= marks[i].read(frames[i].bytes + length_ - kMarkLength, crc_);
    return unlike == 0;
  }

 private:
  using Block [[gnu::vector_size(16)]] = uint64_t;
  static Block load(const uint8_t* from) {
    Block block;
    std::memcpy(&block, from, sizeof(block));
    return block;
  }

  // None at first: no frame has this length.
  uint32_t length_ = UINT32_MAX;
  // Of the bytes before the mark.
  uint32_t crc_ = 0;
  alignas(sizeof(Block)) std::array<uint8_t, kLongest> bytes_{};
  // Which bits of each byte count; of those after the last, in its block, none.
  alignas(sizeof(Block)) std::array<uint8_t, kLongest> mask_{};
};

}  // namespace nm
