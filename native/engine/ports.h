// Making, finding and unmaking ports. Control lock held throughout.
#pragma once

#include <memory>
#include <string>

#include "engine/names.h"
#include "engine/namespace.h"
#include "engine/region.h"
#include "engine/switch.h"

namespace nm::engine {

// Whether a network interface is on a switch by this port, whose packets a worker brings (device/switch_worker.h).
inline bool is_attached_interface(const PortRecord& record) {
  return record.kind == PortKind::vale && record.interface_index != 0;
}

struct FoundPort {
  std::shared_ptr<Region> region;
  uint32_t index = 0;
  PortRecord& record() const { return region->port(index); }
};

// How many rings a port has, and of how many slots.
struct Geometry {
  uint32_t tx_rings, rx_rings, host_tx_rings, host_rx_rings, tx_slots, rx_slots;
};
inline constexpr Geometry kDefaultGeometry = {1, 1, 0, 0, kDefaultSlots, kDefaultSlots};

// What `request` asks for, with `fallback` for what it leaves open.
Status read_geometry(const abi::nmreq_register& request, uint32_t max_rings, const Geometry& fallback,
                     Geometry* wanted);

// How far apart the buffers of a region of a port's own are: $NM_BUF_SIZE, or `fallback`.
uint32_t private_stride(uint32_t fallback);

// Region `mem_id`, or a new one for 0, whose buffers hold at least `least_stride` bytes unless the user says otherwise.
Status region_for_new_port(Namespace& space, uint32_t mem_id, std::shared_ptr<Region>* region,
                           uint32_t least_stride = 0);
void unmake_region_if_empty(Namespace& space, Region& region);

// Records a port with rings, but without memory for them. Its kind is set last: a record without it does not
// exist.
Status make_port(Region& region, PortKind kind, const std::string& name, const Geometry& geometry,
                 uint32_t* index);

// Finds the port that `name` means, if there is one.
Status find_port(Namespace& space, const PortName& name, FoundPort* found);

// Finds the port that `name` means, or makes it with the geometry that `request` asks for.
Status find_or_make_port(Namespace& space, const PortName& name, const abi::nmreq_register& request,
                         FoundPort* found);

// Makes a null port in region nr_mem_id.
Status make_null_port(Namespace& space, const abi::nmreq_register& request, FoundPort* made);

// Gives the rings of `port` that lie in [first, end) of one direction their memory; a pipe's other end gets
// its half too.
Status make_rings(const FoundPort& port, bool is_tx, uint32_t first, uint32_t end);

// Unmakes the port if nothing uses it any more, and what was only there for its sake: a pipe's other end, its
// parent, the switch, the region.
void drop_if_unused(Namespace& space, const std::shared_ptr<Region>& region, uint32_t index);

// Unmakes this one port, whoever needs it: a process that died in between may have left half of a pipe.
void drop_port(Namespace& space, const std::shared_ptr<Region>& region, uint32_t index);

// Region `id`: 1 is made when it is first asked for, others must exist.
Status find_region(Namespace& space, uint32_t id, std::shared_ptr<Region>* region);

// The port that the file port.NAME leads to: a persistent port, or what pipes of that name hang on.
Status find_named_port(Namespace& space, const std::string& name, FoundPort* found);

// Whether ports of this kind are found through a file, beside those that a switch knows.
inline bool has_link(PortKind kind) {
  return kind == PortKind::parent || kind == PortKind::persistent || has_driver(kind);
}
// The file that leads from a port's name to its region, or from what an interface is known by.
std::string port_link(const Namespace& space, const std::string& name);
std::string port_link(const Namespace& space, const PortRecord& record);

// Makes the file that leads from the name of `port` to its region. Until it is there, the port is not finished.
Status publish_name(const Namespace& space, const FoundPort& port);

// No sender reserves slots of this RX ring any more. Returns whether those that had some are done with them.
bool close_to_senders(const Namespace& space, const Region& region, uint32_t ring);

std::string record_name(const PortRecord& record);

}  // namespace nm::engine
