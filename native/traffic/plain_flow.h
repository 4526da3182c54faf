// Hashes of flows, and the packets whose flow is found without looking for headers. Inline, for the loop of a load balancer is
// little else.
#pragma once

#include <cstdint>

#include "bytes.h"
#include "traffic/header_places.h"

namespace nm {

inline constexpr uint16_t kVxlanPort = 4789;

// All bits of a number depend on all bits of the other two. [the product of two 64-bit words, folded]
inline uint64_t mix(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline constexpr uint64_t kOdd1 = 0x9e3779b97f4a7c15;
inline constexpr uint64_t kOdd2 = 0xd1b54a32d192ed03;

// One end of a flow: an address and a port. No two that differ in one of them are likely to be alike.
inline uint64_t end_of(uint64_t upper, uint64_t lower, uint16_t port) {
  return mix(lower ^ kOdd1, (upper ^ kOdd2) + (uint64_t{port} << 32 | port));
}

// Which end is which must not matter.
inline uint32_t both_ends(uint64_t one, uint64_t other) {
  return static_cast<uint32_t>(mix(one + other, kOdd1) >> 32);
}

inline uint32_t hash_of_ipv4(const uint8_t* from, const uint8_t* to, uint16_t from_port, uint16_t to_port) {
  return both_ends(end_of(0, load_big<uint32_t>(from), from_port),
                   end_of(0, load_big<uint32_t>(to), to_port));
}

inline constexpr uint32_t kPlainPortsAt = kEthernetLength + 20;

// Whether a packet is of the kind that most are, whose addresses and ports need no looking for: TCP or UDP in IPv4 without
// options, right behind the Ethernet header, whole, and no tunnel.
inline bool is_plain(const uint8_t* packet, uint32_t captured) {
  if (captured < kPlainPortsAt + 8) return false;
  const uint8_t* const ip = packet + kEthernetLength;
  return load_big<uint16_t>(packet + 12) == kEtherIpv4 && ip[0] == kIpv4NoOptions &&
         (load_big<uint16_t>(ip + 6) & 0x3fff) == 0 &&
         (ip[9] == kProtocolTcp ||
          (ip[9] == kProtocolUdp && load_big<uint16_t>(packet + kPlainPortsAt + 2) != kVxlanPort));
}

inline uint32_t plain_hash(const uint8_t* packet) {
  const uint8_t* const from = packet + kEthernetLength + 12;
  const uint8_t* const ports = packet + kPlainPortsAt;
  return hash_of_ipv4(from, from + 4, load_big<uint16_t>(ports), load_big<uint16_t>(ports + 2));
}

}  // namespace nm
