#include "engine/engine.h"

#include <fcntl.h>
#include <unistd.h>

#include "engine/binding.h"
#include "engine/clean_up.h"
#include "engine/external.h"
#include "engine/monitors.h"
#include "engine/ports.h"
#include "engine/vnet.h"
#include "nic/open_interface.h"

namespace nm::engine {

namespace {

constexpr uint32_t kKeeperClientBits = 16;
static_assert(kMaxClients < 1 << kKeeperClientBits);

// A monitor of the port that `name` means.
Status monitor_for(Namespace& space, const PortName& name, const abi::nmreq_register& request,
                   FoundPort* found) {
  FoundPort watched;
  const Status status = find_port(space, name, &watched);
  if (status == Status::no_such_port || status == Status::no_such_pipe || status == Status::no_such_switch) {
    return Status::watched_not_open;
  }
  return status == Status::ok ? make_monitor(space, watched, request, found) : status;
}

Status port_for(Namespace& space, const std::string& name, const std::string& attached,
                const abi::nmreq_register& request, FoundPort* found) {
  if (request.nr_mode == abi::NR_REG_NULL) return make_null_port(space, request, found);
  PortName parsed;
  const Status status = read_name(name, &parsed);
  if (status != Status::ok) return status;
  parsed.attached = attached;
  if (parsed.kind == NameKind::pipe && request.nr_mode != abi::NR_REG_ALL_NIC &&
      request.nr_mode != abi::NR_REG_ONE_NIC) {
    return Status::bad_mode;
  }
  if ((request.nr_flags & kMonitorFlags) != 0) return monitor_for(space, parsed, request, found);
  return find_or_make_port(space, parsed, request, found);
}

// A zero-copy monitor that says no direction watches both.
void complete_flags(abi::nmreq_register* request) {
  const uint64_t asked = request->nr_flags & kMonitorFlags;
  if (asked == abi::NR_ZCOPY_MON) request->nr_flags |= abi::NR_MONITOR_TX | abi::NR_MONITOR_RX;
}

// Lets go of what the binding holds, under the control lock: the interface first, so that the kernel no longer touches the
// port's buffers when they go to others.
void let_go(Binding* binding) {
  binding->interface.reset();
  close(binding->life_line);
}

// Opens the interface of a port that was bound just now.
Status open_interface(nic::DriverChoice* driver, Binding* binding) {
  const Status status = nic::OpenInterface::open(*binding, driver, &binding->interface);
  if (status != Status::ok) return status;
  // Who finds it gone takes for granted that the kernel is done with the port's buffers.
  raise_life_line(&binding->life_line);
  return Status::ok;
}

// Makes the region for a new port the one in the memory that the request brings.
Status offer_memory(Namespace& space, abi::nmreq_opt_extmem* option, ExternalMemory* memory,
                    abi::nmreq_register* request) {
  const Status status = memory->open(space, option->nro_usrptr, &option->nro_info);
  option->nro_opt.nro_status = static_cast<uint32_t>(status_errno(status));
  if (status == Status::ok) request->nr_mem_id = static_cast<uint16_t>(memory->region()->id());
  return status;
}

Status try_register(const std::shared_ptr<Namespace>& space, const std::string& name, bool thorough,
                    const RegisterOptions& options, abi::nmreq_register* request, nic::DriverChoice* driver,
                    Binding* binding) {
  ControlLock lock(*space);
  Status status = enter(*space, lock, thorough, nullptr);
  if (status != Status::ok) return status;
  const abi::nmreq_register asked = *request;
  ExternalMemory external;
  if (options.extmem != nullptr) status = offer_memory(*space, options.extmem, &external, request);
  FoundPort port;
  if (status == Status::ok) status = port_for(*space, name, options.attached, *request, &port);
  if (status == Status::ok && port.region->is_lost()) status = Status::external_unreachable;
  if (status == Status::ok) {
    status = bind_port(space, port, options, request, binding);
    if (status != Status::ok) drop_if_unused(*space, port.region, port.index);
  }
  // The port may have memory already, or have got none.
  if (external.region() != nullptr) unmake_region_if_empty(*space, *external.region());
  if (status != Status::ok) {
    *request = asked;
    return status;
  }
  if (has_driver(port.record().kind)) status = open_interface(driver, binding);
  if (status == Status::ok && port.region == external.region()) status = external.show();
  if (status == Status::ok) return status;
  let_go(binding);
  unbind_client(*space, binding->client, kClientFree);
  *binding = Binding{};
  *request = asked;
  return status;
}

// Lets `use` look at the port `name`, which is made for the moment if there is none.
template <typename Use>
Status with_port(Namespace& space, const std::string& name, uint16_t mem_id, Use use) {
  abi::nmreq_register request = {};
  request.nr_mode = abi::NR_REG_ALL_NIC;
  request.nr_mem_id = mem_id;
  FoundPort port;
  const Status status = port_for(space, name, "", request, &port);
  if (status != Status::ok) return status;
  use(port);
  drop_if_unused(space, port.region, port.index);
  return Status::ok;
}

// The first port at or after the given place, switch by switch.
Status next_switch_port(Namespace& space, std::string* name, abi::nmreq_vale_list* place) {
  uint32_t port = place->nr_port_idx;
  for (uint32_t index = place->nr_bridge_idx; index < kMaxSwitches; index++, port = 0) {
    std::shared_ptr<Switch> vale;
    if (Switch::open(space, index, &vale) != Status::ok) continue;
    while (port < vale->places() && !vale->is_taken(port)) port++;
    if (port >= vale->places()) continue;
    *name = vale->name() + ":" + vale->port_name(port);
    place->nr_bridge_idx = static_cast<uint16_t>(index);
    place->nr_port_idx = port;
    return Status::ok;
  }
  return Status::no_more_ports;
}

// Where `name` is. A port that its switch does not have is at netmap's "nowhere".
Status find_switch_port(Namespace& space, const std::string& name, abi::nmreq_vale_list* place) {
  constexpr uint32_t kNoPort = 255;
  PortName parsed;
  Status status = read_name(name, &parsed);
  if (status == Status::ok && parsed.kind != NameKind::vale) status = Status::not_on_a_switch;
  // Nothing is made here: a switch that could not be is one that is not.
  if (status == Status::bad_switch_name) status = Status::no_such_switch;
  std::shared_ptr<Switch> vale;
  if (status == Status::ok && Switch::open(space, parsed.switch_name, false, &vale) != Status::ok) {
    status = Status::no_such_switch;
  }
  if (status != Status::ok) return status;
  const uint32_t port = vale->find(parsed.port_name);
  place->nr_bridge_idx = static_cast<uint16_t>(vale->index());
  place->nr_port_idx = port == Switch::kNowhere ? kNoPort : port;
  return Status::ok;
}

}  // namespace

Status register_port(const std::shared_ptr<Namespace>& space, const std::string& name,
                     const RegisterOptions& options, abi::nmreq_register* request, nic::DriverChoice* driver,
                     Binding* binding) {
  if (request->nr_mode != abi::NR_REG_NULL) complete_flags(request);
  const Status status = try_register(space, name, false, options, request, driver, binding);
  const int number = status_errno(status);
  if (number != EBUSY && number != ENOMEM) return status;
  // Perhaps only the dead are in the way.
  return try_register(space, name, true, options, request, driver, binding);
}

// A keeper's file position says which registration it holds: client, and its generation.
Status keep(const Binding& binding, int keeper) {
  const Client& client = binding.space->client(binding.client);
  const uint64_t position = uint64_t{client.generation} << kKeeperClientBits | binding.client;
  const Status status = binding.space->share_client(binding.client, keeper);
  if (status != Status::ok) return status;
  return lseek(keeper, static_cast<off_t>(position), SEEK_SET) >= 0 ? Status::ok : Status::system_error;
}

Status join(const std::shared_ptr<Namespace>& space, int keeper, nic::DriverChoice* driver,
            Binding* binding) {
  const off_t position = lseek(keeper, 0, SEEK_CUR);
  const auto id = static_cast<uint32_t>(position & ((1 << kKeeperClientBits) - 1));
  ControlLock lock(*space);
  if (lock.status() != Status::ok) return lock.status();
  if (position <= 0 || id == 0 || id > space->clients_high()) return Status::not_registered;
  const Client& client = space->client(id);
  if (client.used.load() != kClientUsed || client.generation != position >> kKeeperClientBits) {
    return Status::not_registered;
  }

  Binding joined;
  joined.space = space;
  joined.client = id;
  joined.port = client.port;
  Status status = Region::open(*space, client.region, &joined.region);
  if (status == Status::ok && client.switch_index != kNoSwitch) {
    status = Switch::open(*space, client.switch_index, &joined.vale);
  }
  if (status == Status::ok && client.port >= joined.region->ports_high()) status = Status::port_gone;
  if (status != Status::ok) return status;
  joined.life_line = space->open_life_line(O_RDWR | O_CLOEXEC);
  if (joined.life_line < 0) return Status::clients_full;
  status = space->share_client(id, joined.life_line);
  if (status == Status::ok && has_driver(joined.record().kind)) status = open_interface(driver, &joined);
  if (status != Status::ok) {
    let_go(&joined);
    return status;
  }
  *binding = std::move(joined);
  return Status::ok;
}

void release(Binding* binding) {
  if (binding->client == 0) return;
  Namespace& space = *binding->space;
  if (space.inherited()) {
    let_go(binding);
  } else {
    ControlLock lock(space);
    let_go(binding);
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
  ControlLock lock(*space);
  Status status = enter(*space, lock, false, nullptr);
  if (status != Status::ok) return status;
  if (name.empty()) {
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

  return with_port(*space, name, info->nr_mem_id, [&](const FoundPort& port) {
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
  });
}

Status pools_info(const std::shared_ptr<Namespace>& space, const std::string& name,
                  abi::nmreq_pools_info* info) {
  ControlLock lock(*space);
  const Status status = enter(*space, lock, false, nullptr);
  if (status != Status::ok) return status;
  return with_port(*space, name, info->nr_mem_id, [&](const FoundPort& port) {
    *info = {};
    info->nr_memsize = port.region->visible_size();
    port.region->tell(info);
  });
}

Status list_switch_port(const std::shared_ptr<Namespace>& space, std::string* name,
                        abi::nmreq_vale_list* place) {
  ControlLock lock(*space);
  const Status status = enter(*space, lock, true, nullptr);
  if (status != Status::ok) return status;
  return name->empty() ? next_switch_port(*space, name, place) : find_switch_port(*space, *name, place);
}

namespace {

// Lets `use` look at the port `name`, which must exist.
template <typename Use>
Status with_existing_port(const std::shared_ptr<Namespace>& space, const std::string& name, Use use) {
  ControlLock lock(*space);
  Status status = enter(*space, lock, true, nullptr);
  PortName parsed;
  if (status == Status::ok) status = read_name(name, &parsed);
  if (status == Status::bad_switch_name) status = Status::no_such_port;
  FoundPort port;
  if (status == Status::ok) status = find_port(*space, parsed, &port);
  return status == Status::ok ? use(port) : status;
}

}  // namespace

Status port_header(const std::shared_ptr<Namespace>& space, const std::string& name,
                   abi::nmreq_port_hdr* header) {
  return with_existing_port(space, name, [&](const FoundPort& port) {
    header->nr_hdr_len = port.record().header_length;
    return Status::ok;
  });
}

Status set_port_header(const std::shared_ptr<Namespace>& space, const std::string& name,
                       const abi::nmreq_port_hdr& header) {
  if (!is_vnet_header(header.nr_hdr_len)) return Status::bad_header_length;
  return with_existing_port(space, name, [&](const FoundPort& port) {
    PortRecord& record = port.record();
    if (!is_switched(record.kind)) return Status::header_unsupported;
    record.header_length = header.nr_hdr_len;
    if (record.switch_index == kNoSwitch) return Status::ok;
    std::shared_ptr<Switch> vale;
    const Status status = Switch::open(*space, record.switch_index, &vale);
    if (status != Status::ok || record.switch_port >= vale->places()) return Status::namespace_corrupt;
    vale->place(record.switch_port).header_length = header.nr_hdr_len;
    return Status::ok;
  });
}

Status reap(const std::shared_ptr<Namespace>& space, uint32_t* reaped) {
  ControlLock lock(*space);
  return enter(*space, lock, true, reaped);
}

}  // namespace nm::engine
