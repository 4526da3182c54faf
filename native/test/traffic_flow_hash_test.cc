// Flow hashes: packets of a flow have one, in both directions, whatever they are wrapped in.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "bytes.h"
#include "test/check.h"
#include "traffic/flow_hash.h"
#include "traffic/header_places.h"

namespace nm {
namespace {

using check::Random;
using Bytes = std::vector<uint8_t>;

void append(Bytes& packet, std::initializer_list<int> bytes) {
  for (const int byte : bytes) packet.push_back(static_cast<uint8_t>(byte));
}
void append_16(Bytes& packet, uint32_t value) {
  append(packet, {static_cast<int>(value >> 8 & 0xff), static_cast<int>(value & 0xff)});
}
void append_32(Bytes& packet, uint32_t value) {
  append_16(packet, value >> 16);
  append_16(packet, value & 0xffff);
}

// The two ends of a flow. IPv6 addresses are made of the same numbers.
struct Ends {
  uint32_t from = 0;
  uint32_t to = 0;
  uint16_t from_port = 0;
  uint16_t to_port = 0;

  Ends back() const { return {to, from, to_port, from_port}; }
  static Ends random(Random& random) {
    return {static_cast<uint32_t>(random.next()), static_cast<uint32_t>(random.next()),
            static_cast<uint16_t>(random.between(1024, 65535)), static_cast<uint16_t>(random.below(1024))};
  }
};

constexpr uint8_t kUdp = 17;
constexpr uint8_t kTcp = 6;

// Which part of a datagram a packet is.
struct Part {
  uint16_t id = 0;
  uint16_t offset = 0;
  bool more = false;
  bool is_fragment() const { return more || offset != 0; }
};

Bytes ipv4(const Ends& ends, uint8_t protocol, const Bytes& payload, Part part = {}) {
  Bytes packet;
  append(packet, {0x45, 0});
  append_16(packet, static_cast<uint32_t>(20 + payload.size()));
  append_16(packet, part.id);
  append_16(packet, (part.more ? 0x2000u : 0) | part.offset / 8);
  append(packet, {64, protocol, 0, 0});
  append_32(packet, ends.from);
  append_32(packet, ends.to);
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

Bytes ipv6(const Ends& ends, uint8_t protocol, const Bytes& payload, Part part = {}) {
  Bytes packet;
  append(packet, {0x60, 0, 0, 0});
  append_16(packet, static_cast<uint32_t>(payload.size() + (part.is_fragment() ? 8 : 0)));
  append(packet, {part.is_fragment() ? 44 : protocol, 64});
  // They differ in their last bytes only, as those of neighbours do.
  for (const uint32_t address : {ends.from, ends.to}) {
    append(packet, {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0});
    append_32(packet, address);
  }
  if (part.is_fragment()) {
    append(packet, {protocol, 0});
    append_16(packet, part.offset | (part.more ? 1u : 0u));
    append_32(packet, part.id);
  }
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

Bytes ports(const Ends& ends, size_t length = 40) {
  Bytes packet;
  append_16(packet, ends.from_port);
  append_16(packet, ends.to_port);
  packet.resize(length, 7);
  return packet;
}

Bytes ethernet(uint16_t type, const Bytes& payload, std::initializer_list<uint16_t> tags = {}) {
  Bytes packet;
  append(packet, {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2});
  for (const uint16_t tag : tags) {
    append_16(packet, tag);
    append_16(packet, 100);
  }
  append_16(packet, type);
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

Bytes gre(uint16_t type, const Bytes& inner, uint16_t flags) {
  Bytes packet;
  append_16(packet, flags);
  append_16(packet, type);
  for (const uint16_t flag : {0x8000, 0x2000, 0x1000}) {
    if ((flags & flag) != 0) append_32(packet, 0xdecaf);
  }
  packet.insert(packet.end(), inner.begin(), inner.end());
  return packet;
}

Bytes vxlan(const Bytes& inner, uint16_t from_port) {
  Bytes packet = ports({0, 0, from_port, 4789}, 8);
  append(packet, {8, 0, 0, 0, 0, 0, 1, 0});
  packet.insert(packet.end(), inner.begin(), inner.end());
  return packet;
}

uint32_t hash_of(FlowHasher& hasher, const Bytes& packet) {
  // A copy of exactly this size, so that the sanitizer sees what is read beyond it.
  const Bytes exact(packet.begin(), packet.end());
  return hasher.flow_of(exact.data(), static_cast<uint32_t>(exact.size())).hash;
}

// A packet of a flow, in each of the ways it may be wrapped that `flow` looks into.
std::vector<Bytes> wrapped(const Ends& ends, Random& random) {
  const Bytes udp = ports(ends);
  const Bytes four = ipv4(ends, kUdp, udp);
  const Ends tunnel = Ends::random(random);
  const Bytes framed = ethernet(kEtherIpv4, four);
  return {
      framed,
      ethernet(kEtherIpv4, four, {kEtherVlan}),
      ethernet(kEtherIpv4, four, {kEtherProviderVlan, kEtherVlan}),
      ethernet(kEtherIpv4, ipv4(tunnel, 4, four)),
      ethernet(kEtherIpv6, ipv6(tunnel, 4, four)),
      ethernet(kEtherIpv4, ipv4(tunnel, 47, gre(kEtherIpv4, four, 0))),
      ethernet(kEtherIpv4, ipv4(tunnel, 47, gre(kEtherIpv4, four, 0xb000))),
      ethernet(kEtherIpv4, ipv4(tunnel, 47, gre(0x6558, framed, 0x2000))),
      ethernet(kEtherIpv4, ipv4(tunnel, kUdp, vxlan(framed, tunnel.from_port))),
      ethernet(kEtherIpv6, ipv6(tunnel, kUdp, vxlan(framed, tunnel.from_port))),
  };
}

TEST("a flow has one hash in both directions, behind tags and in tunnels, and another has another") {
  Random random;
  FlowHasher hasher(FlowHash::flow);
  for (int i = 0; i < 300; i++) {
    const Ends ends = Ends::random(random);
    const uint32_t expected = hash_of(hasher, ethernet(kEtherIpv4, ipv4(ends, kUdp, ports(ends))));
    for (const Bytes& packet : wrapped(ends, random)) CHECK_EQUAL(hash_of(hasher, packet), expected);
    for (const Bytes& packet : wrapped(ends.back(), random)) CHECK_EQUAL(hash_of(hasher, packet), expected);
    Ends other = ends;
    other.from_port++;
    CHECK(hash_of(hasher, ethernet(kEtherIpv4, ipv4(other, kUdp, ports(other)))) != expected);

    const uint32_t six = hash_of(hasher, ethernet(kEtherIpv6, ipv6(ends, kTcp, ports(ends))));
    CHECK_EQUAL(hash_of(hasher, ethernet(kEtherIpv6, ipv6(ends.back(), kTcp, ports(ends.back())))), six);
    CHECK(hash_of(hasher, ethernet(kEtherIpv6, ipv6(other, kTcp, ports(other)))) != six);
  }
}

TEST("fragments have the hash of their flow when the first came first, of IPv4, of IPv6 and in a tunnel") {
  Random random;
  FlowHasher hasher(FlowHash::flow);
  for (int i = 0; i < 300; i++) {
    const Ends ends = Ends::random(random);
    const Ends tunnel = Ends::random(random);
    const auto id = static_cast<uint16_t>(random.next());
    const auto frames = [&](const Bytes& payload, Part part) {
      const Bytes four = ipv4(ends, kUdp, payload, part);
      return std::array{ethernet(kEtherIpv4, four), ethernet(kEtherIpv6, ipv6(ends, kUdp, payload, part)),
                        ethernet(kEtherIpv4, ipv4(tunnel, 4, four))};
    };
    const auto whole = frames(ports(ends), {});
    const auto first = frames(ports(ends), {id, 0, true});
    const auto second = frames(Bytes(40, 1), {id, 40, true});
    const auto last = frames(Bytes(10, 2), {id, 80, false});
    for (size_t kind = 0; kind < whole.size(); kind++) {
      const uint32_t expected = hash_of(hasher, whole[kind]);
      CHECK_EQUAL(hash_of(hasher, first[kind]), expected);
      CHECK_EQUAL(hash_of(hasher, second[kind]), expected);
      CHECK_EQUAL(hash_of(hasher, last[kind]), expected);
    }
  }
  CHECK_EQUAL(hasher.strayed(), 0u);
}

TEST("a fragment that comes before the first of its datagram goes by its addresses, and is counted") {
  FlowHasher hasher(FlowHash::flow);
  const Ends ends = {0x0a000001, 0x0a000002, 5000, 53};
  const Bytes later = ethernet(kEtherIpv4, ipv4(ends, kUdp, Bytes(40, 1), {7, 40, false}));
  const Bytes back = ethernet(kEtherIpv4, ipv4(ends.back(), kUdp, Bytes(40, 1), {7, 40, false}));
  const uint32_t strayed = hash_of(hasher, later);
  CHECK_EQUAL(hash_of(hasher, back), strayed);
  CHECK_EQUAL(hasher.strayed(), 2u);
}

TEST("a request of ARP and its answer have one hash, and other frames go by their MAC addresses") {
  FlowHasher hasher(FlowHash::flow);
  const auto arp = [](int operation, uint32_t from, uint32_t to) {
    Bytes packet;
    append(packet, {0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 1});
    append_32(packet, from);
    append(packet, {0, 0, 0, 0, 0, 0});
    append_32(packet, to);
    return ethernet(kEtherArp, packet);
  };
  CHECK_EQUAL(hash_of(hasher, arp(1, 1, 2)), hash_of(hasher, arp(2, 2, 1)));
  CHECK(hash_of(hasher, arp(1, 1, 2)) != hash_of(hasher, arp(1, 1, 3)));

  Bytes there = ethernet(0x88cc, Bytes(46, 3));
  Bytes back = there;
  std::rotate(back.begin(), back.begin() + 6, back.begin() + 12);
  CHECK_EQUAL(hash_of(hasher, there), hash_of(hasher, back));
  const Flow flow = hasher.flow_of(there.data(), static_cast<uint32_t>(there.size()));
  CHECK(!flow.is_ip);
}

TEST("with hash addresses all between two hosts stays together") {
  Random random;
  FlowHasher hasher(FlowHash::addresses);
  const Ends ends = Ends::random(random);
  const uint32_t expected = hash_of(hasher, ethernet(kEtherIpv4, ipv4(ends, kUdp, ports(ends))));
  Ends other = ends.back();
  other.from_port = 99;
  CHECK_EQUAL(hash_of(hasher, ethernet(kEtherIpv4, ipv4(other, kTcp, ports(other)))), expected);
  CHECK_EQUAL(hash_of(hasher, ethernet(kEtherIpv4, ipv4(ends, 1, Bytes(30, 8)))), expected);
  CHECK_EQUAL(hash_of(hasher, ethernet(kEtherIpv4, ipv4(ends, kUdp, Bytes(30, 1), {1, 80, false}))),
              expected);
}

// Shares of outputs differ by chance: by half of a percent here, one time of three.
TEST("random flows spread over outputs within five percent of evenly, also where little differs") {
  Random random;
  FlowHasher hasher(FlowHash::flow);
  constexpr uint32_t kFlows = 100'000;
  for (const bool six : {false, true}) {
    for (const bool neighbours : {false, true}) {
      std::vector<uint32_t> hashes;
      for (uint32_t i = 0; i < kFlows; i++) {
        Ends ends = Ends::random(random);
        // Clients with one address and ports in a row, as a load generator has.
        if (neighbours) {
          ends = {0x0a000001, 0x0a010000 + i / 60000, static_cast<uint16_t>(1024 + i % 60000), 80};
        }
        hashes.push_back(hash_of(hasher, six ? ethernet(kEtherIpv6, ipv6(ends, kTcp, ports(ends, 8)))
                                             : ethernet(kEtherIpv4, ipv4(ends, kTcp, ports(ends, 8)))));
      }
      for (const uint32_t outputs : {2u, 3u, 4u, 8u}) {
        std::vector<uint32_t> shares(outputs);
        for (const uint32_t hash : hashes) shares[hasher.output_of(hash, outputs)]++;
        for (const uint32_t share : shares) {
          CHECK(share * outputs > kFlows * 0.95 && share * outputs < kFlows * 1.05);
        }
      }
    }
  }
}

TEST("hash netmap is what netmap's lb computes") {
  FlowHasher hasher(FlowHash::netmap);
  const Ends same = {0x0a000001, 0x0a010001, 1234, 1234};
  for (const Ends& ends : {same, same.back()}) {
    CHECK_EQUAL(hash_of(hasher, ethernet(kEtherIpv4, ipv4(ends, kUdp, ports(ends)))), 0xa836a836u);
    CHECK_EQUAL(hash_of(hasher, ethernet(kEtherIpv4, ipv4(ends, kUdp, ports(ends)), {kEtherVlan})),
                0xa836a836u);
  }
  const Ends web = {0x0a000001, 0x0a010001, 40000, 80};
  CHECK_EQUAL(hash_of(hasher, ethernet(kEtherIpv4, ipv4(web, kTcp, ports(web)))), 0x1acd1acdu);
  CHECK_EQUAL(hash_of(hasher, ethernet(kEtherIpv4, ipv4(web.back(), kTcp, ports(web.back())))), 0x1acd1acdu);
  CHECK_EQUAL(hash_of(hasher, ethernet(kEtherIpv4, ipv4(web, 1, Bytes(40, 8)))), 0x9e9e9e9eu);
  const Ends name = {0xc0a80101, 0x08080808, 53, 5353};
  CHECK_EQUAL(hash_of(hasher, ethernet(kEtherIpv4, ipv4(name, kUdp, ports(name)))), 0x147e147eu);
  Bytes six = ethernet(kEtherIpv6, ipv6({1, 2, 1234, 5678}, kUdp, ports({1, 2, 1234, 5678})));
  CHECK_EQUAL(hash_of(hasher, six), 0x6b7a6b7au);
  Bytes bad = ethernet(kEtherIpv4, ipv4(web, kTcp, ports(web)));
  bad[14] = 0x41;
  CHECK_EQUAL(hash_of(hasher, bad), 0u);
  CHECK_EQUAL(hasher.output_of(0xa836a836, 4), 2u);
}

TEST("whatever a packet says, nothing is read beyond its end") {
  Random random;
  for (const FlowHash kind : {FlowHash::flow, FlowHash::addresses, FlowHash::netmap}) {
    FlowHasher hasher(kind);
    for (int i = 0; i < 20'000; i++) {
      const Ends ends = Ends::random(random);
      const std::vector<Bytes> all = wrapped(ends, random);
      Bytes packet = all[random.below(all.size())];
      packet.resize(random.below(packet.size() + 1));
      for (uint64_t j = random.below(4); j > 0 && !packet.empty(); j--) {
        packet[random.below(packet.size())] = static_cast<uint8_t>(random.next());
      }
      hash_of(hasher, packet);
    }
  }
}

}  // namespace
}  // namespace nm
