#include "engine/vnet.h"

#include <algorithm>
#include <cstring>

#include "bytes.h"
#include "checksum.h"

namespace nm::engine {

namespace {

// The header's fields, and what may be in them. Its numbers are in the byte order of the machine. [virtio
// 1.2, 5.1.6]
constexpr uint32_t kFlagsAt = 0;
constexpr uint32_t kTypeAt = 1;
constexpr uint32_t kSizeAt = 4;
constexpr uint32_t kChecksumStartAt = 6;
constexpr uint32_t kChecksumOffsetAt = 8;
constexpr uint8_t kDataValid = 2;
constexpr uint8_t kTypeNone = 0;
constexpr uint8_t kTypeTcp4 = 1;
constexpr uint8_t kTypeUdp = 3;
constexpr uint8_t kTypeTcp6 = 4;
constexpr uint8_t kTypeUdpSegments = 5;
constexpr uint8_t kTypeEcn = 0x80;

constexpr uint32_t kMacs = 12;
constexpr uint32_t kEthernetHeader = 14;
constexpr uint32_t kTag = 4;
constexpr uint16_t kEtherTag = 0x8100;
constexpr uint16_t kEtherIpv4 = 0x0800;
constexpr uint16_t kEtherIpv6 = 0x86dd;
constexpr uint32_t kIpv4Header = 20;
constexpr uint32_t kIpv6Header = 40;
constexpr uint32_t kTcpHeader = 20;
constexpr uint32_t kUdpHeader = 8;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr uint32_t kTcpFlagsAt = 13;
constexpr uint8_t kFin = 0x01;
constexpr uint8_t kPush = 0x08;
constexpr uint8_t kWindowReduced = 0x80;

uint16_t native16(const uint8_t* from) {
  uint16_t value;
  memcpy(&value, from, sizeof(value));
  return value;
}

// Finds the headers of a large packet in the first `look` bytes of its frame. False: they are not what `type`
// says.
bool find_headers(const uint8_t* frame, uint32_t look, uint8_t type, VnetPacket* packet) {
  uint32_t at = kMacs;
  while (at + 2 <= look && load_big<uint16_t>(frame + at) == kEtherTag) at += kTag;
  const uint32_t ip = at + 2;
  if (ip > look) return false;
  const uint16_t ether_type = load_big<uint16_t>(frame + at);
  uint32_t transport = 0;
  uint8_t protocol = 0;
  if (ether_type == kEtherIpv4 && ip + kIpv4Header <= look) {
    const uint32_t header = (frame[ip] & 0xf) * 4u;
    const bool is_fragment = (load_big<uint16_t>(frame + ip + 6) & 0x3fff) != 0;
    if (frame[ip] >> 4 != 4 || header < kIpv4Header || is_fragment || type == kTypeTcp6) return false;
    protocol = frame[ip + 9];
    transport = ip + header;
  } else if (ether_type == kEtherIpv6 && ip + kIpv6Header <= look) {
    if (frame[ip] >> 4 != 6 || type == kTypeTcp4) return false;
    packet->is_ipv6 = true;
    protocol = frame[ip + 6];
    transport = ip + kIpv6Header;
  } else {
    return false;
  }

  packet->is_tcp = type == kTypeTcp4 || type == kTypeTcp6;
  if (protocol != (packet->is_tcp ? kTcp : kUdp)) return false;
  uint32_t header = kUdpHeader;
  if (packet->is_tcp) {
    if (transport + kTcpHeader > look) return false;
    header = (frame[transport + 12] >> 4) * 4u;
    if (header < kTcpHeader) return false;
  }
  if (transport + header > look) return false;
  packet->ip_at = static_cast<uint16_t>(ip);
  packet->transport_at = static_cast<uint16_t>(transport);
  packet->payload_at = static_cast<uint16_t>(transport + header);
  return true;
}

// What the checksum of TCP and UDP covers beside their own bytes. [RFC 9293, 8200]
uint64_t pseudo_header_sum(const VnetPacket& packet, const uint8_t* frame, uint32_t length) {
  const uint8_t* const ip = frame + packet.ip_at;
  const uint64_t addresses = packet.is_ipv6 ? sum_words(ip + 8, 32) : sum_words(ip + 12, 8);
  return addresses + sum_words(length) + (packet.is_tcp ? kTcp : kUdp);
}

}  // namespace

VnetPacket read_vnet(const uint8_t* packet, uint32_t length, uint32_t from, uint32_t to,
                     uint32_t frame_limit) {
  VnetPacket read;
  read.from = static_cast<uint8_t>(from);
  read.to = static_cast<uint8_t>(to);
  if (length < from + kEthernetHeader) return read;
  read.length = length - from;
  if (from == 0 || to != 0) {
    read.fate = VnetPacket::Fate::whole;
    return read;
  }

  const uint8_t flags = packet[kFlagsAt];
  const auto type = static_cast<uint8_t>(packet[kTypeAt] & ~kTypeEcn);
  if ((flags & ~(kVnetNeedsChecksum | kDataValid)) != 0) return read;
  if (type == kTypeNone) {
    if ((flags & kVnetNeedsChecksum) != 0) {
      const uint32_t start = native16(packet + kChecksumStartAt);
      const uint32_t at = start + native16(packet + kChecksumOffsetAt);
      if (start < kEthernetHeader || at + 2 > read.length || at > UINT16_MAX) return read;
      read.needs_checksum = true;
      read.checksum_start = static_cast<uint16_t>(start);
      read.checksum_at = static_cast<uint16_t>(at);
    }
    read.fate = VnetPacket::Fate::whole;
    return read;
  }

  if (type != kTypeTcp4 && type != kTypeTcp6 && type != kTypeUdp && type != kTypeUdpSegments) return read;
  const uint32_t look = std::min(read.length, kVnetLook - from);
  if (!find_headers(packet + from, look, type, &read)) return read;
  if (frame_limit <= read.payload_at) {
    read.fate = VnetPacket::Fate::too_long;
    return read;
  }
  const uint32_t most = std::min<uint32_t>(frame_limit - read.payload_at, UINT16_MAX);
  const uint32_t wanted = native16(packet + kSizeAt);
  read.payload_each = static_cast<uint16_t>(wanted == 0 ? most : std::min(wanted, most));
  read.fate = VnetPacket::Fate::cut;
  return read;
}

uint8_t* finish_vnet(const VnetPacket& packet, uint8_t* frame) {
  if (packet.to == 0) {
    if (packet.needs_checksum) {
      // The sum covers the field, in which the sender left the part that is not in the packet.
      const uint64_t sum = sum_words(frame + packet.checksum_start, packet.length - packet.checksum_start);
      store_big(frame + packet.checksum_at, udp_checksum(sum));
    }
    return frame;
  }
  uint8_t header[kLongVnetHeader] = {};
  if (packet.from != 0) memcpy(header, frame - packet.from, kVnetHeader);
  memcpy(frame - packet.to, header, packet.to);
  return frame - packet.to;
}

void write_vnet_frame(const VnetPacket& packet, const uint8_t* frame, uint32_t number, uint8_t* to) {
  const uint32_t before = number * packet.payload_each;
  const uint32_t length = packet.frame_length(number);
  memcpy(to, frame, packet.payload_at);
  memcpy(to + packet.payload_at, frame + packet.payload_at + before, length - packet.payload_at);

  uint8_t* const ip = to + packet.ip_at;
  if (packet.is_ipv6) {
    store_big(ip + 4, static_cast<uint16_t>(length - packet.ip_at - kIpv6Header));
  } else {
    store_big(ip + 2, static_cast<uint16_t>(length - packet.ip_at));
    store_big(ip + 4, static_cast<uint16_t>(load_big<uint16_t>(ip + 4) + number));
    store_big(ip + 10, uint16_t{0});
    store_big(ip + 10, ip_checksum(sum_words(ip, packet.transport_at - packet.ip_at)));
  }

  uint8_t* const transport = to + packet.transport_at;
  const uint32_t transport_length = length - packet.transport_at;
  const uint64_t outside = pseudo_header_sum(packet, to, transport_length);
  if (packet.is_tcp) {
    store_big(transport + 4, load_big<uint32_t>(transport + 4) + before);
    uint8_t& flags = transport[kTcpFlagsAt];
    // What is said once: of the beginning, and of the end.
    if (number != 0) flags = static_cast<uint8_t>(flags & ~kWindowReduced);
    if (number + 1 != packet.frames()) flags = static_cast<uint8_t>(flags & ~(kFin | kPush));
    store_big(transport + 16, uint16_t{0});
    store_big(transport + 16, ip_checksum(outside + sum_words(transport, transport_length)));
  } else {
    store_big(transport + 4, static_cast<uint16_t>(transport_length));
    store_big(transport + 6, uint16_t{0});
    store_big(transport + 6, udp_checksum(outside + sum_words(transport, transport_length)));
  }
}

}  // namespace nm::engine
