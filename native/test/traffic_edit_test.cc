// What edits make of packets, checked by summing whole packets anew; and the sides that packets came from.
#include <algorithm>
#include <set>
#include <vector>

#include "bytes.h"
#include "checksum.h"
#include "test/check.h"
#include "traffic/edit.h"
#include "traffic/sides.h"

namespace nm {
namespace {

using Bytes = std::vector<uint8_t>;
using check::Random;

// A packet of some kind, with the right checksums.
struct Kind {
  uint8_t ip = 4;
  uint8_t protocol = kProtocolUdp;
  uint32_t tags = 0;
  uint32_t payload = 20;
  uint32_t extensions = 0;  // of IPv6, 8 bytes each
  uint32_t options = 0;     // of IPv4, 4 bytes each
};

constexpr uint32_t kTransportLength = 20;

uint32_t network_at(const Kind& kind) { return kEthernetLength + kind.tags * kVlanLength; }
uint32_t transport_at(const Kind& kind) {
  return network_at(kind) + (kind.ip == 4 ? 20 + 4 * kind.options : 40 + 8 * kind.extensions);
}
uint32_t checksum_at(const Kind& kind) {
  const uint32_t within = kind.protocol == kProtocolTcp ? 16 : kind.protocol == kProtocolUdp ? 6 : 2;
  return transport_at(kind) + within;
}
bool covers_addresses(const Kind& kind) { return kind.protocol != kProtocolIcmp; }

// The sum that the transport checksum is made of, of a packet as it is, or without its checksum.
uint64_t transport_sum(const Bytes& packet, const Kind& kind) {
  const uint32_t at = transport_at(kind);
  const auto length = static_cast<uint32_t>(packet.size()) - at;
  uint64_t sum = sum_words(&packet[at], length);
  if (!covers_addresses(kind)) return sum;
  const uint32_t from = network_at(kind) + (kind.ip == 4 ? 12 : 8);
  return sum + sum_words(&packet[from], kind.ip == 4 ? 8 : 32) + length + kind.protocol;
}

bool sums_are_right(const Bytes& packet, const Kind& kind) {
  const uint32_t at = network_at(kind);
  if (kind.ip == 4 && fold(sum_words(&packet[at], 20 + 4 * kind.options)) != 0xffff) return false;
  return fold(transport_sum(packet, kind)) == 0xffff;
}

Bytes packet_of(const Kind& kind, Random& random) {
  Bytes packet(transport_at(kind) + kTransportLength + kind.payload);
  for (uint8_t& byte : packet) byte = static_cast<uint8_t>(random.next());
  packet[0] = 2;
  for (uint32_t i = 0; i < kind.tags; i++)
    store_big(&packet[12 + 4 * i], i == 0 ? kEtherVlan : kEtherProviderVlan);
  const uint32_t at = network_at(kind);
  store_big(&packet[at - 2], kind.ip == 4 ? kEtherIpv4 : kEtherIpv6);
  if (kind.ip == 4) {
    packet[at] = static_cast<uint8_t>(0x45 + kind.options);
    store_big<uint16_t>(&packet[at + 6], 0x4000);
    packet[at + 9] = kind.protocol;
    packet[at + 12] = 10;
    packet[at + 16] = 192;
    store_big<uint16_t>(&packet[at + 10], 0);
    store_big(&packet[at + 10], ip_checksum(sum_words(&packet[at], 20 + 4 * kind.options)));
  } else {
    packet[at] = 0x60;
    packet[at + 6] = kind.extensions > 0 ? 0 : kind.protocol;
    for (uint32_t i = 0; i < kind.extensions; i++) {
      packet[at + 40 + 8 * i] = i + 1 < kind.extensions ? 60 : kind.protocol;
      packet[at + 41 + 8 * i] = 0;
    }
    packet[at + 8] = packet[at + 24] = 0x20;
  }
  store_big<uint16_t>(&packet[checksum_at(kind)], 0);
  const uint64_t sum = transport_sum(packet, kind);
  store_big(&packet[checksum_at(kind)], kind.protocol == kProtocolUdp ? udp_checksum(sum) : ip_checksum(sum));
  CHECK(sums_are_right(packet, kind));
  return packet;
}

Bytes edited(const EditSpec& spec, const Bytes& packet, uint32_t side = 0) {
  const Edit edit(spec);
  Bytes room(edit.headroom() + packet.size());
  std::copy(packet.begin(), packet.end(), room.begin() + edit.headroom());
  const auto length = static_cast<uint32_t>(packet.size());
  const Edit::Edited result = edit.apply(room.data() + edit.headroom(), length, length, side);
  return {result.packet, result.packet + result.captured};
}

Address address_of(std::initializer_list<uint8_t> first) {
  Address address{};
  std::copy(first.begin(), first.end(), address.begin());
  return address;
}

EditSpec mapping(uint8_t ip, uint8_t bits, Address from, Address to) {
  EditSpec spec;
  spec.maps.push_back({{ip, bits, from}, {ip, bits, to}});
  return spec;
}

TEST("addresses are changed and checksums stay right, in every kind of packet") {
  Random random;
  EditSpec spec = mapping(4, 8, address_of({10}), address_of({172}));
  spec.maps.push_back({{4, 20, address_of({192})}, {4, 20, address_of({193, 7, 0xf0})}});
  spec.maps.push_back({{6, 7, address_of({0x20})}, {6, 7, address_of({0xfc})}});
  for (int round = 0; round < 3000; round++) {
    spec.random_seed = round % 2 == 0 ? std::optional<uint64_t>() : random.next();
    Kind kind;
    kind.ip = random.below(2) == 0 ? 4 : 6;
    const uint8_t protocols[] = {kProtocolTcp, kProtocolUdp, kind.ip == 4 ? kProtocolIcmp : kProtocolIcmp6};
    kind.protocol = protocols[random.below(3)];
    kind.tags = static_cast<uint32_t>(random.below(3));
    kind.payload = static_cast<uint32_t>(random.below(80));
    kind.options = static_cast<uint32_t>(random.below(4));
    kind.extensions = static_cast<uint32_t>(random.below(3));
    const Bytes before = packet_of(kind, random);
    const Bytes after = edited(spec, before);
    CHECK_EQUAL(after.size(), before.size());
    CHECK(sums_are_right(after, kind));
    if (!spec.random_seed) {
      const uint32_t at = network_at(kind);
      if (kind.ip == 4)
        CHECK(after[at + 12] == 172 && std::equal(&after[at + 13], &after[at + 16], &before[at + 13]));
      if (kind.ip == 6) CHECK(after[at + 8] == 0xfc);
    }
  }
}

TEST("a checksum that was wrong stays as wrong, and a UDP packet without one stays without") {
  Random random;
  const Kind kind;
  const EditSpec spec = mapping(4, 8, address_of({10}), address_of({11}));
  Bytes packet = packet_of(kind, random);
  store_big<uint16_t>(&packet[checksum_at(kind)], 0);
  CHECK_EQUAL(load_big<uint16_t>(&edited(spec, packet)[checksum_at(kind)]), 0);

  packet = packet_of(kind, random);
  const uint16_t right = load_big<uint16_t>(&packet[checksum_at(kind)]);
  store_big<uint16_t>(&packet[checksum_at(kind)], static_cast<uint16_t>(right ^ 0x0100));
  CHECK(!sums_are_right(edited(spec, packet), kind));
}

TEST("later fragments and packets that were cut anywhere are changed as far as they go") {
  Random random;
  const EditSpec spec = mapping(4, 8, address_of({10}), address_of({11}));
  Kind kind;
  kind.protocol = kProtocolTcp;
  const Bytes whole = packet_of(kind, random);
  Bytes fragment = whole;
  store_big<uint16_t>(&fragment[network_at(kind) + 6], 1);
  const Bytes after = edited(spec, fragment);
  CHECK(after[network_at(kind) + 12] == 11);
  CHECK(std::equal(&after[transport_at(kind)], after.data() + after.size(), &fragment[transport_at(kind)]));

  for (uint32_t length = 0; length <= whole.size(); length++) {
    const Bytes cut(whole.begin(), whole.begin() + length);
    const Bytes result = edited(spec, cut);
    CHECK_EQUAL(result.size(), cut.size());
    const bool has_header = length >= network_at(kind) + 20;
    CHECK_EQUAL(has_header && result[network_at(kind) + 12] == 11, has_header);
  }
}

TEST("ARP says the changed addresses too") {
  Bytes arp(42);
  store_big(&arp[12], kEtherArp);
  arp[18] = 6;
  arp[19] = 4;
  arp[28] = 10;
  arp[38] = 10;
  const Bytes after = edited(mapping(4, 8, address_of({10}), address_of({11})), arp);
  CHECK(after[28] == 11 && after[38] == 11);
}

TEST("random addresses are the same for the same seed, and no two become one") {
  EditSpec spec;
  spec.random_seed = 42;
  const Edit edit(spec);
  std::set<uint32_t> seen;
  for (uint32_t i = 0; i < 100'000; i++) {
    uint8_t bytes[4];
    store_big(bytes, 0x0a000000 + i * 7);
    edit.map_address(bytes, 4);
    const uint32_t first = load_big<uint32_t>(bytes);
    CHECK(seen.insert(first).second);
    CHECK(first >> 24 != 0 && first >> 24 != 127 && first >> 24 < 224);
    store_big(bytes, 0x0a000000 + i * 7);
    edit.map_address(bytes, 4);
    CHECK_EQUAL(load_big<uint32_t>(bytes), first);
  }
  for (const uint32_t no_host : {0u, 0x7f000001u, 0xe0000001u, 0xffffffffu}) {
    uint8_t bytes[4];
    store_big(bytes, no_host);
    edit.map_address(bytes, 4);
    CHECK_EQUAL(load_big<uint32_t>(bytes), no_host);
  }
  std::set<Address> seen6;
  for (uint32_t i = 0; i < 10'000; i++) {
    Address address = address_of({0x20, 1});
    store_big(&address[12], i);
    edit.map_address(address.data(), 6);
    CHECK(address[0] == 0x20 && address[1] == 1);
    CHECK(seen6.insert(address).second);
  }
  Address group = address_of({0xff, 2});
  edit.map_address(group.data(), 6);
  CHECK(group == address_of({0xff, 2}));
}

TEST("MAC addresses are set per side, and VLAN tags pushed, popped and exchanged") {
  Random random;
  Kind tagged;
  tagged.tags = 1;
  const Bytes packet = packet_of(tagged, random);
  EditSpec spec;
  spec.to_mac = {EditSpec::MacBytes{1, 2, 3, 4, 5, 6}, std::nullopt};
  spec.from_mac[1] = EditSpec::MacBytes{6, 5, 4, 3, 2, 1};
  const Bytes left = edited(spec, packet, 0);
  const Bytes right = edited(spec, packet, 1);
  CHECK(std::equal(&left[0], &left[6], spec.to_mac[0]->begin()) &&
        std::equal(&left[6], &left[12], &packet[6]));
  CHECK(std::equal(&right[0], &right[6], &packet[0]) &&
        std::equal(&right[6], &right[12], spec.from_mac[1]->begin()));

  EditSpec push;
  push.push_vlan = 0x6064;
  const Bytes pushed = edited(push, packet);
  CHECK_EQUAL(pushed.size(), packet.size() + 4);
  CHECK(std::equal(&pushed[0], &pushed[12], &packet[0]));
  CHECK_EQUAL(load_big<uint32_t>(&pushed[12]), 0x8100'6064u);
  CHECK(std::equal(pushed.begin() + 16, pushed.end(), packet.begin() + 12));

  EditSpec pop;
  pop.pop_vlan = true;
  CHECK(edited(pop, pushed) == packet);
  const Bytes popped = edited(pop, packet);
  CHECK_EQUAL(popped.size(), packet.size() - 4);
  CHECK(edited(pop, popped) == popped);

  EditSpec exchange = push;
  exchange.pop_vlan = true;
  const Bytes exchanged = edited(exchange, packet);
  CHECK_EQUAL(exchanged.size(), packet.size());
  CHECK_EQUAL(load_big<uint16_t>(&exchanged[14]), 0x6064u);
}

// A TCP or UDP packet from one host to another.
Bytes between(uint8_t from, uint8_t to, uint16_t from_port, uint16_t to_port, uint8_t protocol = kProtocolUdp,
              uint8_t tcp_flags = 0) {
  Bytes packet(54);
  packet[0] = to;
  packet[6] = from;
  // So that neither MAC is of a group.
  packet[0] = static_cast<uint8_t>(packet[0] << 1);
  packet[6] = static_cast<uint8_t>(packet[6] << 1);
  store_big(&packet[12], kEtherIpv4);
  packet[14] = 0x45;
  packet[23] = protocol;
  packet[26] = 10;
  packet[29] = from;
  packet[30] = 10;
  packet[33] = to;
  store_big(&packet[34], from_port);
  store_big(&packet[36], to_port);
  packet[47] = tcp_flags;
  return packet;
}

Bytes arp_between(uint8_t from, uint8_t to) {
  Bytes packet = between(from, to, 0, 0);
  store_big(&packet[12], kEtherArp);
  packet[18] = 6;
  packet[19] = 4;
  packet[28] = packet[38] = 10;
  packet[29] = packet[30] = packet[39] = packet[40] = 0;
  packet[31] = from;
  packet[41] = to;
  return packet;
}

uint32_t side_of(Sides& sides, const Bytes& packet) {
  return sides.of(packet.data(), static_cast<uint32_t>(packet.size()));
}

TEST("learned sides: who opens a connection, asks or speaks first is a client, and stays one") {
  constexpr uint8_t kSyn = 2;
  constexpr uint8_t kSynAck = 0x12;
  Sides sides({SideRule::learned, {}, {}});
  // A capture may begin with an answer.
  CHECK_EQUAL(side_of(sides, between(9, 1, 443, 5000, kProtocolTcp, kSynAck)), 1u);
  CHECK_EQUAL(side_of(sides, between(1, 9, 5000, 443, kProtocolTcp)), 0u);
  CHECK_EQUAL(side_of(sides, between(2, 8, 6000, 7000, kProtocolTcp, kSyn)), 0u);
  CHECK_EQUAL(side_of(sides, between(8, 2, 7000, 6000, kProtocolTcp, kSynAck)), 1u);
  CHECK_EQUAL(side_of(sides, between(7, 3, 53, 4000)), 1u);
  CHECK_EQUAL(side_of(sides, between(3, 7, 4000, 53)), 0u);
  // A server that asks another server stays where it is, and so does a new host that it speaks to.
  CHECK_EQUAL(side_of(sides, between(9, 6, 4000, 53)), 1u);
  CHECK_EQUAL(side_of(sides, between(6, 9, 53, 4000)), 0u);
  // Nothing tells: who speaks first.
  CHECK_EQUAL(side_of(sides, between(4, 5, 20000, 30000)), 0u);
  CHECK_EQUAL(side_of(sides, between(5, 4, 30000, 20000)), 1u);
  // Its MAC is known from there.
  Bytes other = between(5, 4, 0, 0);
  store_big<uint16_t>(&other[12], 0x88cc);
  CHECK_EQUAL(side_of(sides, other), 1u);
  // Who asks by ARP speaks first too.
  CHECK_EQUAL(side_of(sides, arp_between(20, 21)), 0u);
  CHECK_EQUAL(side_of(sides, arp_between(21, 20)), 1u);
}

TEST("sides by ports, by networks and by MAC addresses do not learn") {
  Sides ports({SideRule::ports, {}, {}});
  CHECK_EQUAL(side_of(ports, between(1, 2, 5000, 80)), 0u);
  CHECK_EQUAL(side_of(ports, between(1, 2, 80, 5000)), 1u);
  Sides networks({SideRule::addresses, {{4, 31, address_of({10, 0, 0, 2})}}, {}});
  CHECK_EQUAL(side_of(networks, between(3, 9, 1, 1)), 0u);
  CHECK_EQUAL(side_of(networks, between(4, 2, 1, 1)), 1u);
  Sides macs({SideRule::macs, {}, {{2, 0, 0, 0, 0, 0}}});
  CHECK_EQUAL(side_of(macs, between(1, 2, 1, 1)), 0u);
  CHECK_EQUAL(side_of(macs, between(2, 1, 1, 1)), 1u);
  CHECK_EQUAL(side_of(macs, Bytes(5)), 0u);
}

TEST("packets of random bytes are edited and sided without a look past their end") {
  Random random;
  EditSpec spec = mapping(4, 1, address_of({0}), address_of({128}));
  spec.random_seed = 3;
  spec.pop_vlan = true;
  spec.push_vlan = 5;
  Sides sides({SideRule::learned, {}, {}});
  for (int round = 0; round < 30'000; round++) {
    Bytes packet(random.below(90));
    for (uint8_t& byte : packet) byte = static_cast<uint8_t>(random.next());
    if (packet.size() >= 15) {
      const uint16_t types[] = {kEtherIpv4, kEtherIpv6, kEtherVlan, kEtherArp};
      store_big(&packet[12], types[random.below(4)]);
      packet[14] = random.below(2) == 0 ? 0x45 : 0x60;
    }
    // Exactly as large as the packet, so that the sanitizer sees the end.
    const Bytes exact(packet);
    side_of(sides, exact);
    edited(spec, exact);
  }
}

}  // namespace
}  // namespace nm
