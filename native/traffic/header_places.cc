#include "traffic/header_places.h"

#include "bytes.h"

namespace nm {
namespace {

constexpr uint32_t kIpv4Length = 20;
constexpr uint32_t kIpv6Length = 40;
constexpr uint32_t kArpLength = 28;
// Nobody needs ports of a packet of which fewer bytes than these were captured.
constexpr uint32_t kLeastTransport = 8;
// More extension headers than any sender uses, and tags.
constexpr int kMostExtensions = 8;
constexpr int kMostTags = 4;

enum Extension : uint8_t {
  kHopByHop = 0,
  kRouting = 43,
  kFragment = 44,
  kAuthentication = 51,
  kDestination = 60
};

void find_in_ipv4(const uint8_t* packet, uint32_t captured, HeaderPlaces* places) {
  const uint8_t* const header = packet + places->network_at;
  if (captured - places->network_at < kIpv4Length || header[0] >> 4 != 4) {
    places->network_at = 0;
    return;
  }
  const uint32_t length = (header[0] & 0xf) * 4u;
  places->ip = 4;
  places->protocol = header[9];
  // Its offset, and whether more follow.
  const uint16_t fragment = load_big<uint16_t>(header + 6);
  places->fragment = (fragment & 0x3fff) != 0;
  places->later_fragment = (fragment & 0x1fff) != 0;
  places->fragment_id = load_big<uint16_t>(header + 4);
  if (length < kIpv4Length || places->later_fragment) return;
  if (captured - places->network_at >= length + kLeastTransport)
    places->transport_at = places->network_at + length;
}

void find_in_ipv6(const uint8_t* packet, uint32_t captured, HeaderPlaces* places) {
  if (captured - places->network_at < kIpv6Length || packet[places->network_at] >> 4 != 6) {
    places->network_at = 0;
    return;
  }
  places->ip = 6;
  places->protocol = packet[places->network_at + 6];
  uint32_t at = places->network_at + kIpv6Length;
  for (int i = 0; i < kMostExtensions; i++) {
    if (captured - at < kLeastTransport) return;
    uint32_t length = 0;
    switch (places->protocol) {
      case kHopByHop:
      case kRouting:
      case kDestination:
        length = (packet[at + 1] + 1u) * 8;
        break;
      case kAuthentication:
        length = (packet[at + 1] + 2u) * 4;
        break;
      case kFragment:
        length = 8;
        places->fragment = true;
        places->later_fragment = (load_big<uint16_t>(packet + at + 2) & 0xfff8) != 0;
        places->fragment_id = load_big<uint32_t>(packet + at + 4);
        break;
      default:
        places->transport_at = at;
        return;
    }
    places->protocol = packet[at];
    if (places->later_fragment || captured - at < length) return;
    at += length;
  }
}

void find_network(const uint8_t* packet, uint32_t captured, HeaderPlaces* places) {
  const uint32_t at = places->network_at;
  switch (places->ether_type) {
    case kEtherIpv4:
      find_in_ipv4(packet, captured, places);
      break;
    case kEtherIpv6:
      find_in_ipv6(packet, captured, places);
      break;
    case kEtherArp:
      // Lengths of the addresses: of Ethernet and IPv4.
      if (captured - at < kArpLength || packet[at + 4] != kMacLength || packet[at + 5] != 4)
        places->network_at = 0;
      break;
    default:
      places->network_at = 0;
  }
}

}  // namespace

HeaderPlaces find_headers(const uint8_t* packet, uint32_t captured) {
  HeaderPlaces places;
  if (captured < kEthernetLength) return places;
  uint32_t at = kEthernetLength;
  places.ether_type = load_big<uint16_t>(packet + at - 2);
  while ((places.ether_type == kEtherVlan || places.ether_type == kEtherProviderVlan) &&
         places.vlan_tags < kMostTags && captured - at >= kVlanLength) {
    at += kVlanLength;
    places.vlan_tags++;
    places.ether_type = load_big<uint16_t>(packet + at - 2);
  }
  places.network_at = at;
  find_network(packet, captured, &places);
  return places;
}

HeaderPlaces find_ip_headers(const uint8_t* packet, uint32_t captured, uint16_t ether_type) {
  HeaderPlaces places;
  places.ether_type = ether_type;
  find_network(packet, captured, &places);
  return places;
}

}  // namespace nm
