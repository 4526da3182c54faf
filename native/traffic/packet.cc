// Builds the longest frame once, then keeps what differs between frames apart from it.
//
// The fixed bytes are only ever read, and what varies is stored in words of the size they are read in: a wide
// load of bytes that were just stored in pieces would stall the copying of every packet.
#include "traffic/packet.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string_view>

#include "traffic/header_places.h"

namespace nm {
namespace {

constexpr std::string_view kDirectText =
    "netmap pkt-gen DIRECT payload\nhttp://info.iet.unipi.it/~luigi/netmap/ ";
constexpr std::string_view kIndirectText =
    "netmap pkt-gen indirect payload\nhttp://info.iet.unipi.it/~luigi/netmap/ ";
static_assert(kDirectText.size() % 2 == 0 && kDirectText.size() <= TextSum::kMost);
static_assert(kIndirectText.size() % 2 == 0 && kIndirectText.size() <= TextSum::kMost);
constexpr TextSum kDirectSum(kDirectText.data(), kDirectText.size());
constexpr TextSum kIndirectSum(kIndirectText.data(), kIndirectText.size());

constexpr uint32_t kIpOffset = 14;
constexpr uint8_t kHopsToLive = 64;

// Everything of the IPv4 header but length, checksum and addresses.
void write_ipv4(uint8_t* ip) {
  ip[0] = kIpv4NoOptions;
  ip[1] = 0x10;                         // Low delay.
  store_big<uint16_t>(ip + 6, 0x4000);  // Do not fragment.
  ip[8] = kHopsToLive;
  ip[9] = kProtocolUdp;
}

// Everything of the IPv6 header but length and the groups that vary.
void write_ipv6(uint8_t* ip, const EndpointRange& from, const EndpointRange& to) {
  ip[0] = 6 << 4;
  ip[6] = kProtocolUdp;
  ip[7] = kHopsToLive;
  std::copy(from.address.begin(), from.address.end(), ip + 8);
  std::copy(to.address.begin(), to.address.end(), ip + 24);
  store_big<uint16_t>(ip + 8 + 2 * from.group, 0);
  store_big<uint16_t>(ip + 24 + 2 * to.group, 0);
}

// The longest frame, with zeros where frames differ.
std::vector<uint8_t> fixed_bytes(const FrameSpec& spec) {
  const FrameLayout layout = layout_of(spec.family);
  const std::string_view text = spec.indirect ? kIndirectText : kDirectText;
  std::vector<uint8_t> bytes(std::max(spec.length, layout.payload));
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  assert(spec.reserved_at_end <= size - layout.payload);

  uint8_t* const frame = bytes.data();
  std::copy(spec.to_mac.begin(), spec.to_mac.end(), frame);
  std::copy(spec.from_mac.begin(), spec.from_mac.end(), frame + 6);
  if (spec.family == Family::ipv4) {
    store_big<uint16_t>(frame + 12, kEtherIpv4);
    write_ipv4(frame + kIpOffset);
  } else {
    store_big<uint16_t>(frame + 12, kEtherIpv6);
    write_ipv6(frame + kIpOffset, spec.from, spec.to);
  }
  for (uint32_t i = layout.payload; i < size - spec.reserved_at_end; i++) {
    frame[i] = static_cast<uint8_t>(text[(i - layout.payload) % text.size()]);
  }
  return bytes;
}

uint64_t ip_sum_of(const FrameSpec& spec, const std::vector<uint8_t>& bytes) {
  return sum_words(bytes.data() + kIpOffset, layout_of(spec.family).udp - kIpOffset);
}

// The pseudo-header has addresses and protocol. Of IPv4 addresses nothing is fixed.
uint64_t udp_sum_of(const FrameSpec& spec, const std::vector<uint8_t>& bytes) {
  const FrameLayout layout = layout_of(spec.family);
  return kProtocolUdp + sum_words(bytes.data() + layout.from_address, layout.udp - layout.from_address);
}

// Any number that is known from another, but not equal to it.
constexpr uint64_t kLengthsSeed = 0x6c656e67746873;

uint32_t shortest_of(const FrameSpec& spec) {
  return spec.shortest_length != 0 ? spec.shortest_length : spec.length;
}

}  // namespace

Headers::Headers(const FrameSpec& spec, uint64_t ip_sum, uint64_t udp_sum, const TextSum& text)
    : walk_(spec.from, spec.to, spec.family == Family::ipv4 ? UINT32_MAX : UINT16_MAX, spec.seed),
      text_(&text),
      ip_sum_(fold(ip_sum)),
      udp_sum_(fold(udp_sum)),
      payload_(layout_of(spec.family).payload),
      reserved_(spec.reserved_at_end),
      from_offset_(static_cast<uint8_t>(layout_of(spec.family).from_address + 2 * spec.from.group)),
      to_offset_(static_cast<uint8_t>(layout_of(spec.family).to_address + 2 * spec.to.group)),
      family_(spec.family),
      lengths_vary_(shortest_of(spec) != spec.length) {
  set_length(spec.length);
}

Frame::Frame(const FrameSpec& spec) : Frame(spec, fixed_bytes(spec)) {}

Frame::Frame(const FrameSpec& spec, std::vector<uint8_t> bytes)
    : layout_(layout_of(spec.family)),
      longest_(spec.length),
      varies_(!spec.from.is_one() || !spec.to.is_one() || shortest_of(spec) != spec.length),
      lengths_(shortest_of(spec), spec.length, spec.seed ^ kLengthsSeed),
      bytes_(std::move(bytes)),
      headers_(spec, ip_sum_of(spec, bytes_), udp_sum_of(spec, bytes_),
               spec.indirect ? kIndirectSum : kDirectSum) {
  assert(shortest_of(spec) >= kShortestFrame && shortest_of(spec) <= spec.length);
  assert(spec.length <= kLongestFrame);
  assert(spec.from.first_address <= spec.from.last_address && spec.from.first_port <= spec.from.last_port);
  assert(spec.to.first_address <= spec.to.last_address && spec.to.first_port <= spec.to.last_port);
  assert(spec.from.group < 8 && spec.to.group < 8);

  headers_.set_length(lengths_.now());
  headers_.write(bytes_.data());
  // Where lengths do not vary, write() leaves theirs alone.
  const uint32_t ip_length =
      static_cast<uint32_t>(bytes_.size()) - (spec.family == Family::ipv4 ? kIpOffset : layout_.udp);
  if (!lengths_vary())
    store_big<uint16_t>(bytes_.data() + layout_.ip_length, static_cast<uint16_t>(ip_length));
}

void Frame::write(uint8_t* to) const {
  std::memcpy(to, bytes_.data(), std::max(length(), layout_.payload));
  if (varies_) headers_.write(to);
}

void Frame::write_longest(uint8_t* to) const { std::memcpy(to, bytes_.data(), bytes_.size()); }

void Frame::step() {
  headers_.step();
  if (!lengths_.vary()) return;
  lengths_.step();
  headers_.set_length(lengths_.now());
}

}  // namespace nm
