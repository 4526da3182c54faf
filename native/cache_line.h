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

// How many lines so many bytes take, from the beginning of one on.
constexpr uint32_t lines_of(uint32_t length) { return (length + kCacheLine - 1) / kCacheLine; }

// Copies a line to memory past this core's caches. Both begin at a line. Others may see it after later stores, see below.
[[gnu::always_inline]] inline void stream_line(uint8_t* to, const uint8_t* from) {
#if defined(__SSE2__)
  using Block [[gnu::vector_size(16), gnu::may_alias]] = long long;
  const Block* const blocks = reinterpret_cast<const Block*>(from);
  Block* const stored = reinterpret_cast<Block*>(to);
  // All are read before one is stored: a line that is stored in one go is not read first.
  const Block a = blocks[0], b = blocks[1], c = blocks[2], d = blocks[3];
  __builtin_ia32_movntdq(&stored[0], a);
  __builtin_ia32_movntdq(&stored[1], b);
  __builtin_ia32_movntdq(&stored[2], c);
  __builtin_ia32_movntdq(&stored[3], d);
#else
  std::memcpy(to, from, kCacheLine);
#endif
}

// What was streamed comes before all that is stored afterwards. Other stores do so by themselves.
inline void finish_streaming() {
#if defined(__SSE2__)
  __builtin_ia32_sfence();
#endif
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
