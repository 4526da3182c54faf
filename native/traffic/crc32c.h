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

// The CRCs of what each of `crcs` stands for, followed by these bytes, of N runs of one length. Each step of a CRC waits for the one
// before it: those of others go in between.
template <size_t N>
[[gnu::always_inline]] inline void crc32c_each(uint32_t (&crcs)[N], const uint8_t* const (&bytes)[N],
                                               size_t length) {
  if (!kHasCrc32c) [[unlikely]] {
    for (size_t i = 0; i < N; i++) crcs[i] = crc32c_by_table(crcs[i], bytes[i], length);
    return;
  }
  // Unrolled, or they would be kept in memory.
  uint64_t states[N];
#pragma GCC unroll 8
  for (size_t i = 0; i < N; i++) states[i] = static_cast<uint32_t>(~crcs[i]);
  size_t at = 0;
  const auto step_each = [&]<typename Word>(Word) __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (size_t i = 0; i < N; i++) states[i] = crc32c_step(states[i], load_little<Word>(bytes[i] + at));
    at += sizeof(Word);
  };
  while (length - at >= 8) step_each(uint64_t{});
  if ((length & 4) != 0) step_each(uint32_t{});
  if ((length & 2) != 0) step_each(uint16_t{});
  if ((length & 1) != 0) step_each(uint8_t{});
#pragma GCC unroll 8
  for (size_t i = 0; i < N; i++) crcs[i] = static_cast<uint32_t>(~states[i]);
}

// The CRC of what `crc` stands for, followed by these bytes. The CRC of nothing is 0.
inline uint32_t crc32c(uint32_t crc, const uint8_t* bytes, size_t length) {
  uint32_t crcs[] = {crc};
  crc32c_each(crcs, {bytes}, length);
  return crcs[0];
}

// The same with the bytes of little-endian words, which need not be in memory.
template <typename... Words>
[[gnu::always_inline]] inline uint32_t crc32c_words(uint32_t crc, Words... words) {
  if (kHasCrc32c) [[likely]] {
    uint64_t state = static_cast<uint32_t>(~crc);
    ((state = crc32c_step(state, words)), ...);
    return static_cast<uint32_t>(~state);
  }
  const auto by_table = [&](auto word) {
    uint8_t bytes[sizeof(word)];
    store_little(bytes, word);
    crc = crc32c_by_table(crc, bytes, sizeof(bytes));
  };
  (by_table(words), ...);
  return crc;
}

}  // namespace nm
