// The XDP program of AF_XDP: gives what arrives in a queue to the socket that has the queue, or to the host.
#pragma once

#include <cstdint>
#include <vector>

#include "nic/bpf/abi.h"

namespace nm::nic {

// `sockets`: an XSKMAP by queue. `vlan_function`: the kernel's function that tells a frame's VLAN tag where it does not lie in
// the frame, or 0; the tag is put into the frame then.
std::vector<bpf::Instruction> xsk_receiver(int sockets, uint32_t vlan_function);

}  // namespace nm::nic
