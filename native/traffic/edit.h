// Changes captured packets before they are sent: MAC addresses, IP addresses, VLAN tags.
//
// Checksums are kept as right, or as wrong, as they were: what changes in a packet is added to its checksums, which are not
// made anew. [RFC 1624] So a packet that was cut, or that a capture before a network card's checksum shows, stays what it is.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "traffic/header_places.h"

namespace nm {

using Address = std::array<uint8_t, 16>;

// The addresses that begin with the first `bits` bits of one.
struct Network {
  // 4 or 6; of an IPv4 address, the first 4 bytes count.
  uint8_t ip = 4;
  uint8_t bits = 32;
  Address address{};

  // Whether an address, of the same version, is of this network.
  bool holds(const uint8_t* other) const;
  // Makes an address one of this network: changes its first bits and keeps the others.
  void move_in(uint8_t* other) const;
};

// Addresses of one network become those of the other, which has as many bits.
struct AddressMap {
  Network from;
  Network to;
};

struct EditSpec {
  using MacBytes = std::array<uint8_t, kMacLength>;

  // For the packets of each side, see sides.h.
  std::array<std::optional<MacBytes>, 2> to_mac;
  std::array<std::optional<MacBytes>, 2> from_mac;
  // The first that fits an address is used.
  std::vector<AddressMap> maps;
  // Each address becomes another, the same one each time and none that another becomes. Addresses that are no host's, as
  // those of groups and of links, stay; of an IPv6 address the first two bytes. It comes before the maps.
  std::optional<uint64_t> random_seed;
  // Takes the outermost tag, if there is one; then puts one with these 16 bits: priority, drop eligible, number.
  bool pop_vlan = false;
  std::optional<uint16_t> push_vlan;

  bool changes_addresses() const { return !maps.empty() || random_seed.has_value(); }
};

class Edit {
 public:
  explicit Edit(const EditSpec& spec);

  // Whether apply() ever changes anything.
  bool edits() const;
  // Bytes that must be free before a packet.
  uint32_t headroom() const { return spec_.push_vlan ? kVlanLength : 0; }

  struct Edited {
    uint8_t* packet;
    uint32_t captured;
    uint32_t length;
  };
  // Changes a packet of `length` bytes, less than 2^32 with headroom(), of which `captured` are there. It may begin elsewhere
  // then.
  Edited apply(uint8_t* packet, uint32_t captured, uint32_t length, uint32_t side) const;

  // What an address becomes, in place. For tests too.
  void map_address(uint8_t* address, uint8_t ip) const;

 private:
  void edit_network(uint8_t* packet, uint32_t captured) const;

  EditSpec spec_;
  std::array<uint64_t, 4> keys_{};
};

}  // namespace nm
