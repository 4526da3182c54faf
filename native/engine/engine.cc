#include "engine/engine.h"

#include <unistd.h>

#include "engine/binding.h"
#include "engine/clean_up.h"
#include "engine/ports.h"

namespace nm::engine {

namespace {

Status port_for(Namespace& space, const std::string& name, const abi::nmreq_register& request,
                FoundPort* found) {
  if (request.nr_mode == abi::NR_REG_NULL) return make_null_port(space, request, found);
  if ((request.nr_flags & (abi::NR_MONITOR_TX | abi::NR_MONITOR_RX | abi::NR_ZCOPY_MON)) != 0) {
    return Status::monitor_unsupported;
  }
  PortName parsed;
  const Status status = read_name(name, &parsed);
  if (status != Status::ok) return status;
  if (parsed.kind == NameKind::pipe && request.nr_mode != abi::NR_REG_ALL_NIC &&
      request.nr_mode != abi::NR_REG_ONE_NIC) {
    return Status::bad_mode;
  }
  return find_or_make_port(space, parsed, request, found);
}

Status try_register(const std::shared_ptr<Namespace>& space, const std::string& name, bool thorough,
                    abi::nmreq_register* request, Binding* binding) {
  ControlLock lock(*space);
  Status status = enter(*space, lock, thorough, nullptr);
  if (status != Status::ok) return status;
  FoundPort port;
  status = port_for(*space, name, *request, &port);
  if (status != Status::ok) return status;
  status = bind_port(space, port, request, binding);
  if (status != Status::ok) drop_if_unused(*space, port.region, port.index);
  return status;
}

}  // namespace

Status register_port(const std::shared_ptr<Namespace>& space, const std::string& name,
                     abi::nmreq_register* request, Binding* binding) {
  const Status status = try_register(space, name, false, request, binding);
  const int number = status_errno(status);
  if (number != EBUSY && number != ENOMEM) return status;
  // Perhaps only the dead are in the way.
  return try_register(space, name, true, request, binding);
}

void release(Binding* binding) {
  if (binding->client == 0) return;
  Namespace& space = *binding->space;
  if (space.inherited()) {
    close(binding->life_line);
  } else {
    ControlLock lock(space);
    close(binding->life_line);
    // The port stays while a forked process has it too. That, and a lock that cannot be had, is left to the
    // next reaper.
    if (lock.status() == Status::ok && !space.client_alive(binding->client)) {
      repair_if_interrupted(space, lock);
      unbind_client(space, binding->client, kClientFree);
    }
  }
  *binding = Binding{};
}

Status port_info(const std::shared_ptr<Namespace>& space, const std::string& name,
                 abi::nmreq_port_info_get* info) {
  abi::nmreq_register request = {};
  request.nr_mode = abi::NR_REG_ALL_NIC;
  request.nr_mem_id = info->nr_mem_id;
  if (name.empty()) {
    ControlLock lock(*space);
    Status status = enter(*space, lock, false, nullptr);
    if (status != Status::ok) return status;
    std::shared_ptr<Region> region;
    const uint32_t id = info->nr_mem_id != 0 ? info->nr_mem_id : kGlobalRegion;
    status = find_region(*space, id, &region);
    if (status != Status::ok) return status;
    *info = {};
    info->nr_memsize = region->visible_size();
    info->nr_mem_id = static_cast<uint16_t>(id);
    if (region->header().ports_used == 0) Region::remove(*space, id);
    return Status::ok;
  }

  ControlLock lock(*space);
  Status status = enter(*space, lock, false, nullptr);
  if (status != Status::ok) return status;
  FoundPort port;
  status = port_for(*space, name, request, &port);
  if (status != Status::ok) return status;
  const PortRecord& record = port.record();
  *info = {};
  info->nr_memsize = port.region->visible_size();
  info->nr_tx_slots = record.tx_slots;
  info->nr_rx_slots = record.rx_slots;
  info->nr_tx_rings = static_cast<uint16_t>(record.tx_rings);
  info->nr_rx_rings = static_cast<uint16_t>(record.rx_rings);
  info->nr_host_tx_rings = static_cast<uint16_t>(record.host_tx_rings);
  info->nr_host_rx_rings = static_cast<uint16_t>(record.host_rx_rings);
  info->nr_mem_id = static_cast<uint16_t>(port.region->id());
  drop_if_unused(*space, port.region, port.index);
  return Status::ok;
}

Status port_header(const std::shared_ptr<Namespace>& space, const std::string& name,
                   abi::nmreq_port_hdr* header) {
  ControlLock lock(*space);
  Status status = enter(*space, lock, true, nullptr);
  PortName parsed;
  if (status == Status::ok) status = read_name(name, &parsed);
  FoundPort port;
  if (status == Status::ok) status = find_port(*space, parsed, &port);
  if (status == Status::ok) header->nr_hdr_len = 0;
  return status;
}

Status reap(const std::shared_ptr<Namespace>& space, uint32_t* reaped) {
  ControlLock lock(*space);
  return enter(*space, lock, true, reaped);
}

}  // namespace nm::engine
