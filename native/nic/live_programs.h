// The two XDP programs of the live driver, instruction by instruction.
//
//   sender     runs on a frame that the kernel has just made for it: fills it from the next slot of a LiveRing of ours,
//              cuts it to length and redirects it to the interface
//   receiver   runs on each frame that the interface receives: copies it into the LiveRing of its queue and drops it. Frames
//              of queues that nobody has open go on to the host
#pragma once

#include <vector>

#include "nic/bpf/abi.h"
#include "nic/live_ring.h"

namespace nm::nic {

// The frame that the kernel makes before the program has cut it.
inline constexpr uint32_t kLiveTemplate = 3072;

// Sends what is in `ring`, a map with a LiveRing of `shape`, which has `frame` of at most kLiveTemplate. `counts_losses`: it
// writes down its thread for RedirectLosses.
std::vector<bpf::Instruction> live_sender(int ring, const LiveShape& shape, uint32_t interface,
                                          bool counts_losses);

struct LiveMaps {
  int rings = -1;  // array of maps by queue: each has a LiveRing
  int bells =
      -1;  // array of maps by queue: each is a ring buffer, whose descriptor becomes readable when it is rung
};

// `many_pieces`: frames may consist of several pages. `vlan_function`: the kernel's function that tells a frame's VLAN tag
// where it does not lie in the frame, or 0.
std::vector<bpf::Instruction> live_receiver(const LiveMaps& maps, const LiveShape& shape, bool many_pieces,
                                            uint32_t vlan_function);

}  // namespace nm::nic
