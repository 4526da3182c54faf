// The AF_XDP drivers: the slots' own buffers are what the kernel fills and sends.
//
//   af-xdp-zero-copy   the interface's hardware reads and writes the buffers
//   af-xdp-native      its driver in the kernel copies into them, before an skb is made; sending makes one
//   af-xdp-generic     the kernel copies out of skbs. Works with every interface; of a veth, all comes through queue 0
//
// "af-xdp" means the first of them that works.
#pragma once

#include "nic/driver.h"

namespace nm::nic {

extern const DriverKind kAfXdpZeroCopy;
extern const DriverKind kAfXdpNative;
extern const DriverKind kAfXdpGeneric;

}  // namespace nm::nic
