// Ports of network interfaces in shared memory: finding and making their records. Control lock held throughout.
//
// An interface is known by its number in its network namespace: names change, and processes of several network namespaces
// may meet in one directory.
#pragma once

#include <string>

#include "engine/ports.h"
#include "nic/interface.h"

namespace nm::engine {

// The port of an interface that is open. no_such_port: it is not.
Status find_nic_port(Namespace& space, const nic::Interface& interface, FoundPort* found);

// Makes the port of an interface: a ring for each of its queues, slots and host rings as asked for. It lies in the region that
// all interfaces share, where nothing else is asked for.
Status make_nic_port(Namespace& space, const nic::Interface& interface, const abi::nmreq_register& request,
                     FoundPort* made);

// The file that leads from an interface to the region of its port.
std::string nic_link(const Namespace& space, uint64_t network, uint32_t index);

}  // namespace nm::engine
