// What state a network interface is in, beyond what an engine must know of it (interface.h): what explains that packets
// move slowly, or not at all. Asked once, for people.
#pragma once

#include <cstdint>
#include <string>

#include "status.h"

namespace nm::nic {

// Whether something is on, where the kernel says so.
enum class Switch : uint8_t { unknown, off, on };

struct Condition {
  std::string kind;           // of a virtual one: "veth", "bridge", "tun"; empty otherwise
  uint32_t promiscuous = 0;   // how many want it so
  uint32_t master = 0;        // index of the bridge or bond that it is a port of
  uint32_t peer = 0;          // index of the other end, of a pair
  int32_t peer_network = -1;  // the kernel's number for the peer's network namespace here, -1: this one
  uint32_t xdp_mode = 0;      // XDP_ATTACHED_...: 0 no program, 1 native, 2 generic, 3 hardware, 4 several
  uint32_t xdp_program = 0;   // its id
  uint32_t tx_slots = 0;      // of the hardware's rings, and the most that they could have; 0: not told
  uint32_t rx_slots = 0;
  uint32_t most_tx_slots = 0;
  uint32_t most_rx_slots = 0;
  uint32_t queues = 0;  // channels in use, and the most that there could be; 0: not told
  uint32_t most_queues = 0;
  bool half_duplex = false;
  Switch gro = Switch::unknown;
  Switch lro = Switch::unknown;
  Switch gso = Switch::unknown;
  Switch tso = Switch::unknown;
  Switch rx_checksums = Switch::unknown;
  Switch tx_checksums = Switch::unknown;
  Switch vlan_strip = Switch::unknown;  // tags are taken out of received frames
  Switch rx_pause = Switch::unknown;  // flow control: who sends to us can be held back, and can hold us back
  Switch tx_pause = Switch::unknown;
};

// no_such_interface where there is none of that name.
Status read_condition(const std::string& name, Condition* condition);

}  // namespace nm::nic
