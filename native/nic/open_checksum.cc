#include "nic/open_checksum.h"

#include <algorithm>
#include <array>

#include "bytes.h"
#include "checksum.h"

namespace nm::nic {

namespace {

constexpr uint32_t kMacs = 12;
constexpr uint32_t kTag = 4;
constexpr uint16_t kEtherTag = 0x8100;
constexpr uint16_t kEtherServiceTag = 0x88a8;
constexpr uint16_t kEtherIpv4 = 0x0800;
constexpr uint16_t kEtherIpv6 = 0x86dd;
constexpr uint32_t kIpv4Header = 20;
constexpr uint32_t kIpv6Header = 40;
constexpr uint32_t kMostExtensions = 8;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;

// The part of a frame that a transport checksum covers.
struct Segment {
  uint32_t at = 0;
  uint32_t length = 0;  // 0: there is none
  uint8_t protocol = 0;
  uint64_t addresses = 0;  // sum of them

  uint64_t pseudo_header() const { return addresses + protocol + sum_words(length); }
};

// `seen` bytes of the frame can be looked at, of `end`.
Segment ipv4_segment(const uint8_t* frame, uint32_t ip, uint32_t seen, uint32_t end) {
  if (ip + kIpv4Header > seen) return {};
  const uint32_t header = (frame[ip] & 0xf) * 4u;
  const uint32_t total = load_big<uint16_t>(frame + ip + 2);
  const bool is_fragment = (load_big<uint16_t>(frame + ip + 6) & 0x3fff) != 0;
  if (header < kIpv4Header || total <= header || ip + total > end || is_fragment) return {};
  return {ip + header, total - header, frame[ip + 9], sum_words(frame + ip + 12, 8)};
}

Segment ipv6_segment(const uint8_t* frame, uint32_t ip, uint32_t seen, uint32_t end) {
  if (ip + kIpv6Header > seen) return {};
  const uint32_t segment_end = ip + kIpv6Header + load_big<uint16_t>(frame + ip + 4);
  if (segment_end > end) return {};
  uint8_t protocol = frame[ip + 6];
  uint32_t at = ip + kIpv6Header;
  // Hop-by-hop options, routing, destination options: next header, length in words of 8 bytes beyond the first. [RFC 8200]
  for (uint32_t i = 0; i < kMostExtensions && (protocol == 0 || protocol == 43 || protocol == 60); i++) {
    if (at + 8 > std::min(segment_end, seen)) return {};
    protocol = frame[at];
    at += 8 + frame[at + 1] * 8u;
  }
  if (at >= segment_end) return {};
  return {at, segment_end - at, protocol, sum_words(frame + ip + 8, 32)};
}

Segment find_segment(const uint8_t* frame, uint32_t seen, uint32_t length) {
  uint32_t at = kMacs;
  while (at + 2 + kTag <= seen) {
    const uint16_t type = load_big<uint16_t>(frame + at);
    if (type == kEtherIpv4) return ipv4_segment(frame, at + 2, seen, length);
    if (type == kEtherIpv6) return ipv6_segment(frame, at + 2, seen, length);
    if (type != kEtherTag && type != kEtherServiceTag) break;
    at += kTag;
  }
  return {};
}

// The sum of `length` bytes from `at` on, which the pieces have.
uint64_t sum_pieces(const iovec* piece, uint32_t at, uint32_t length) {
  uint64_t sum = 0;
  bool is_odd = false;
  for (; length != 0; piece++, at = 0) {
    const uint32_t here = std::min(static_cast<uint32_t>(piece->iov_len) - at, length);
    const uint16_t part = fold(sum_words(static_cast<const uint8_t*>(piece->iov_base) + at, here));
    // What begins at an odd place has its bytes in the other halves of the words.
    sum += is_odd ? static_cast<uint16_t>(part << 8 | part >> 8) : part;
    is_odd ^= here % 2 != 0;
    length -= here;
  }
  return sum;
}

}  // namespace

bool leaves_checksums_open(const Interface& interface) {
  // Those whose other side is a host's stack. Unknown ones are taken for such.
  static constexpr std::array kSoftware = {"",    "veth",      "tun", "virtio_net",
                                           "vif", "hv_netvsc", "ifb", "dummy"};
  return std::find(kSoftware.begin(), kSoftware.end(), interface.driver) != kSoftware.end();
}

void complete_checksum(uint8_t* frame, uint32_t length) {
  const iovec whole = {frame, length};
  complete_checksum(&whole, 1);
}

void complete_checksum(const iovec* pieces, uint32_t count) {
  uint32_t length = 0;
  for (uint32_t i = 0; i < count; i++) length += static_cast<uint32_t>(pieces[i].iov_len);
  auto* const frame = static_cast<uint8_t*>(pieces[0].iov_base);
  const auto seen = static_cast<uint32_t>(pieces[0].iov_len);
  const Segment segment = find_segment(frame, seen, length);
  const uint32_t field = segment.protocol == kTcp ? 16 : segment.protocol == kUdp ? 6 : segment.length;
  if (field + 2 > segment.length || segment.at + field + 2 > seen) return;
  uint8_t* const checksum = frame + segment.at + field;
  if (load_big<uint16_t>(checksum) != fold(segment.pseudo_header())) return;
  // The field is part of what is summed, and holds the pseudo header's part.
  const uint64_t sum = sum_pieces(pieces, segment.at, segment.length);
  store_big(checksum, segment.protocol == kUdp ? udp_checksum(sum) : ip_checksum(sum));
}

}  // namespace nm::nic
