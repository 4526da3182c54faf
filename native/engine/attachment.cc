#include "engine/attachment.h"

#include "engine/clean_up.h"
#include "engine/ports.h"
#include "engine/receiver.h"

namespace nm::engine {

namespace {

// Reads the name of a port on a switch. netmap says ENXIO of a name that cannot be, where nothing may be made.
Status read_switch_port(const std::string& name, bool may_make, PortName* parsed) {
  const Status status = read_name(name, parsed);
  if (status == Status::bad_switch_name && !may_make) return Status::no_such_port;
  if (status != Status::ok && status != Status::no_such_interface) return status;
  return parsed->kind == NameKind::vale ? Status::ok : Status::not_on_a_switch;
}

struct Found {
  std::shared_ptr<Switch> vale;
  uint32_t place = Switch::kNowhere;
  FoundPort port;
};

Status find_switch_port(Namespace& space, const std::string& name, Found* found) {
  PortName parsed;
  Status status = read_switch_port(name, false, &parsed);
  if (status == Status::ok) status = Switch::open(space, parsed.switch_name, false, &found->vale);
  if (status != Status::ok) return status;
  found->place = found->vale->find(parsed.port_name);
  return find_port(space, parsed, &found->port);
}

template <typename Visit>
void for_each_rx_ring(const PortRecord& record, Visit visit) {
  for (uint32_t i = 0; i < record.rx_rings; i++) visit(record.first_ring + record.all_tx() + i);
}

// Rings that are made anew when the port is opened next: what they hold is from another time, and senders of that
// time may still know them. False while one of those is in the middle of a copy.
bool unmake_rx_rings(const Namespace& space, const FoundPort& port) {
  bool done = true;
  for_each_rx_ring(port.record(), [&](uint32_t ring) {
    if (!close_to_senders(space, *port.region, ring)) {
      done = false;
    } else {
      port.region->unmake_ring(ring, true);
    }
  });
  return done;
}

// The owners of reservations in the rings must be known for as long as these are unfinished, though the port is no
// longer on the switch that they send to.
void remember_debtors(Namespace& space, const FoundPort& port) {
  for_each_rx_ring(port.record(), [&](uint32_t index) {
    const RingState& ring = port.region->ring(index);
    if (ring.has_memory != kRingMade || ring.slots == 0) return;
    for (uint32_t id = 1; id <= space.clients_high(); id++) {
      if (space.client(id).used.load() != kClientFree && receiver_awaits(*port.region, index, id)) {
        space.client(id).owes_elsewhere = 1;
      }
    }
  });
}

// What can be put on a switch.
Status find_attachable(Namespace& space, const PortName& name, FoundPort* port) {
  if (find_named_port(space, name.port_name, port) == Status::ok &&
      port->record().kind == PortKind::persistent) {
    return Status::ok;
  }
  return is_interface(name.port_name) ? Status::interface_not_attachable : Status::nothing_to_attach;
}

Status check_attachable(Namespace& space, const abi::nmreq_register& wanted, const FoundPort& port) {
  if (wanted.nr_ringid != 0 ||
      (wanted.nr_mode != abi::NR_REG_ALL_NIC && wanted.nr_mode != abi::NR_REG_NIC_SW)) {
    return Status::bad_mode;
  }
  const PortRecord& record = port.record();
  if (record.far_switch_index != kNoSwitch) return Status::port_joins_switches;
  if (record.users != 0) return Status::port_used;
  if (wanted.nr_mem_id != 0 && wanted.nr_mem_id != port.region->id()) return Status::region_chosen;
  const bool has_rings = record.switch_index == kNoSwitch;
  return !has_rings || unmake_rx_rings(space, port) ? Status::ok : Status::port_awaits_sender;
}

}  // namespace

void join_switches(Namespace& space, const PortRecord& record) {
  const bool joins = record.far_switch_index != kNoSwitch;
  const auto lead = [&](uint32_t index, uint32_t place, uint32_t to) {
    std::shared_ptr<Switch> vale;
    if (index < kMaxSwitches && Switch::open(space, index, &vale) == Status::ok && place < vale->places()) {
      vale->place(place).leads_to = joins ? to + 1 : 0;
    }
  };
  lead(record.switch_index, record.switch_port, record.far_switch_index);
  lead(record.far_switch_index, record.far_switch_port, record.switch_index);
}

Status attach(const std::shared_ptr<Namespace>& space, const std::string& name,
              abi::nmreq_vale_attach* request) {
  ControlLock lock(*space);
  Status status = enter(*space, lock, true, nullptr);
  PortName parsed;
  if (status == Status::ok) status = read_switch_port(name, true, &parsed);
  std::shared_ptr<Region> wanted_region;
  if (status == Status::ok && request->reg.nr_mem_id != 0) {
    status = Region::open(*space, request->reg.nr_mem_id, &wanted_region);
  }
  if (status != Status::ok) return status;

  FoundPort port;
  if (find_port(*space, parsed, &port) == Status::ok) return Status::port_attached;
  status = find_attachable(*space, parsed, &port);
  if (status == Status::ok) status = check_attachable(*space, request->reg, port);
  if (status != Status::ok) return status;

  std::shared_ptr<Switch> vale;
  status = Switch::open(*space, parsed.switch_name, true, &vale);
  if (status != Status::ok) return status;
  uint32_t place = 0;
  status = vale->add(parsed.port_name, *port.region, port.index, &place);
  if (status != Status::ok) {
    vale->remove_if_empty(*space);
    return status;
  }
  PortRecord& record = port.record();
  const bool is_second = record.switch_index != kNoSwitch;
  (is_second ? record.far_switch_port : record.switch_port) = place;
  (is_second ? record.far_switch_index : record.switch_index) = vale->index();
  join_switches(*space, record);
  request->port_index = place;
  request->reg.nr_mem_id = static_cast<uint16_t>(port.region->id());
  return Status::ok;
}

Status detach(const std::shared_ptr<Namespace>& space, const std::string& name,
              abi::nmreq_vale_detach* request) {
  ControlLock lock(*space);
  Status status = enter(*space, lock, true, nullptr);
  Found found;
  if (status == Status::ok) status = find_switch_port(*space, name, &found);
  if (status != Status::ok) return status;
  PortRecord& record = found.port.record();
  if (record.kind != PortKind::persistent) return Status::port_ephemeral;

  request->port_index = found.place;
  if (record.far_switch_index != kNoSwitch) {
    if (record.far_switch_index != found.vale->index()) return Status::port_joins_switches;
    found.vale->remove(*space, found.place);
    record.far_switch_index = kNoSwitch;
    join_switches(*space, record);
    return Status::ok;
  }
  found.vale->remove(*space, found.place);
  // Closed from here on: who reserves now has looked at the place before it went.
  for_each_rx_ring(record, [&](uint32_t ring) { close_to_senders(*space, *found.port.region, ring); });
  remember_debtors(*space, found.port);
  record.switch_index = kNoSwitch;
  return Status::ok;
}

Status set_polling(const std::shared_ptr<Namespace>& space, const std::string& name) {
  ControlLock lock(*space);
  Status status = enter(*space, lock, true, nullptr);
  Found found;
  if (status == Status::ok) status = find_switch_port(*space, name, &found);
  return status == Status::ok ? Status::polling_unsupported : status;
}

}  // namespace nm::engine
