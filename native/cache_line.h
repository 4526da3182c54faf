// Cache lines: what memory moves in between cores, and the unit in which short packets are copied.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace nm {

inline constexpr uint32_t kCacheLine = 64;

// Longer packets are copied as the C library copies: its call is not worth it for a few lines.
inline constexpr uint32_t kFewLines = 4 * kCacheLine;

// The longest packet that is copied in whole lines between two places which have room for so many bytes.
constexpr uint32_t few_lines_within(uint32_t room) {
  return std::min(kFewLines, room / kCacheLine * kCacheLine);
}

// Copies `length` bytes. Up to `few` of them go in whole lines, so that both places must have room up to the end of the last.
[[gnu::always_inline]] inline void copy_lines(uint8_t* to, const uint8_t* from, uint32_t length,
                                              uint32_t few = kFewLines) {
  if (length <= few) {
    for (uint32_t done = 0; done < length; done += kCacheLine)
      std::memcpy(to + done, from + done, kCacheLine);
  } else {
    std::memcpy(to, from, length);
  }
}

}  // namespace nm
