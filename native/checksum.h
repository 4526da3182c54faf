// The internet checksum: the complement of the ones' complement sum of a packet's 16-bit words. [RFC 1071]
//
// Sums are kept open, as plain 64-bit additions of words, and folded when a checksum is wanted. So a packet's
// sum is the sum of its parts in any order, and a part that changes is just added anew: there is nothing to
// drift.
#pragma once

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

constexpr uint64_t sum_words(uint32_t value) { return (value >> 16) + (value & 0xffff); }

// The same number in 16 bits. Only a sum of nothing folds to 0: any other multiple of 0xffff stays 0xffff.
constexpr uint16_t fold(uint64_t sum) {
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<uint16_t>(sum);
}

constexpr uint16_t ip_checksum(uint64_t sum) { return static_cast<uint16_t>(~fold(sum)); }

// In UDP a checksum of 0 says that there is none, so 0 is written in its other form. [RFC 768]
constexpr uint16_t udp_checksum(uint64_t sum) {
  const uint16_t checksum = ip_checksum(sum);
  return checksum != 0 ? checksum : 0xffff;
}

}  // namespace nm
