// The live driver: XDP programs move packets between the interface and memory that we map, without an skb and, on receipt,
// without a system call. Sending copies a packet twice, receiving too. live_sender.h and live_receiver.h say how.
#pragma once

#include "nic/driver.h"

namespace nm::nic {

extern const DriverKind kLive;

}  // namespace nm::nic
