#include "engine/persistent.h"

#include "engine/clean_up.h"
#include "engine/ports.h"

namespace nm::engine {

Status new_interface(const std::shared_ptr<Namespace>& space, const std::string& name,
                     abi::nmreq_vale_newif* wanted) {
  ControlLock lock(*space);
  Status status = enter(*space, lock, true, nullptr);
  if (status != Status::ok) return status;
  if (!is_persistent_name(name)) return Status::bad_interface_name;
  FoundPort port;
  if (is_interface(name) || find_named_port(*space, name, &port) == Status::ok) {
    return Status::interface_exists;
  }

  abi::nmreq_register request = {};
  request.nr_tx_rings = wanted->nr_tx_rings;
  request.nr_rx_rings = wanted->nr_rx_rings;
  request.nr_tx_slots = wanted->nr_tx_slots;
  request.nr_rx_slots = wanted->nr_rx_slots;
  Geometry geometry;
  status = read_geometry(request, kMaxValeRings, kDefaultGeometry, &geometry);
  if (status == Status::ok) status = region_for_new_port(*space, wanted->nr_mem_id, &port.region);
  if (status != Status::ok) return status;
  status = make_port(*port.region, PortKind::persistent, name, geometry, &port.index);
  if (status != Status::ok) {
    unmake_region_if_empty(*space, *port.region);
    return status;
  }
  status = publish_name(*space, port);
  if (status != Status::ok) {
    drop_port(*space, port.region, port.index);
    return status;
  }
  wanted->nr_tx_rings = static_cast<uint16_t>(geometry.tx_rings);
  wanted->nr_rx_rings = static_cast<uint16_t>(geometry.rx_rings);
  wanted->nr_tx_slots = geometry.tx_slots;
  wanted->nr_rx_slots = geometry.rx_slots;
  wanted->nr_mem_id = static_cast<uint16_t>(port.region->id());
  return Status::ok;
}

Status delete_interface(const std::shared_ptr<Namespace>& space, const std::string& name) {
  ControlLock lock(*space);
  const Status status = enter(*space, lock, true, nullptr);
  if (status != Status::ok) return status;
  FoundPort port;
  if (find_named_port(*space, name, &port) != Status::ok) {
    return is_interface(name) ? Status::not_a_persistent_port : Status::no_such_interface;
  }
  const PortRecord& record = port.record();
  if (record.kind != PortKind::persistent) return Status::not_a_persistent_port;
  if (record.switch_index != kNoSwitch) return Status::port_attached;
  if (record.users != 0 || record.pipes != 0) return Status::port_used;
  drop_port(*space, port.region, port.index);
  return Status::ok;
}

}  // namespace nm::engine
