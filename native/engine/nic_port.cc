#include "engine/nic_port.h"

#include <unistd.h>

#include <cstdlib>

namespace nm::engine {

namespace {

constexpr uint32_t kDefaultHostRings = 1;

// Rings of one direction that an interface's port can have, hardware and host rings together.
constexpr uint32_t kMaxNicRings = 512;

uint32_t host_rings(uint32_t wanted) { return wanted != 0 ? wanted : kDefaultHostRings; }

Status geometry_for(const nic::Interface& interface, const abi::nmreq_register& request, Geometry* wanted) {
  const Geometry usual = {interface.tx_queues,
                          interface.rx_queues,
                          host_rings(request.nr_host_tx_rings),
                          host_rings(request.nr_host_rx_rings),
                          kDefaultSlots,
                          kDefaultSlots};
  // How many hardware rings there are is the interface's matter, whatever a program asks for.
  abi::nmreq_register asked = request;
  asked.nr_tx_rings = asked.nr_rx_rings = 0;
  const Status status = read_geometry(asked, kMaxNicRings, usual, wanted);
  const bool fits = wanted->tx_rings + wanted->host_tx_rings <= kMaxNicRings &&
                    wanted->rx_rings + wanted->host_rx_rings <= kMaxNicRings;
  return fits ? status : Status::bad_geometry;
}

}  // namespace

Status find_nic_port(Namespace& space, const nic::Interface& interface, FoundPort* found) {
  char text[16] = {};
  const std::string link = nic_link(space, interface.network, interface.index);
  if (readlink(link.c_str(), text, sizeof(text) - 1) <= 0) return Status::no_such_port;
  const auto id = static_cast<uint32_t>(strtoul(text, nullptr, 10));
  if (Region::open(space, id, &found->region) != Status::ok) return Status::no_such_port;
  for (found->index = 0; found->index < found->region->ports_high(); found->index++) {
    const PortRecord& record = found->record();
    if (record.kind == PortKind::nic && record.network == interface.network &&
        record.interface_index == interface.index) {
      return Status::ok;
    }
  }
  return Status::no_such_port;
}

Status make_nic_port(Namespace& space, const nic::Interface& interface, const abi::nmreq_register& request,
                     FoundPort* made) {
  Geometry geometry;
  Status status = geometry_for(interface, request, &geometry);
  const uint32_t region = request.nr_mem_id != 0 ? request.nr_mem_id : kGlobalRegion;
  if (status == Status::ok) status = find_region(space, region, &made->region);
  if (status != Status::ok) return status;
  status = make_port(*made->region, PortKind::nic, interface.name, geometry, &made->index);
  if (status != Status::ok) {
    unmake_region_if_empty(space, *made->region);
    return status;
  }
  made->record().network = interface.network;
  made->record().interface_index = interface.index;
  status = publish_name(space, *made);
  if (status != Status::ok) drop_port(space, made->region, made->index);
  return status;
}

std::string nic_link(const Namespace& space, uint64_t network, uint32_t index) {
  return space.path("nic." + std::to_string(network) + "." + std::to_string(index));
}

}  // namespace nm::engine
