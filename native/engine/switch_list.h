// What is there: every switch of a namespace with its ports, persistent ports that are on none, and all other ports.
//
// Threads   The list is made under the control lock, by several threads where there are hundreds of ports. Packets never wait for
//           it; counters are read while they grow.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "counters.h"
#include "engine/namespace.h"
#include "engine/policy.h"

namespace nm::engine {

struct ListedPort {
  std::string name;    // after the colon
  uint32_t place = 0;  // on the switch
  PortKind kind = PortKind::free;
  uint32_t region = 0;
  uint32_t index = 0;  // of its record there
  uint32_t tx_rings = 0;
  uint32_t rx_rings = 0;
  uint32_t tx_slots = 0;
  uint32_t rx_slots = 0;
  uint32_t header_length = 0;
  uint32_t stations = 0;   // that are known behind it
  std::string leads_to;    // the switch that it joins this one to, or empty
  bool is_second = false;  // it came to this switch after it was on that one, and must leave it first
  // Of a network interface, or of the host behind it: nic::DriverKind::name of the driver that has it.
  bool is_interface = false;
  std::string driver;
  std::vector<uint32_t> pids;  // of the processes that have it open, one for each descriptor
  // Sums over its rings, since the port was made.
  Counters sent;
  Counters received;
  Policy policy;
};

// What is told of a port in numbers, in this order: name, where it is, meaning.
#define NM_LISTED_PORT(row)                                                        \
  row(place, place, "its place on the switch")                                     \
  row(kind, kind, "a number of openPortKinds")                                     \
  row(memId, region, "the region that it lies in")                                 \
  row(txRings, tx_rings, "transmit rings")                                         \
  row(rxRings, rx_rings, "receive rings")                                          \
  row(txSlots, tx_slots, "slots of each transmit ring")                            \
  row(rxSlots, rx_slots, "slots of each receive ring")                             \
  row(headerLength, header_length, "bytes of its packets' virtio-net header")      \
  row(stations, stations, "how many are known behind it")                          \
  row(isSecond, is_second, "1: it came to this switch after it was on another")    \
  row(isInterface, is_interface, "1: of a network interface or the host behind")   \
  row(waits, policy.waits, "1: its senders wait while it has no room")             \
  row(rate, policy.rate, "packets or bits that it may send in a second, 0: any")   \
  row(rateIsBits, policy.rate_is_bits, "1: bits")                                  \
  row(macLimit, policy.mac_limit, "stations that may be behind it, 0: any number") \
  row(group, policy.group, "its isolation group, 0: none")

struct ListedSwitch {
  std::string name;  // empty: of the ports that are on no switch
  uint32_t index = 0;
  uint32_t ageing_s = 0;
  std::vector<ListedPort> ports;
};

// Names and places are in the switches' own files; all else of a port is in its region.
enum class Depth { names, all };

// All switches, in the order of their numbers, and the ports on none last, where there are any and `depth` is all. With a `name`:
// that switch, if it is there.
Status list_switches(const std::shared_ptr<Namespace>& space, const std::string& name, Depth depth,
                     std::vector<ListedSwitch>* switches);

// All ports that no switch can have: pipes, interfaces, TAP devices, null ports and monitors. Monitors have the name of what they
// watch.
Status list_other_ports(const std::shared_ptr<Namespace>& space, std::vector<ListedPort>* ports);

}  // namespace nm::engine
