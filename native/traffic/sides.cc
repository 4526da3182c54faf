#include "traffic/sides.h"

#include <cstring>

#include "bytes.h"
#include "traffic/random.h"

namespace nm {
namespace {

enum TcpFlag : uint8_t { kSyn = 0x02, kAck = 0x10 };
constexpr uint32_t kTcpFlagsAt = 13;
constexpr uint16_t kFirstUnknownPort = 1024;

uint64_t host_of(const uint8_t* bytes, uint32_t length) {
  uint64_t host = length;
  for (uint32_t i = 0; i < length; i += 2) host = Random(host ^ load_big<uint16_t>(bytes + i)).next();
  return host;
}

// The side of a sender by the ports of one packet, or 2 when they do not tell.
uint32_t by_ports(const uint8_t* packet, const HeaderPlaces& places) {
  if (!places.has_ports()) return 2;
  const uint16_t from = load_big<uint16_t>(packet + places.transport_at);
  const uint16_t to = load_big<uint16_t>(packet + places.transport_at + 2);
  if (from == to) return 2;
  return to < from ? 0 : 1;
}

// The same by what the packet does: it opens a connection, or has a well-known port.
uint32_t by_deed(const uint8_t* packet, uint32_t captured, const HeaderPlaces& places) {
  if (!places.has_ports()) return 2;
  if (places.protocol == kProtocolTcp && captured > places.transport_at + kTcpFlagsAt) {
    const uint8_t flags = packet[places.transport_at + kTcpFlagsAt];
    if ((flags & kSyn) != 0) return (flags & kAck) != 0 ? 1 : 0;
  }
  const uint16_t from = load_big<uint16_t>(packet + places.transport_at);
  const uint16_t to = load_big<uint16_t>(packet + places.transport_at + 2);
  const bool from_known = from < kFirstUnknownPort;
  const bool to_known = to < kFirstUnknownPort;
  if (from_known == to_known) return 2;
  return to_known ? 0 : 1;
}

}  // namespace

uint32_t Sides::of(const uint8_t* packet, uint32_t captured) {
  if (spec_.rule == SideRule::one || captured < kEthernetLength) return 0;
  if (spec_.rule == SideRule::macs) return by_mac(packet);
  const HeaderPlaces places = find_headers(packet, captured);
  switch (spec_.rule) {
    case SideRule::learned:
      return learned(packet, captured, places);
    case SideRule::ports: {
      const uint32_t side = by_ports(packet, places);
      return side == 2 ? 0 : side;
    }
    default:
      return by_addresses(packet, places);
  }
}

uint32_t Sides::learned(const uint8_t* packet, uint32_t captured, const HeaderPlaces& places) {
  const Host mac = host_of(packet + kMacLength, kMacLength);
  if (!places.has_addresses()) {
    const auto known = hosts_.find(mac);
    return known != hosts_.end() ? known->second : 0;
  }
  const Host from = host_of(packet + places.from_at(), places.address_length());
  const Host to = host_of(packet + places.to_at(), places.address_length());
  const auto sender = hosts_.find(from);
  const auto receiver = hosts_.find(to);

  // Of an unknown sender: what it does tells, else whom it speaks to, else that it speaks first.
  uint32_t side = 0;
  if (sender != hosts_.end()) {
    side = sender->second;
  } else if (const uint32_t deed = by_deed(packet, captured, places); deed != 2) {
    side = deed;
  } else if (receiver != hosts_.end()) {
    side = 1 - receiver->second;
  }
  if (sender == hosts_.end()) learn(from, mac, side);
  // What was seen on the link crossed it. A group's address is nobody's.
  const bool group = (packet[0] & 1) != 0;
  if (receiver == hosts_.end() && !group) learn(to, host_of(packet, kMacLength), 1 - side);
  return side;
}

void Sides::learn(Host address, Host mac, uint32_t side) {
  if (hosts_.size() >= kMostHosts) return;
  hosts_.emplace(address, side);
  hosts_.emplace(mac, side);
}

uint32_t Sides::by_addresses(const uint8_t* packet, const HeaderPlaces& places) const {
  if (!places.has_addresses()) return 0;
  const uint8_t ip = places.is_arp() ? 4 : places.ip;
  for (const Network& network : spec_.networks) {
    if (network.ip == ip && network.holds(packet + places.from_at())) return 0;
  }
  return 1;
}

uint32_t Sides::by_mac(const uint8_t* packet) const {
  for (const EditSpec::MacBytes& mac : spec_.macs) {
    if (std::memcmp(packet + kMacLength, mac.data(), mac.size()) == 0) return 0;
  }
  return 1;
}

}  // namespace nm
