// Making, finding and unmaking ports. Control lock held throughout.
#pragma once

#include <memory>
#include <string>

#include "engine/names.h"
#include "engine/namespace.h"
#include "engine/region.h"
#include "engine/switch.h"

namespace nm::engine {

struct FoundPort {
  std::shared_ptr<Region> region;
  uint32_t index = 0;
  PortRecord& record() const { return region->port(index); }
};

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

// The file that leads from a port's name to its region.
std::string port_link(const Namespace& space, const std::string& name);

}  // namespace nm::engine
