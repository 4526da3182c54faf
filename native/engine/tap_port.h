// Ports of TAP devices in shared memory: finding and making their records. Control lock held throughout.
//
// "tap:blue" is the port whose packets the host sends and receives on its interface "blue" (nic/tap_driver.h). The driver makes
// the device when the first ring is opened. The port is known by the device's name and its network namespace: the number of the
// interface is not known before.
#pragma once

#include <string>

#include "engine/ports.h"

namespace nm::engine {

// The name of the device, of a port's record.
std::string tap_device(const PortRecord& record);

// The port of the device. no_such_port: it is not open.
Status find_tap_port(Namespace& space, const std::string& device, FoundPort* found);

// Makes the port of the device, with a pair of rings for each queue, in the region that all interfaces share where nothing else
// is asked for.
Status make_tap_port(Namespace& space, const std::string& device, const abi::nmreq_register& request,
                     FoundPort* made);

// The file that leads from a device to the region of its port.
std::string tap_link(const Namespace& space, uint64_t network, const std::string& device);

}  // namespace nm::engine
