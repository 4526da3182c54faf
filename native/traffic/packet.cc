// Builds the frame once, then keeps what differs between the frames of a range apart from it.
//
// The fixed bytes are only ever read, and what varies is stored in words of the size they are read in: a wide
// load of bytes that were just stored in pieces would stall the copying of every packet.
#include "traffic/packet.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string_view>

#include "bytes.h"
#include "checksum.h"

namespace nm {
namespace {

constexpr std::string_view kText = "netmap pkt-gen DIRECT payload\nhttp://info.iet.unipi.it/~luigi/netmap/ ";

constexpr uint32_t kIpOffset = 14;
constexpr uint32_t kUdpOffset = 34;

constexpr uint16_t kEthernetTypeIp = 0x0800;
constexpr uint8_t kProtocolUdp = 17;

// Everything of the IPv4 header but checksum and addresses.
void write_ip(uint8_t* ip, uint16_t total_length) {
  ip[0] = 4 << 4 | 5;  // Version, and header length in words.
  ip[1] = 0x10;        // Low delay.
  store_big<uint16_t>(ip + 2, total_length);
  store_big<uint16_t>(ip + 4, 0);
  store_big<uint16_t>(ip + 6, 0x4000);  // Do not fragment.
  ip[8] = 64;                           // Hops to live.
  ip[9] = kProtocolUdp;
}

// Steps one field of the odometer. Returns whether it wrapped, so that the next slower one has to step too.
template <typename Field>
bool step_field(Field& field, Field first, Field last) {
  const bool wraps = field == last;
  field = wraps ? first : static_cast<Field>(field + 1);
  return wraps;
}

}  // namespace

Frame::Frame(const FrameSpec& spec)
    : from_(spec.from),
      to_(spec.to),
      length_(spec.length),
      varies_(spec.from.first_address != spec.from.last_address ||
              spec.from.first_port != spec.from.last_port || spec.to.first_address != spec.to.last_address ||
              spec.to.first_port != spec.to.last_port),
      from_address_(spec.from.first_address),
      to_address_(spec.to.first_address),
      from_port_(spec.from.first_port),
      to_port_(spec.to.first_port),
      bytes_(std::max(spec.length, kHeadersLength)) {
  assert(spec.length >= kShortestFrame && spec.length <= kLongestFrame);
  assert(spec.from.first_address <= spec.from.last_address && spec.from.first_port <= spec.from.last_port);
  assert(spec.to.first_address <= spec.to.last_address && spec.to.first_port <= spec.to.last_port);
  assert(spec.reserved_at_end <= bytes_.size() - kHeadersLength);

  uint8_t* const frame = bytes_.data();
  const uint32_t size = static_cast<uint32_t>(bytes_.size());
  std::copy(spec.to_mac.begin(), spec.to_mac.end(), frame);
  std::copy(spec.from_mac.begin(), spec.from_mac.end(), frame + 6);
  store_big<uint16_t>(frame + 12, kEthernetTypeIp);
  write_ip(frame + kIpOffset, static_cast<uint16_t>(size - kIpOffset));
  for (uint32_t i = kHeadersLength; i < size - spec.reserved_at_end; i++) {
    frame[i] = static_cast<uint8_t>(kText[(i - kHeadersLength) % kText.size()]);
  }

  udp_length_ = static_cast<uint16_t>(size - kUdpOffset);
  ip_sum_fixed_ = sum_words(frame + kIpOffset, kUdpOffset - kIpOffset);
  // The length counts twice: in the header, and in the pseudo-header together with the protocol.
  udp_sum_fixed_ =
      2 * uint64_t{udp_length_} + kProtocolUdp + sum_words(frame + kHeadersLength, size - kHeadersLength);
  renew();
  write_varying(frame);
}

void Frame::write(uint8_t* to) const {
  std::memcpy(to, bytes_.data(), bytes_.size());
  if (varies_) write_varying(to);
}

void Frame::write_varying(uint8_t* to) const {
  store_big<uint64_t>(to + kVaryingOffset, varying_first_);
  store_big<uint64_t>(to + kVaryingOffset + 8, varying_second_);
  store_big<uint16_t>(to + kUdpChecksumOffset, udp_checksum(udp_sum_));
}

void Frame::step() {
  if (!step_field(from_port_, from_.first_port, from_.last_port)) return renew();
  if (!step_field(from_address_, from_.first_address, from_.last_address)) return renew();
  if (!step_field(to_port_, to_.first_port, to_.last_port)) return renew();
  step_field(to_address_, to_.first_address, to_.last_address);
  renew();
}

// Brings the sums and the varying bytes up to date with addresses and ports.
void Frame::renew() {
  const uint64_t addresses = sum_words(from_address_) + sum_words(to_address_);
  udp_sum_ = udp_sum_fixed_ + addresses + from_port_ + to_port_;

  const uint64_t ip_sum = ip_checksum(ip_sum_fixed_ + addresses);
  varying_first_ = ip_sum << 48 | uint64_t{from_address_} << 16 | to_address_ >> 16;
  varying_second_ = uint64_t{to_address_ & 0xffff} << 48 | uint64_t{from_port_} << 32 |
                    uint64_t{to_port_} << 16 | udp_length_;
}

}  // namespace nm
