// Virtio-net headers: what a switch does between ports whose packets begin with one and others.
#include <algorithm>

#include "ports.h"

NOUN("virtio headers");

// Its first 10 bytes. The numbers are those of the virtio specification, section 5.1.6.
struct Header {
  uint8_t flags = 0;
  uint8_t gso_type = 0;
  uint16_t hdr_len = 0;
  uint16_t gso_size = 0;
  uint16_t csum_start = 0;
  uint16_t csum_offset = 0;
};
constexpr uint8_t kNeedsChecksum = 1;
constexpr uint8_t kDataValid = 2;
constexpr uint8_t kWhole = 0;
constexpr uint8_t kTcpOverIpv4 = 1;

static Answer set_header(const std::string& name, uint32_t length) {
  nmreq_port_hdr header = {.nr_hdr_len = length};
  return asking({.type = NETMAP_REQ_PORT_HDR_SET, .name = name, .body = &header});
}

static uint32_t header_of(const std::string& name) {
  nmreq_port_hdr header = {};
  EXPECT(asking({.type = NETMAP_REQ_PORT_HDR_GET, .name = name, .body = &header}), 0);
  return header.nr_hdr_len;
}

// A port with a header of so many bytes.
struct HeaderPort : Port {
  HeaderPort(const std::string& name, uint32_t length, uint32_t slots = 0)
      : Port(name, {.nr_tx_slots = slots, .nr_rx_slots = slots, .nr_flags = NR_ACCEPT_VNET_HDR}) {
    EXPECT(set_header(name, length), 0);
  }
};

// `bytes` behind a header of `length` that says `says`.
static Packet with_header(const Packet& frame, size_t length, Header says = {}) {
  Packet made{std::string(length, '\0') + frame.bytes};
  memcpy(made.bytes.data(), &says, std::min(length, sizeof(says)));
  return made;
}

static uint16_t get16(const std::string& bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) << 8 | static_cast<uint8_t>(bytes[at + 1]));
}
static uint32_t get32(const std::string& bytes, size_t at) {
  return uint32_t{get16(bytes, at)} << 16 | get16(bytes, at + 2);
}
static void put16(std::string* bytes, size_t at, uint16_t value) {
  (*bytes)[at] = static_cast<char>(value >> 8);
  (*bytes)[at + 1] = static_cast<char>(value);
}

// The sum of RFC 1071 over the bytes, with what was added up before.
static uint16_t sum(const std::string& bytes, size_t from, uint32_t before = 0) {
  uint32_t total = before;
  for (size_t i = from; i < bytes.size(); i += 2) {
    total += i + 1 < bytes.size() ? get16(bytes, i) : static_cast<uint8_t>(bytes[i]) << 8;
  }
  while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
  return static_cast<uint16_t>(total);
}

constexpr size_t kIp = 14;
constexpr size_t kTcp = kIp + 20;
constexpr size_t kTcpPayload = kTcp + 20;
constexpr size_t kTcpSum = 16;

static uint32_t pseudo_header(const std::string& frame) {
  uint32_t total = 6 + static_cast<uint32_t>(frame.size() - kTcp);
  for (size_t at = kIp + 12; at < kIp + 20; at += 2) total += get16(frame, at);
  return total;
}

// TCP over IPv4 to everybody, with a payload whose bytes differ. Its checksum field has the pseudo header's sum, as who leaves
// the rest to the network card writes it.
static Packet tcp(size_t payload) {
  Packet made = to_everybody('\0', kTcpPayload + payload);
  std::string& bytes = made.bytes;
  put16(&bytes, 12, 0x0800);
  bytes[kIp] = 0x45;
  put16(&bytes, kIp + 2, static_cast<uint16_t>(bytes.size() - kIp));
  bytes[kIp + 8] = 64;
  bytes[kIp + 9] = 6;
  put16(&bytes, kIp + 12, 0x0a00);
  put16(&bytes, kIp + 16, 0x0a01);
  put16(&bytes, kIp + 10, static_cast<uint16_t>(~sum(bytes.substr(0, kTcp), kIp)));
  bytes[kTcp + 12] = 0x50;
  for (size_t i = 0; i < payload; i++) bytes[kTcpPayload + i] = static_cast<char>(i * 7 + i / 256);
  put16(&bytes, kTcp + kTcpSum, sum("", 0, pseudo_header(bytes)));
  return made;
}

static Header unsummed(uint8_t type = kWhole, uint16_t size = 0) {
  Header says = {};
  says.flags = kNeedsChecksum;
  says.gso_type = type;
  says.gso_size = size;
  says.hdr_len = kTcpPayload;
  says.csum_start = kTcp;
  says.csum_offset = kTcpSum;
  return says;
}

CASE("a port has the header that it was told to have: of 10 or 12 bytes, or none") {
  HeaderPort port(vale("a"), 12);
  EXPECT(header_of(vale("a")), 12);
  EXPECT(set_header(vale("a"), 10), 0);
  EXPECT(header_of(vale("a")), 10);
  EXPECT(set_header(vale("a"), 0), 0);
  EXPECT(header_of(vale("a")), 0);
}

CASE("headers of other lengths are refused") {
  Port port(vale("a"));
  for (uint32_t length : {1, 8, 11, 13, 64}) EXPECT(set_header(vale("a"), length), EINVAL);
  EXPECT(header_of(vale("a")), 0);
}

CASE("only ports of a switch that are there can have a header") {
  EXPECT(set_header(vale("a"), 12), ENXIO);
  Port pipe(plain("p") + "{1");
  EXPECT(set_header(plain("p") + "{1", 12), ENXIO);
  EXPECT(header_of(plain("p") + "{1"), 0);
}

CASE("who does not accept headers cannot open a port that has one") {
  HeaderPort port(vale("a"), 12);
  EXPECT(opening(vale("a")), EIO);
  EXPECT(opening(vale("a"), {.nr_flags = NR_ACCEPT_VNET_HDR}), 0);
}

CASE("between ports of one header length packets are carried as they are") {
  HeaderPort sender(vale("a"), 12), receiver(vale("b"), 12);
  Header odd = {};
  odd.flags = 0x55;
  odd.gso_type = 0x77;
  sender.send(with_header(to_everybody('x'), 12, odd));
  EXPECT(receiver.receive(), Packets{with_header(to_everybody('x'), 12, odd)});
}

CASE("stations are known by the addresses behind the header") {
  HeaderPort a(vale("a"), 12), b(vale("b"), 12), c(vale("c"), 12);
  a.send(with_header(packet(kEverybody, station(1)), 12));
  EXPECT(b.receive().size(), 1);
  EXPECT(c.receive().size(), 1);
  b.send(with_header(packet(station(1), station(2)), 12));
  EXPECT(a.receive().size(), 1);
  EXPECT(c.receive().size(), 0);
}

CASE("a port with a header gets one that says nothing from a port without") {
  for (uint32_t length : {10, 12}) {
    const std::string name = vale("b" + std::to_string(length));
    Port sender(vale("a"));
    HeaderPort receiver(name, length);
    sender.send(to_everybody('x'));
    EXPECT(receiver.receive(), Packets{with_header(to_everybody('x'), length)});
  }
}

CASE("a port without header gets the packet without") {
  HeaderPort sender(vale("a"), 12);
  Port receiver(vale("b"));
  sender.send(with_header(to_everybody('x'), 12));
  EXPECT(receiver.receive(), Packets{to_everybody('x')});
}

CASE("headers of 10 and 12 bytes are made of each other by their first 10") {
  HeaderPort shorter(vale("a"), 10), longer(vale("b"), 12);
  Header says = {};
  says.flags = kDataValid;
  shorter.send(with_header(to_everybody('s'), 10, says));
  longer.send(with_header(to_everybody('l'), 12, says));
  EXPECT(longer.receive(), Packets{with_header(to_everybody('s'), 12, says)});
  EXPECT(shorter.receive(), Packets{with_header(to_everybody('l'), 10, says)});
}

CASE("a packet that ends within the header and the addresses is dropped") {
  HeaderPort sender(vale("a"), 12), receiver(vale("b"), 12);
  sender.send(Packet{std::string(12 + 13, '\0')});
  sender.send(with_header(to_everybody('x', 14), 12));
  EXPECT(receiver.receive(), Packets{with_header(to_everybody('x', 14), 12)});
}

CASE("for a port without header the checksum is finished that the sender left open") {
  HeaderPort sender(vale("a"), 12);
  Port receiver(vale("b"));
  sender.send(with_header(tcp(101), 12, unsummed()));
  const Packets got = receiver.receive();
  EXPECT(got.size(), 1);
  EXPECT(got[0].bytes.size(), tcp(101).bytes.size());
  EXPECT(sum(got[0].bytes, kTcp, pseudo_header(got[0].bytes)), 0xffff);
}

CASE("for a port without header a large TCP packet is cut into frames that follow each other") {
  HeaderPort sender(vale("a"), 12);
  Port receiver(vale("b"));
  const Packet large = tcp(6000);
  sender.put(with_header(large, 12, unsummed(kTcpOverIpv4, 1460)));
  EXPECT(sender.tx_sync(), 0);
  const Packets frames = receiver.receive();
  HOLDS(frames.size() > 1);
  std::string payload;
  for (const Packet& frame : frames) {
    const std::string& bytes = frame.bytes;
    HOLDS(bytes.size() <= 1514);
    EXPECT(get16(bytes, kIp + 2), bytes.size() - kIp);
    EXPECT(sum(bytes.substr(0, kTcp), kIp), 0xffff);
    EXPECT(sum(bytes, kTcp, pseudo_header(bytes)), 0xffff);
    EXPECT(get32(bytes, kTcp + 4), payload.size());
    payload += bytes.substr(kTcpPayload);
  }
  HOLDS(payload == large.bytes.substr(kTcpPayload));
}

CASE("a large packet stays whole between ports that both have headers") {
  HeaderPort sender(vale("a"), 12), receiver(vale("b"), 10);
  const Packet large = tcp(6000);
  const Header says = unsummed(kTcpOverIpv4, 1460);
  sender.put(with_header(large, 12, says));
  EXPECT(sender.tx_sync(), 0);
  EXPECT(receiver.receive(), Packets{with_header(large, 10, says)});
}

CASE("packets whose header nobody can understand do not reach a port without") {
  HeaderPort sender(vale("a"), 12);
  Port receiver(vale("b"));
  Header odd = {};
  odd.gso_type = 0x42;
  sender.send(with_header(to_everybody('t'), 12, odd));
  odd = {};
  odd.flags = 0x40;
  sender.send(with_header(to_everybody('f'), 12, odd));
  sender.send(with_header(to_everybody('x'), 12));
  EXPECT(receiver.receive(), Packets{to_everybody('x')});
}
