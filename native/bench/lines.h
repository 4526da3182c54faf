// Writing and reading memory by the cache line, the way all sides of all measurements do it.
#pragma once

#include <cstdint>
#include <cstring>

namespace nm::bench {

inline constexpr uint32_t kLine = 64;

// Writes each line that `length` bytes touch, whole.
inline void write_lines(uint8_t* buffer, uint32_t length, uint64_t value) {
  for (uint32_t line = 0; line < length; line += kLine) {
    memset(buffer + line, static_cast<int>(value & 0xff), kLine);
  }
}

// Reads one word of each line.
inline uint64_t read_lines(const uint8_t* buffer, uint32_t length) {
  uint64_t sum = 0;
  for (uint32_t line = 0; line < length; line += kLine) {
    uint64_t word;
    memcpy(&word, buffer + line, sizeof(word));
    sum += word;
  }
  return sum;
}

}  // namespace nm::bench
