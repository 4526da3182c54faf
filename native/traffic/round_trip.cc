#include "traffic/round_trip.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "bytes.h"
#include "checksum.h"

namespace nm {
namespace {

constexpr uint32_t kMacLength = 6;
constexpr uint32_t kEtherTypeAt = 12;
constexpr uint32_t kNetworkAt = 14;
constexpr uint16_t kIPv4 = 0x0800;
constexpr uint16_t kIPv6 = 0x86dd;

// Where the addresses of a frame's network header are, and how long each is.
struct Addresses {
  uint32_t at;
  uint32_t length;

  uint32_t end() const { return at + 2 * length; }
};

constexpr Addresses kAddresses4 = {kNetworkAt + 12, 4};
constexpr Addresses kAddresses6 = {kNetworkAt + 8, 16};

uint16_t ether_type(const uint8_t* frame) { return load_big<uint16_t>(frame + kEtherTypeAt); }

void swap_pair(uint8_t* first, uint32_t length) { std::swap_ranges(first, first + length, first + length); }

bool is_swapped(const uint8_t* one, const uint8_t* other, uint32_t length) {
  return std::memcmp(one, other + length, length) == 0 && std::memcmp(one + length, other, length) == 0;
}

std::vector<uint8_t> bytes_of(const FrameSpec& spec) {
  const Frame frame(spec);
  std::vector<uint8_t> bytes(frame.length());
  frame.write(bytes.data());
  return bytes;
}

}  // namespace

RoundTripFrame::RoundTripFrame(const FrameSpec& spec) : layout_(layout_of(spec.family)) {
  assert(spec.length >= shortest(spec.family) && spec.shortest_length == 0);
  bytes_ = bytes_of(spec);
  std::memset(&bytes_[layout_.udp_checksum], 0, sizeof(uint16_t));
  std::memset(&bytes_[layout_.payload], 0, sizeof(RoundTripWords));
  // What the checksum covers, in any order: the pseudo header, and all from the UDP header on.
  constexpr uint64_t kUdp = 17;
  const uint32_t udp_length = length() - layout_.udp;
  const uint32_t addresses = 2 * (layout_.to_address - layout_.from_address);
  sum_ = kUdp + udp_length + sum_words(&bytes_[layout_.from_address], addresses) +
         sum_words(&bytes_[layout_.udp], udp_length);
}

void RoundTripFrame::write(uint8_t* to, RoundTripWords words) const {
  std::memcpy(to, bytes_.data(), bytes_.size());
  std::memcpy(to + layout_.payload, &words, sizeof(words));
  store_big(to + layout_.udp_checksum, udp_checksum(sum_ + sum_words(to + layout_.payload, sizeof(words))));
}

bool RoundTripFrame::read(const uint8_t* frame, uint32_t length, RoundTripWords* words) const {
  if (length < layout_.payload + sizeof(*words) || ether_type(frame) != ether_type(bytes_.data()))
    return false;
  const Addresses addresses = ether_type(frame) == kIPv6 ? kAddresses6 : kAddresses4;
  if (!is_swapped(frame + addresses.at, &bytes_[addresses.at], addresses.length)) {
    // netmap's ponger leaves the addresses of IPv6 as they are.
    if (ether_type(frame) != kIPv6 || !is_swapped(frame, bytes_.data(), kMacLength)) return false;
  }
  std::memcpy(words, frame + layout_.payload, sizeof(*words));
  return true;
}

void turn_around(uint8_t* frame, uint32_t length) {
  if (length < kNetworkAt) return;
  swap_pair(frame, kMacLength);
  const uint16_t type = ether_type(frame);
  if (type != kIPv4 && type != kIPv6) return;
  const Addresses addresses = type == kIPv6 ? kAddresses6 : kAddresses4;
  if (length >= addresses.end()) swap_pair(frame + addresses.at, addresses.length);
}

}  // namespace nm
