// A network interface as the operating system describes it: what the engine and its drivers must know of one.
#pragma once

#include <cstdint>
#include <string>

#include "status.h"

namespace nm::nic {

struct Interface {
  std::string name;
  uint32_t index = 0;
  // Which network namespace it is in: names and indexes mean something only there.
  uint64_t network = 0;
  uint8_t mac[6] = {};
  uint32_t mtu = 0;  // bytes of a packet without Ethernet header
  uint32_t tx_queues = 1;
  uint32_t rx_queues = 1;
  bool is_loopback = false;
  bool is_ethernet = false;
  bool is_up = false;        // brought up by the administrator
  bool has_carrier = false;  // and a link is there
  uint32_t speed_mbps = 0;   // 0: not known
  std::string driver;        // the kernel's, "veth" or "ixgbe"; empty: not known

  // The longest frame that may come or go: Ethernet header and one VLAN tag with it, CRC without.
  uint32_t longest_frame() const { return mtu + 14 + 4; }
};

// Looks an interface up in this thread's network namespace. no_such_interface where there is none.
Status read_interface(const std::string& name, Interface* result);
Status read_interface(uint32_t index, Interface* result);

// How the interface of that number is: ok, interface_down or interface_gone.
Status interface_status(uint32_t index);

// The network namespace of this thread, as a number that no other has while it exists.
uint64_t this_network();

}  // namespace nm::nic
