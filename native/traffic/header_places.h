// Where the headers of a captured packet are: Ethernet, VLAN tags, IPv4 or IPv6 or ARP, and what IP carries.
//
// Packets come from anybody and may have been cut anywhere, so a header is found only where all of its fixed part is there.
#pragma once

#include <cstdint>

namespace nm {

inline constexpr uint16_t kEtherIpv4 = 0x0800;
inline constexpr uint16_t kEtherArp = 0x0806;
inline constexpr uint16_t kEtherVlan = 0x8100;
inline constexpr uint16_t kEtherIpv6 = 0x86dd;
inline constexpr uint16_t kEtherProviderVlan = 0x88a8;

// First byte of an IPv4 header without options.
inline constexpr uint8_t kIpv4NoOptions = 4 << 4 | 5;

inline constexpr uint8_t kProtocolIcmp = 1;
inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kProtocolIcmp6 = 58;

inline constexpr uint32_t kEthernetLength = 14;
inline constexpr uint32_t kVlanLength = 4;
inline constexpr uint32_t kMacLength = 6;

struct HeaderPlaces {
  // After VLAN tags; 0 when the packet is too short to have one.
  uint16_t ether_type = 0;
  uint16_t vlan_tags = 0;
  // Where the header begins that the ether type tells of: of IPv4, IPv6 or ARP. 0 when there is none.
  uint32_t network_at = 0;
  // 4 or 6 of IP, 0 of anything else.
  uint8_t ip = 0;
  // What IP carries, after extension headers.
  uint8_t protocol = 0;
  // Whether it is a part of a datagram, and one other than the first, which has no transport header.
  bool fragment = false;
  bool later_fragment = false;
  // What all parts of a datagram have in common.
  uint32_t fragment_id = 0;
  // Where the header of `protocol` begins; 0 when the packet has none, or was cut before.
  uint32_t transport_at = 0;

  // An ARP packet of Ethernet and IPv4.
  bool is_arp() const { return ether_type == kEtherArp && network_at != 0; }
  // The IP addresses of sender and receiver, which IP and ARP tell.
  bool has_addresses() const { return ip != 0 || is_arp(); }
  uint32_t from_at() const { return network_at + (ip == 4 ? 12 : ip == 6 ? 8 : 14); }
  uint32_t to_at() const { return network_at + (ip == 4 ? 16 : 24); }
  uint32_t address_length() const { return ip == 6 ? 16 : 4; }
  // TCP and UDP both begin with the ports.
  bool has_ports() const {
    return transport_at != 0 && (protocol == kProtocolTcp || protocol == kProtocolUdp);
  }
};

// Of a packet of which `captured` bytes are there.
HeaderPlaces find_headers(const uint8_t* packet, uint32_t captured);

// The same of one that begins with its IP header, of which `ether_type` tells.
HeaderPlaces find_ip_headers(const uint8_t* packet, uint32_t captured, uint16_t ether_type);

}  // namespace nm
