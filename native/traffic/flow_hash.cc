#include "traffic/flow_hash.h"

#include <array>

#include "bytes.h"
#include "traffic/header_places.h"

namespace nm {
namespace {

constexpr uint8_t kProtocolIpv4 = 4;
constexpr uint8_t kProtocolIpv6 = 41;
constexpr uint8_t kProtocolDccp = 33;
constexpr uint8_t kProtocolGre = 47;
constexpr uint8_t kProtocolSctp = 132;
constexpr uint8_t kProtocolUdpLite = 136;

constexpr uint16_t kEtherBridged = 0x6558;
// A packet in a packet in a packet: more is nonsense, or an attack.
constexpr int kMostTunnels = 4;

bool has_ports(const HeaderPlaces& places) {
  if (places.transport_at == 0) return false;
  switch (places.protocol) {
    case kProtocolTcp:
    case kProtocolUdp:
    case kProtocolSctp:
    case kProtocolDccp:
    case kProtocolUdpLite:
      return true;
    default:
      return false;
  }
}

uint32_t hash_of_ends(const uint8_t* packet, const HeaderPlaces& places, uint16_t from_port,
                      uint16_t to_port) {
  const uint8_t* const from = packet + places.from_at();
  const uint8_t* const to = packet + places.to_at();
  if (places.ip == 4) return hash_of_ipv4(from, to, from_port, to_port);
  return both_ends(end_of(load_big<uint64_t>(from), load_big<uint64_t>(from + 8), from_port),
                   end_of(load_big<uint64_t>(to), load_big<uint64_t>(to + 8), to_port));
}

uint32_t hash_of_macs(const uint8_t* packet) {
  const auto mac = [](const uint8_t* at) {
    return uint64_t{load_big<uint16_t>(at)} << 32 | load_big<uint32_t>(at + 2);
  };
  return both_ends(end_of(0, mac(packet), 0), end_of(0, mac(packet + kMacLength), 0));
}

// Of IPv4 over Ethernet: who asks for whom, or answers.
uint32_t hash_of_arp(const uint8_t* packet, const HeaderPlaces& places) {
  const uint8_t* const arp = packet + places.network_at;
  return both_ends(end_of(0, load_big<uint32_t>(arp + 14), 0), end_of(0, load_big<uint32_t>(arp + 24), 0));
}

Flow not_ip(const uint8_t* packet, uint32_t captured, const HeaderPlaces& places) {
  if (places.ether_type == kEtherArp && places.network_at != 0) return {hash_of_arp(packet, places), false};
  return {captured >= kEthernetLength ? hash_of_macs(packet) : 0, false};
}

// Identifies a datagram while its fragments are under way. [RFC 791, RFC 8200]
uint64_t datagram_key(const uint8_t* packet, const HeaderPlaces& places) {
  const uint64_t addresses = hash_of_ends(packet, places, 0, 0);
  return mix(addresses ^ uint64_t{places.fragment_id} << 32, kOdd2 ^ places.protocol) | 1;
}

// netmap's hash: a Toeplitz hash whose key repeats two bytes, so that the window over the key that belongs to a bit
// depends on the bit's place in 16 only. What is sent and what comes back hash alike.
class NetmapHash {
 public:
  NetmapHash() {
    constexpr uint32_t kKey = 0x506d506d;
    for (uint32_t byte = 0; byte < 256; byte++) {
      for (uint32_t bit = 0; bit < 8; bit++) {
        if ((byte & 0x80u >> bit) == 0) continue;
        even_[byte] ^= kKey << bit | kKey >> (16 - bit);
        odd_[byte] ^= kKey << (8 + bit) | kKey >> (8 - bit);
      }
    }
  }

  uint32_t of(const uint8_t* packet, uint32_t captured, bool* is_ip) const {
    return ethernet(packet, packet + captured, kMostTunnels, is_ip);
  }

 private:
  static constexpr uint16_t kSeed = 'B';
  static constexpr uint16_t kNoFromPort = 0xfdff;
  static constexpr uint16_t kNoToPort = 0xfeff;

  uint32_t half(uint16_t value) const { return even_[value >> 8] ^ odd_[value & 0xff]; }
  uint32_t word(uint32_t value) const {
    return half(static_cast<uint16_t>(value >> 16)) ^ half(static_cast<uint16_t>(value));
  }
  uint32_t ends(uint32_t from, uint32_t to, uint16_t from_port, uint16_t to_port) const {
    return word(from) ^ word(to) ^ half(static_cast<uint16_t>(from_port + kSeed)) ^
           half(static_cast<uint16_t>(to_port + kSeed));
  }
  uint32_t with_ports(uint32_t from, uint32_t to, const uint8_t* transport, const uint8_t* end) const {
    if (end - transport < 4) return ends(from, to, kNoFromPort, kNoToPort);
    return ends(from, to, load_big<uint16_t>(transport), load_big<uint16_t>(transport + 2));
  }

  uint32_t ethernet(const uint8_t* frame, const uint8_t* end, int depth, bool* is_ip) const {
    if (end - frame < kEthernetLength) return 0;
    uint16_t type = load_big<uint16_t>(frame + 12);
    const uint8_t* at = frame + kEthernetLength;
    // One tag, of the customer's kind.
    if (type == kEtherVlan && end - at >= kVlanLength) {
      type = load_big<uint16_t>(at + 2);
      at += kVlanLength;
    }
    if (type == kEtherIpv4) return ipv4(at, end, depth, is_ip);
    if (type == kEtherIpv6) return ipv6(at, end, depth, is_ip);
    const auto mac = [](const uint8_t* bytes) { return swap_bytes(load_big<uint32_t>(bytes + 2)); };
    return ends(mac(frame + kMacLength), mac(frame), kNoFromPort, kNoToPort);
  }

  uint32_t ipv4(const uint8_t* header, const uint8_t* end, int depth, bool* is_ip) const {
    if (end - header < 20 || depth == 0) return 0;
    *is_ip = true;
    const uint32_t length = (header[0] & 0xfu) * 4;
    if (length < 20 || length > load_big<uint16_t>(header + 2)) return 0;
    const uint32_t from = load_big<uint32_t>(header + 12);
    const uint32_t to = load_big<uint32_t>(header + 16);
    const uint8_t* const rest = header + length;
    if (rest > end) return ends(from, to, kNoFromPort, kNoToPort);
    switch (header[9]) {
      case kProtocolTcp:
      case kProtocolUdp:
        return with_ports(from, to, rest, end);
      case kProtocolIpv4:
        return ipv4(rest, end, depth - 1, is_ip);
      case kProtocolGre:
        return gre(rest, end, depth - 1, is_ip);
      default:
        return ends(from, to, kNoFromPort, kNoToPort);
    }
  }

  // Of the addresses the first four bytes count.
  uint32_t ipv6(const uint8_t* header, const uint8_t* end, int depth, bool* is_ip) const {
    if (end - header < 40 || depth == 0) return 0;
    *is_ip = true;
    const uint32_t from = load_big<uint32_t>(header + 8);
    const uint32_t to = load_big<uint32_t>(header + 24);
    const uint8_t* const rest = header + 40;
    switch (header[6]) {
      case kProtocolTcp:
      case kProtocolUdp:
        return with_ports(from, to, rest, end);
      case kProtocolIpv4:
        return ipv4(rest, end, depth - 1, is_ip);
      case kProtocolIpv6:
        return ipv6(rest, end, depth - 1, is_ip);
      case kProtocolGre:
        return gre(rest, end, depth - 1, is_ip);
      default:
        return ends(from, to, kNoFromPort, kNoToPort);
    }
  }

  // netmap looks for the flags at the wrong end of the byte, and takes each field for two bytes.
  uint32_t gre(const uint8_t* header, const uint8_t* end, int depth, bool* is_ip) const {
    if (end - header < 4) return 0;
    const uint16_t type = load_big<uint16_t>(header + 2);
    const uint8_t* const inner = header + 4 + 2 * __builtin_popcount(header[0] & 0xfu);
    if (inner > end) return 0;
    if (type == kEtherIpv4) return ipv4(inner, end, depth, is_ip);
    if (type == kEtherIpv6) return ipv6(inner, end, depth, is_ip);
    return type == kEtherBridged && depth > 0 ? ethernet(inner, end, depth, is_ip) : 0;
  }

  std::array<uint32_t, 256> even_{};
  std::array<uint32_t, 256> odd_{};
};

const NetmapHash& netmap_hash() {
  static const NetmapHash hash;
  return hash;
}

}  // namespace

FlowHasher::FlowHasher(FlowHash kind) : kind_(kind), datagrams_(kind == FlowHash::flow ? kDatagrams : 0) {}

Flow FlowHasher::flow_of_any(const uint8_t* packet, uint32_t captured) {
  if (kind_ == FlowHash::netmap) {
    Flow flow;
    flow.hash = netmap_hash().of(packet, captured, &flow.is_ip);
    return flow;
  }
  const HeaderPlaces places = find_headers(packet, captured);
  if (places.ip == 0) return not_ip(packet, captured, places);
  if (kind_ == FlowHash::addresses) return {hash_of_ends(packet, places, 0, 0), true};
  return innermost(packet, captured, places, kMostTunnels);
}

// Of an IP packet.
Flow FlowHasher::innermost(const uint8_t* packet, uint32_t captured, const HeaderPlaces& places, int depth) {
  if (places.fragment) return fragment_of(packet, captured, places, depth);
  if (has_ports(places)) {
    const uint8_t* const ports = packet + places.transport_at;
    const uint16_t to_port = load_big<uint16_t>(ports + 2);
    if (places.protocol == kProtocolUdp && to_port == kVxlanPort)
      return inner_of(packet, captured, places, depth);
    return {hash_of_ends(packet, places, load_big<uint16_t>(ports), to_port), true};
  }
  return inner_of(packet, captured, places, depth);
}

// The packet that another carries; or that one itself where there is none.
Flow FlowHasher::inner_of(const uint8_t* packet, uint32_t captured, const HeaderPlaces& places, int depth) {
  constexpr uint32_t kUdpLength = 8;
  constexpr uint32_t kVxlanLength = 8;
  constexpr uint8_t kVxlanHasNetwork = 0x08;
  const Flow outer = {hash_of_ends(packet, places, 0, 0), true};
  uint32_t at = places.transport_at;
  if (depth == 0 || at == 0) return outer;

  uint16_t type = 0;
  switch (places.protocol) {
    case kProtocolIpv4:
      type = kEtherIpv4;
      break;
    case kProtocolIpv6:
      type = kEtherIpv6;
      break;
    case kProtocolUdp:
      at += kUdpLength;
      if (captured - at < kVxlanLength || (packet[at] & kVxlanHasNetwork) == 0) return outer;
      at += kVxlanLength;
      type = kEtherBridged;
      break;
    case kProtocolGre: {
      // Version 0 without routing; checksum, key and number have 4 bytes each where they are there. [RFC 2784, 2890]
      const uint16_t flags = load_big<uint16_t>(packet + at);
      if ((flags & 0x4007) != 0) return outer;
      type = load_big<uint16_t>(packet + at + 2);
      at += 4 + 4u * static_cast<uint32_t>(__builtin_popcount(flags & 0xb000));
      break;
    }
    default:
      return outer;
  }
  if (at >= captured) return outer;
  const HeaderPlaces inner = type == kEtherBridged ? find_headers(packet + at, captured - at)
                                                   : find_ip_headers(packet + at, captured - at, type);
  if (inner.ip != 0) return innermost(packet + at, captured - at, inner, depth - 1);
  if (type != kEtherBridged) return outer;
  return {not_ip(packet + at, captured - at, inner).hash, true};
}

Flow FlowHasher::fragment_of(const uint8_t* packet, uint32_t captured, const HeaderPlaces& places,
                             int depth) {
  const uint64_t key = datagram_key(packet, places);
  Datagram& datagram = datagrams_[key >> 32 & (kDatagrams - 1)];
  if (places.later_fragment) {
    if (datagram.key == key) return {datagram.hash, true};
    strayed_++;
    return {hash_of_ends(packet, places, 0, 0), true};
  }
  HeaderPlaces first = places;
  first.fragment = false;
  const Flow flow = innermost(packet, captured, first, depth);
  datagram = {key, flow.hash};
  return flow;
}

}  // namespace nm
