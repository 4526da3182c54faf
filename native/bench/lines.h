// Writing and reading memory by the cache line, the way all sides of all measurements do it.
#pragma once

#include <cstdint>
#include <cstring>

#include "cache_line.h"

namespace nm::bench {

// How lines are written: by the word, as a program does that fills in the fields of a header, or with the widest
// stores that the compiler has, as one that copies a block. The latter take less room in the processor's store
// queue, where they wait for the line.
enum class Stores { words, wide };

// What suits packets of `length` bytes.
constexpr Stores usual_stores(uint32_t length) { return length <= kCacheLine ? Stores::words : Stores::wide; }

// Writes each line that `length` bytes touch, whole.
inline void write_lines(uint8_t* buffer, uint32_t length, uint64_t value, Stores stores) {
  for (uint32_t line = 0; line < length; line += kCacheLine) {
    if (stores == Stores::wide) {
      memset(buffer + line, static_cast<int>(value & 0xff), kCacheLine);
      continue;
    }
    auto* const words = reinterpret_cast<uint64_t*>(buffer + line);
    // Atomic ones are not joined to wider ones.
    for (uint32_t i = 0; i < kCacheLine / sizeof(uint64_t); i++)
      __atomic_store_n(words + i, value, __ATOMIC_RELAXED);
  }
}

// Reads one word of each line.
inline uint64_t read_lines(const uint8_t* buffer, uint32_t length) {
  uint64_t sum = 0;
  for (uint32_t line = 0; line < length; line += kCacheLine) {
    uint64_t word;
    memcpy(&word, buffer + line, sizeof(word));
    sum += word;
  }
  return sum;
}

}  // namespace nm::bench
