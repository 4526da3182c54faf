// Numbers in packets: loads and stores of a fixed byte order at any address.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace nm {

constexpr uint8_t swap_bytes(uint8_t value) { return value; }
constexpr uint16_t swap_bytes(uint16_t value) { return __builtin_bswap16(value); }
constexpr uint32_t swap_bytes(uint32_t value) { return __builtin_bswap32(value); }
constexpr uint64_t swap_bytes(uint64_t value) { return __builtin_bswap64(value); }

template <std::endian order, typename Value>
constexpr Value ordered(Value value) {
  if constexpr (order == std::endian::native) return value;
  return swap_bytes(value);
}

template <typename Value>
Value load_big(const uint8_t* from) {
  Value value;
  std::memcpy(&value, from, sizeof(value));
  return ordered<std::endian::big>(value);
}

template <typename Value>
Value load_little(const uint8_t* from) {
  Value value;
  std::memcpy(&value, from, sizeof(value));
  return ordered<std::endian::little>(value);
}

template <typename Value>
void store_big(uint8_t* to, Value value) {
  value = ordered<std::endian::big>(value);
  std::memcpy(to, &value, sizeof(value));
}

template <typename Value>
void store_little(uint8_t* to, Value value) {
  value = ordered<std::endian::little>(value);
  std::memcpy(to, &value, sizeof(value));
}

}  // namespace nm
