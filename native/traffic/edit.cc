#include "traffic/edit.h"

#include <algorithm>
#include <cstring>

#include "bytes.h"
#include "checksum.h"
#include "traffic/random.h"

namespace nm {
namespace {

constexpr uint32_t kIpv4ChecksumAt = 10;

// Scrambles a number, differently for each key. [splitmix64]
uint64_t scramble(uint64_t number, uint64_t key) { return Random(number ^ key).next(); }

// A permutation of numbers of 2 * kHalf bits, by a Feistel network: whatever the scrambling is, it can be turned back, so no
// two numbers become the same.
template <uint32_t kHalf, typename Number>
Number permute(Number number, const std::array<uint64_t, 4>& keys) {
  constexpr uint64_t kMask = (uint64_t{1} << kHalf) - 1;
  uint64_t left = static_cast<uint64_t>(number >> kHalf) & kMask;
  uint64_t right = static_cast<uint64_t>(number) & kMask;
  for (const uint64_t key : keys) {
    const uint64_t mixed = left ^ (scramble(right, key) & kMask);
    left = right;
    right = mixed;
  }
  return static_cast<Number>(static_cast<Number>(left) << kHalf | right);
}

// Whether an address can be a host's: not of this network, the loopback, a group, or of class E.
bool is_host(uint32_t address) {
  const uint32_t first = address >> 24;
  return first >= 1 && first < 224 && first != 127;
}

// Not of a group, of a link, of the host itself, or of IPv4.
bool is_host(const uint8_t* address) { return address[0] != 0xff && address[0] != 0xfe && address[0] != 0; }

void randomize_ipv4(uint8_t* address, const std::array<uint64_t, 4>& keys) {
  uint32_t number = load_big<uint32_t>(address);
  if (!is_host(number)) return;
  // The permutation goes round in cycles. The next host's address on the cycle is that of one host only.
  do {
    number = permute<16>(number, keys);
  } while (!is_host(number));
  store_big(address, number);
}

void randomize_ipv6(uint8_t* address, const std::array<uint64_t, 4>& keys) {
  if (!is_host(address)) return;
  const uint64_t high = load_big<uint64_t>(address);
  const uint64_t low = load_big<uint64_t>(address + 8);
  constexpr uint64_t kKept = 0xffff'0000'0000'0000;
  const auto number = static_cast<unsigned __int128>(high & ~kKept) << 64 | low;
  const unsigned __int128 permuted = permute<56>(number, keys);
  store_big(address, (high & kKept) | (static_cast<uint64_t>(permuted >> 64) & ~kKept));
  store_big(address + 8, static_cast<uint64_t>(permuted));
}

// Where the checksum is that covers the addresses of the IP header, 0 when there is none.
uint32_t transport_checksum_at(const HeaderPlaces& places) {
  if (places.transport_at == 0) return 0;
  switch (places.protocol) {
    case kProtocolTcp:
      return places.transport_at + 16;
    case kProtocolUdp:
      return places.transport_at + 6;
    case kProtocolIcmp6:
      return places.ip == 6 ? places.transport_at + 2 : 0;
    default:
      return 0;
  }
}

// Adds what the sum of the words that it covers became more. [RFC 1624, equation 3]
uint16_t adjusted(uint16_t checksum, uint64_t before, uint64_t after) {
  return ip_checksum(uint64_t{static_cast<uint16_t>(~checksum)} + static_cast<uint16_t>(~fold(before)) +
                     fold(after));
}

}  // namespace

bool Network::holds(const uint8_t* other) const {
  const uint32_t bytes = bits / 8;
  if (std::memcmp(other, address.data(), bytes) != 0) return false;
  const uint32_t rest = bits % 8;
  return rest == 0 || (other[bytes] ^ address[bytes]) >> (8 - rest) == 0;
}

void Network::move_in(uint8_t* other) const {
  const uint32_t bytes = bits / 8;
  std::memcpy(other, address.data(), bytes);
  const uint32_t rest = bits % 8;
  if (rest == 0) return;
  const auto kept = static_cast<uint8_t>(0xff >> rest);
  other[bytes] = static_cast<uint8_t>((address[bytes] & ~kept) | (other[bytes] & kept));
}

Edit::Edit(const EditSpec& spec) : spec_(spec) {
  Random random(spec.random_seed.value_or(0));
  for (uint64_t& key : keys_) key = random.next();
}

bool Edit::edits() const {
  const auto any = [](const auto& macs) { return macs[0].has_value() || macs[1].has_value(); };
  return any(spec_.to_mac) || any(spec_.from_mac) || spec_.changes_addresses() || spec_.pop_vlan ||
         spec_.push_vlan.has_value();
}

Edit::Edited Edit::apply(uint8_t* packet, uint32_t captured, uint32_t length, uint32_t side) const {
  if (captured < kEthernetLength) return {packet, captured, length};
  if (spec_.pop_vlan) {
    const uint16_t type = load_big<uint16_t>(packet + kEthernetLength - 2);
    if ((type == kEtherVlan || type == kEtherProviderVlan) && captured >= kEthernetLength + kVlanLength) {
      std::memmove(packet + kVlanLength, packet, 2 * kMacLength);
      packet += kVlanLength;
      captured -= kVlanLength;
      length -= kVlanLength;
    }
  }
  if (spec_.push_vlan) {
    packet -= kVlanLength;
    std::memmove(packet, packet + kVlanLength, 2 * kMacLength);
    store_big(packet + 2 * kMacLength, kEtherVlan);
    store_big(packet + 2 * kMacLength + 2, *spec_.push_vlan);
    captured += kVlanLength;
    length += kVlanLength;
  }
  if (const auto& mac = spec_.to_mac[side]) std::copy(mac->begin(), mac->end(), packet);
  if (const auto& mac = spec_.from_mac[side]) std::copy(mac->begin(), mac->end(), packet + kMacLength);
  if (spec_.changes_addresses()) edit_network(packet, captured);
  return {packet, captured, length};
}

void Edit::edit_network(uint8_t* packet, uint32_t captured) const {
  const HeaderPlaces places = find_headers(packet, captured);
  if (!places.has_addresses()) return;
  if (places.is_arp()) {
    map_address(packet + places.from_at(), 4);
    map_address(packet + places.to_at(), 4);
    return;
  }

  uint8_t* const addresses = packet + places.from_at();
  const uint32_t length = 2 * places.address_length();
  const uint64_t before = sum_words(addresses, length);
  map_address(addresses, places.ip);
  map_address(packet + places.to_at(), places.ip);
  const uint64_t after = sum_words(addresses, length);

  const auto adjust = [&](uint32_t at, bool zero_means_none) {
    if (at == 0 || captured < at + sizeof(uint16_t)) return;
    const uint16_t checksum = load_big<uint16_t>(packet + at);
    if (zero_means_none && checksum == 0) return;
    const uint16_t right = adjusted(checksum, before, after);
    store_big(packet + at, zero_means_none && right == 0 ? uint16_t{0xffff} : right);
  };
  if (places.ip == 4) adjust(places.network_at + kIpv4ChecksumAt, false);
  adjust(transport_checksum_at(places), places.protocol == kProtocolUdp);
}

void Edit::map_address(uint8_t* address, uint8_t ip) const {
  if (spec_.random_seed) {
    if (ip == 4) randomize_ipv4(address, keys_);
    if (ip == 6) randomize_ipv6(address, keys_);
  }
  for (const AddressMap& map : spec_.maps) {
    if (map.from.ip != ip || !map.from.holds(address)) continue;
    map.to.move_in(address);
    return;
  }
}

}  // namespace nm
