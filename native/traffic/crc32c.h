// CRC-32C (Castagnoli), as iSCSI and SCTP use it. [RFC 3720, appendix B.4]
//
// The x86 instruction where the processor has it, else by table.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bytes.h"

namespace nm {

// The same as crc32c() by table, which is what a processor without an instruction for it runs.
uint32_t crc32c_by_table(uint32_t crc, const uint8_t* bytes, size_t length);

#if defined(__x86_64__)

// Whether the processor has the instruction.
extern const bool kHasCrc32c;

// What the instruction makes of a CRC's complement and more bytes, those of a little-endian word. As assembly, because a
// function for processors that have it could not be inlined into one for all.
inline uint64_t crc32c_step(uint64_t state, uint64_t word) {
  asm("crc32q %1, %0" : "+r"(state) : "r"(word));
  return state;
}
inline uint64_t crc32c_step(uint64_t state, uint32_t word) {
  asm("crc32l %1, %k0" : "+r"(state) : "r"(word));
  return state;
}
inline uint64_t crc32c_step(uint64_t state, uint16_t word) {
  asm("crc32w %1, %k0" : "+r"(state) : "r"(word));
  return state;
}
inline uint64_t crc32c_step(uint64_t state, uint8_t word) {
  asm("crc32b %1, %k0" : "+r"(state) : "q"(word));
  return state;
}

#else

inline constexpr bool kHasCrc32c = false;

template <typename Word>
uint64_t crc32c_step(uint64_t state, Word) {
  return state;
}

#endif

// The CRC of what `crc` stands for, followed by these bytes. The CRC of nothing is 0.
inline uint32_t crc32c(uint32_t crc, const uint8_t* bytes, size_t length) {
  if (!kHasCrc32c) [[unlikely]]
    return crc32c_by_table(crc, bytes, length);
  uint64_t state = static_cast<uint32_t>(~crc);
  for (; length >= 8; bytes += 8, length -= 8) state = crc32c_step(state, load_little<uint64_t>(bytes));
  if (length & 4) {
    state = crc32c_step(state, load_little<uint32_t>(bytes));
    bytes += 4;
  }
  if (length & 2) {
    state = crc32c_step(state, load_little<uint16_t>(bytes));
    bytes += 2;
  }
  if (length & 1) state = crc32c_step(state, *bytes);
  return static_cast<uint32_t>(~state);
}

// The same with the bytes of a little-endian word, which needs not be in memory.
template <typename Word>
uint32_t crc32c_word(uint32_t crc, Word word) {
  if (kHasCrc32c) [[likely]]
    return static_cast<uint32_t>(~crc32c_step(static_cast<uint32_t>(~crc), word));
  uint8_t bytes[sizeof(Word)];
  store_little(bytes, word);
  return crc32c_by_table(crc, bytes, sizeof(bytes));
}

}  // namespace nm
