// The driver that works on every Linux and every interface: packet sockets.
#pragma once

#include "nic/driver.h"

namespace nm::nic {

extern const DriverKind kAfPacket;

}  // namespace nm::nic
