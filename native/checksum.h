// The internet checksum: the complement of the ones' complement sum of a packet's 16-bit words. [RFC 1071]
//
// Sums are kept open, as plain 64-bit additions of words, and folded when a checksum is wanted. So a packet's
// sum is the sum of its parts in any order, and a part that changes is just added anew: there is nothing to
// drift.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace nm {

// The big-endian words of `length` bytes; an odd last byte is the high half of a word.
constexpr uint64_t sum_words(const uint8_t* bytes, size_t length) {
  uint64_t sum = 0;
  size_t i = 0;
  for (; i + 1 < length; i += 2) sum += static_cast<uint64_t>(bytes[i] << 8 | bytes[i + 1]);
  if (i < length) sum += static_cast<uint64_t>(bytes[i] << 8);
  return sum;
}

constexpr uint32_t sum_words(uint32_t value) { return (value >> 16) + (value & 0xffff); }

// The same number in 16 bits. Only a sum of nothing folds to 0: any other multiple of 0xffff stays 0xffff.
constexpr uint16_t fold(uint64_t sum) {
  // Both halves of what is added are both halves of the sum, so that the upper one gets its own carry from the lower.
  const uint32_t half = static_cast<uint32_t>((sum + std::rotl(sum, 32)) >> 32);
  return static_cast<uint16_t>((half + std::rotl(half, 16)) >> 16);
}

// The ones' complement sum of two numbers of 64 bits.
constexpr uint64_t add_around(uint64_t sum, uint64_t more) {
  sum += more;
  return sum + (sum < more);
}

constexpr uint16_t ip_checksum(uint64_t sum) { return static_cast<uint16_t>(~fold(sum)); }

// In UDP a checksum of 0 says that there is none, so 0 is written in its other form. [RFC 768]
constexpr uint16_t udp_checksum(uint64_t sum) {
  const uint16_t checksum = ip_checksum(sum);
  return checksum != 0 ? checksum : 0xffff;
}

// The same of sums of a few 16-bit words, each of which may be a sum that was folded already: in steps of which a compiler makes
// several sums' at a time.
constexpr uint32_t ip_checksum_of_words(uint32_t sum) { return sum_words(sum_words(sum)) ^ 0xffff; }
constexpr uint32_t udp_checksum_of_words(uint32_t sum) {
  const uint32_t checksum = ip_checksum_of_words(sum);
  return checksum != 0 ? checksum : 0xffff;
}

}  // namespace nm
