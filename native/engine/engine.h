// The control side of the engine: what the requests of netmap programs do.
//
//   register_port   find or make the port that a name means (names.h, ports.h), give the caller rings of it
//                   (binding.h)
//   release         what close does, and what reaping does for a process that no longer can (clean_up.h)
//
// Threads   Everything here holds the namespace's control lock. The data path (vale.h, pipe.h) never comes
//           here.
// Failure   A failed operation leaves nothing behind. A process that is killed half-way leaves the lock's
//           mark behind, and the next one repairs before it does anything else.
#pragma once

#include <memory>
#include <string>

#include "engine/namespace.h"
#include "engine/region.h"
#include "engine/switch.h"

namespace nm::nic {
class OpenInterface;
struct DriverChoice;
}  // namespace nm::nic

namespace nm::engine {

// Rings [first, end) of one direction of a port, host rings after the others.
struct RingRange {
  uint32_t first;
  uint32_t end;
};

inline RingRange tx_range(const Client& client) { return {client.first_tx, client.end_tx}; }
inline RingRange rx_range(const Client& client) { return {client.first_rx, client.end_rx}; }

// A descriptor's hold on a port. Whoever has it owns `life_line` and must release() it.
struct Binding {
  std::shared_ptr<Namespace> space;
  std::shared_ptr<Region> region;
  std::shared_ptr<Switch> vale;                   // only for ports of a switch
  std::shared_ptr<nic::OpenInterface> interface;  // only for network interfaces
  uint32_t client = 0;
  int life_line = -1;
  uint32_t port = 0;

  PortRecord& record() const { return region->port(port); }
};

// The options of a registration that the engine serves, null where they were not given. Each has EOPNOTSUPP as its
// status until it was looked at.
struct RegisterOptions {
  abi::nmreq_opt_offsets* offsets = nullptr;
  abi::nmreq_opt_extmem* extmem = nullptr;
  // Of a switch port: the interface that it brings to the switch. Empty for all others, which cannot have an interface's name.
  std::string attached;
};

// Serves REGISTER: `request` holds the wishes and gets the reply, as netmap defines them. `driver` says with which driver a
// network interface is opened, and gets what came of it.
Status register_port(const std::shared_ptr<Namespace>& space, const std::string& name,
                     const RegisterOptions& options, abi::nmreq_register* request, nic::DriverChoice* driver,
                     Binding* binding);

// Makes `keeper`, a descriptor of Namespace::open_life_line(), hold the registration as well. Wherever it
// goes, to a child, a program that is started, another process, the port stays open, and join() there gives
// access to it.
Status keep(const Binding& binding, int keeper);

// Binds to the registration that `keeper` holds; not_registered when it holds none.
Status join(const std::shared_ptr<Namespace>& space, int keeper, nic::DriverChoice* driver, Binding* binding);

// Lets go of the port; with its last user the port goes, and with its last port the region.
void release(Binding* binding);

// Serves PORT_INFO_GET. A port that does not exist is made for the moment, as netmap does; an empty name asks
// for region `nr_mem_id`.
Status port_info(const std::shared_ptr<Namespace>& space, const std::string& name,
                 abi::nmreq_port_info_get* info);

// Serves POOLS_INFO_GET: where the object pools of the port's region lie.
Status pools_info(const std::shared_ptr<Namespace>& space, const std::string& name,
                  abi::nmreq_pools_info* info);

// Serves VALE_LIST. With a name: where that port is. Without: the first port at or after `place`, and its
// name, until there are no_more_ports.
Status list_switch_port(const std::shared_ptr<Namespace>& space, std::string* name,
                        abi::nmreq_vale_list* place);

// Serves PORT_HDR_GET: the length of the virtio-net header that the port's packets carry. Never makes a port,
// so it also tells whether one exists.
Status port_header(const std::shared_ptr<Namespace>& space, const std::string& name,
                   abi::nmreq_port_hdr* header);

// Serves PORT_HDR_SET, for an existing port of a switch. Senders see the new length with their next batch.
Status set_port_header(const std::shared_ptr<Namespace>& space, const std::string& name,
                       const abi::nmreq_port_hdr& header);

// Cleans up after every client that died. Returns how many there were.
Status reap(const std::shared_ptr<Namespace>& space, uint32_t* reaped);

}  // namespace nm::engine
