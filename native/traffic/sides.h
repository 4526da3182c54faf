// Which of two sides a captured packet came from, so that a capture of a link can be replayed through both its ends.
//
//        side 0                                side 1
//   clients, or the inside   <- the link ->   servers, or the outside
//
// Learned sides know hosts by their addresses: who opens a connection, asks a well-known port or speaks first is a client,
// whom it speaks to a server, and both stay where they are. Packets without IP addresses go by their MAC addresses, and
// those of unknown senders come from side 0.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "traffic/edit.h"
#include "traffic/header_places.h"

namespace nm {

// name, how it is found from which side a packet comes
#define NM_SIDE_RULES(row)                                                      \
  row(one, "there is only one")                                                 \
  row(learned, "hosts are clients or servers by what they do first")            \
  row(ports, "clients send to the smaller of the two ports, packet by packet")  \
  row(addresses, "side 0 has the senders of these networks")                    \
  row(macs, "side 0 has the senders with these MAC addresses")

enum class SideRule : uint32_t {
#define row(name, text) name,
  NM_SIDE_RULES(row)
#undef row
};

struct SideSpec {
  SideRule rule = SideRule::one;
  std::vector<Network> networks;
  std::vector<EditSpec::MacBytes> macs;
};

class Sides {
 public:
  explicit Sides(const SideSpec& spec) : spec_(spec) {}

  // The side that the packet came from: 0 or 1.
  uint32_t of(const uint8_t* packet, uint32_t captured);

 private:
  // What stands for an address or a MAC; different ones are alike by accident once in 2^64.
  using Host = uint64_t;
  // More than there are in any capture that was made on a link. Beyond them, hosts go by the ports of each packet.
  static constexpr size_t kMostHosts = 1 << 20;

  uint32_t learned(const uint8_t* packet, uint32_t captured, const HeaderPlaces& places);
  uint32_t by_addresses(const uint8_t* packet, const HeaderPlaces& places) const;
  uint32_t by_mac(const uint8_t* packet) const;
  void learn(Host address, Host mac, uint32_t side);

  SideSpec spec_;
  std::unordered_map<Host, uint8_t> hosts_;
};

}  // namespace nm
