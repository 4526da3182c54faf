#include "engine/attachment.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

#include "engine/bound_ring.h"
#include "engine/clean_up.h"
#include "engine/engine.h"
#include "engine/nic_port.h"
#include "engine/ports.h"
#include "engine/receiver.h"

namespace nm::engine {

namespace {

// How long a worker may take to let go of its interface.
constexpr int64_t kWorkerPatienceNs = 5'000'000'000;

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

// The worker that has the interface of a port on a switch. It lets go of the interface last.
Status find_worker(Namespace& space, const PortRecord& attached, Registration* worker) {
  nic::Interface interface;
  interface.network = attached.network;
  interface.index = attached.interface_index;
  FoundPort port;
  if (find_nic_port(space, interface, &port) != Status::ok) return Status::no_such_port;
  const uint32_t id = port.region->ring(port.record().first_ring).exclusive;
  if (id == 0 || id > space.clients_high()) return Status::no_such_port;
  *worker = {id, space.client(id).generation};
  return Status::ok;
}

// Makes a worker look what is asked of it.
void wake_worker(Client& worker) {
  syscall(SYS_futex, &worker.asked_to_end, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

// Lets `ask` ask something of the worker that has an attached interface.
template <typename Ask>
Status with_worker(const std::shared_ptr<Namespace>& space, const std::string& name, Ask ask) {
  ControlLock lock(*space);
  Status status = enter(*space, lock, true, nullptr);
  Found found;
  if (status == Status::ok) status = find_switch_port(*space, name, &found);
  if (status != Status::ok) return status;
  if (!is_attached_interface(found.port.record())) return Status::polling_unsupported;
  Registration worker;
  status = find_worker(*space, found.port.record(), &worker);
  if (status == Status::ok) status = ask(space->client(worker.client));
  if (status == Status::ok) wake_worker(space->client(worker.client));
  return status;
}

Status ask_to_end(Client& worker) {
  if (worker.polling.load() != 0) return Status::port_polled;
  worker.asked_to_end.store(1, std::memory_order_release);
  wake_worker(worker);
  return Status::ok;
}

bool takes_all_rings(const abi::nmreq_register& wanted) {
  return wanted.nr_ringid == 0 &&
         (wanted.nr_mode == abi::NR_REG_ALL_NIC || wanted.nr_mode == abi::NR_REG_NIC_SW);
}

// Whether a worker may open the interface is seen when it does.
Status check_interface(const std::string& name) {
  nic::Interface interface;
  if (nic::read_interface(name, &interface) != Status::ok) return Status::nothing_to_attach;
  return interface.is_ethernet ? Status::ok : Status::interface_unfit;
}

Status check_attachable(Namespace& space, const abi::nmreq_register& wanted, const FoundPort& port) {
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
              abi::nmreq_vale_attach* request, std::string* interface) {
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
  const bool is_persistent = find_named_port(*space, parsed.port_name, &port) == Status::ok &&
                             port.record().kind == PortKind::persistent;
  if (!is_persistent) status = check_interface(parsed.port_name);
  if (status == Status::ok && !takes_all_rings(request->reg)) status = Status::bad_mode;
  if (status == Status::ok && !is_persistent) {
    *interface = parsed.port_name;
    return Status::ok;
  }
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
              abi::nmreq_vale_detach* request, Registration* worker) {
  ControlLock lock(*space);
  Status status = enter(*space, lock, true, nullptr);
  Found found;
  if (status == Status::ok) status = find_switch_port(*space, name, &found);
  if (status != Status::ok) return status;
  PortRecord& record = found.port.record();
  request->port_index = found.place;
  if (is_attached_interface(record)) {
    // Its host's port goes with it, not alone.
    if (name.back() == '^') return Status::port_ephemeral;
    status = find_worker(*space, record, worker);
    return status == Status::ok ? ask_to_end(space->client(worker->client)) : status;
  }
  if (record.kind != PortKind::persistent) return Status::port_ephemeral;

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

Status wait_for_end(const std::shared_ptr<Namespace>& space, const Registration& worker) {
  const Client& client = space->client(worker.client);
  const int64_t deadline = monotonic_ns() + kWorkerPatienceNs;
  const auto has_ended = [&] {
    return client.used.load() != kClientUsed || client.generation != worker.generation ||
           !space->client_alive(worker.client);
  };
  while (!has_ended()) {
    if (monotonic_ns() > deadline) return Status::worker_stuck;
    usleep(1000);
  }
  return reap(space, nullptr);
}

bool wait_to_be_asked(Client& client, int64_t timeout_ns) {
  const timespec timeout = {timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
  if (client.asked_to_end.load(std::memory_order_acquire) == 0) {
    syscall(SYS_futex, &client.asked_to_end, FUTEX_WAIT, 0, &timeout, nullptr, 0);
  }
  return client.asked_to_end.load(std::memory_order_acquire) != 0;
}

Status enable_polling(const std::shared_ptr<Namespace>& space, const std::string& name,
                      const abi::nmreq_vale_polling& wanted) {
  return with_worker(space, name, [&](Client& worker) {
    const Polling polling = {wanted.nr_first_cpu_id, wanted.nr_num_polling_cpus};
    const auto processors = static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_ONLN));
    const bool has_mode = wanted.nr_mode == abi::NETMAP_POLLING_MODE_SINGLE_CPU
                              ? polling.count == 1
                              : wanted.nr_mode == abi::NETMAP_POLLING_MODE_MULTI_CPU;
    if (!has_mode || polling.count == 0 || polling.first >= processors ||
        polling.count > processors - polling.first) {
      return Status::bad_polling;
    }
    if (worker.polling.load() != 0) return Status::polls_already;
    worker.polling.store(polling.pack());
    return Status::ok;
  });
}

Status disable_polling(const std::shared_ptr<Namespace>& space, const std::string& name) {
  return with_worker(space, name, [](Client& worker) {
    return worker.polling.exchange(0) != 0 ? Status::ok : Status::polls_not;
  });
}

}  // namespace nm::engine
