#include "engine/switch_list.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <unordered_set>

#include "clock.h"
#include "engine/clean_up.h"
#include "engine/open_ports.h"
#include "engine/ports.h"
#include "engine/region_snapshot.h"
#include "engine/ring_counters.h"
#include "nic/drivers.h"

namespace nm::engine {

namespace {

// Processes by the region and number of the port that they have open.
using Users = std::map<std::pair<uint32_t, uint32_t>, std::vector<uint32_t>>;

Users users_of(const Namespace& space) {
  Users users;
  for (uint32_t id = 1; id <= space.clients_high(); id++) {
    const Client& client = space.client(id);
    if (client.used.load(std::memory_order_acquire) != kClientUsed) continue;
    users[{client.region, client.port}].push_back(client.pid);
  }
  return users;
}

bool describe(RegionSnapshot& region, uint32_t id, uint32_t index, const Users& users, ListedPort* port) {
  if (index >= region.ports_high()) return false;
  const PortRecord& record = region.port(index);
  const uint64_t rings = uint64_t{record.all_tx()} + record.all_rx();
  if (record.kind == PortKind::free || rings > kRegionRings) return false;
  if (!region.read_rings(record.first_ring, static_cast<uint32_t>(rings))) return false;
  port->kind = record.kind;
  port->region = id;
  port->tx_rings = record.tx_rings;
  port->rx_rings = record.rx_rings;
  port->tx_slots = record.tx_slots;
  port->rx_slots = record.rx_slots;
  port->header_length = record.header_length;
  const auto found = users.find({id, index});
  if (found != users.end()) port->pids = found->second;
  for (uint32_t i = 0; i < rings; i++) {
    const bool is_tx = i < record.all_tx();
    add_counters(is_tx ? &port->sent : &port->received, ring_counters(region.ring(i), is_tx));
  }
  return true;
}

// The driver that has the interface which is on a switch by way of `attached`, a port in the same region.
std::string driver_of(const RegionSnapshot& region, const PortRecord& attached) {
  for (uint32_t i = 0; i < region.ports_high(); i++) {
    const PortRecord& record = region.port(i);
    const bool is_it = record.kind == PortKind::nic && record.network == attached.network &&
                       record.interface_index == attached.interface_index;
    const nic::DriverKind* const kind = is_it ? nic::find_driver(record.driver) : nullptr;
    if (kind != nullptr) return kind->name;
  }
  return "";
}

ListedSwitch describe_switch(Namespace& space, const Switch& vale, const Users& users) {
  ListedSwitch listed;
  listed.name = vale.name();
  listed.index = vale.index();
  listed.ageing_s = vale.ageing_s();
  std::vector<uint32_t> stations(kMaxSwitchPorts, 0);
  const uint32_t oldest_s = vale.oldest_s(monotonic_s());
  for (uint32_t bucket = 0; bucket < kLearningEntries; bucket++) {
    const uint64_t entry = vale.learned(bucket);
    const uint32_t place = place_of(entry);
    if (entry != 0 && place < kMaxSwitchPorts && !vale.is_old(bucket, entry, oldest_s)) stations[place]++;
  }
  for (uint32_t place = 0; place < vale.places(); place++) {
    if (!vale.is_taken(place)) continue;
    const SwitchPort& taken = vale.place(place);
    RegionSnapshot region;
    ListedPort port;
    if (RegionSnapshot::read(space, taken.region, &region) != Status::ok ||
        !describe(region, taken.region, taken.port, users, &port)) {
      continue;
    }
    port.name = vale.port_name(place);
    port.place = place;
    port.stations = stations[place];
    port.policy = policy_of(vale, place);
    std::shared_ptr<Switch> far;
    const uint32_t leads_to = taken.leads_to;
    if (leads_to != 0 && leads_to <= kMaxSwitches && Switch::open(space, leads_to - 1, &far) == Status::ok) {
      port.leads_to = far->name();
    }
    const PortRecord& record = region.port(taken.port);
    port.is_second = record.far_switch_index == vale.index();
    port.is_interface = is_attached_interface(record);
    if (port.is_interface) port.driver = driver_of(region, record);
    listed.ports.push_back(std::move(port));
  }
  return listed;
}

// The region that a link leads to, or 0.
uint32_t region_of_link(const std::string& path) {
  char text[16] = {};
  if (readlink(path.c_str(), text, sizeof(text) - 1) <= 0) return 0;
  return static_cast<uint32_t>(strtoul(text, nullptr, 10));
}

using Names = std::unordered_set<std::string>;

Names persistent_names(const std::vector<ListedSwitch>& switches) {
  Names names;
  for (const ListedSwitch& vale : switches) {
    for (const ListedPort& port : vale.ports) {
      if (port.kind == PortKind::persistent) names.insert(port.name);
    }
  }
  return names;
}

// Persistent ports that are on no switch. Those of `known` names are on one, and not looked at again.
std::vector<ListedPort> loose_ports(Namespace& space, const Users& users, const Names& known) {
  std::vector<ListedPort> ports;
  constexpr char kPrefix[] = "port.";
  for (const std::string& file : space.files()) {
    if (file.compare(0, strlen(kPrefix), kPrefix) != 0) continue;
    ListedPort port;
    port.name = file.substr(strlen(kPrefix));
    if (known.contains(port.name)) continue;
    RegionSnapshot region;
    const uint32_t id = region_of_link(space.path(file));
    if (id == 0 || RegionSnapshot::read(space, id, &region) != Status::ok) continue;
    for (uint32_t i = 0; i < region.ports_high(); i++) {
      const PortRecord& record = region.port(i);
      const bool is_it = record.kind == PortKind::persistent && record.switch_index == kNoSwitch &&
                         record_name(record) == port.name;
      if (is_it && describe(region, id, i, users, &port)) ports.push_back(port);
    }
  }
  std::sort(ports.begin(), ports.end(),
            [](const ListedPort& a, const ListedPort& b) { return a.name < b.name; });
  return ports;
}

}  // namespace

Status list_switches(const std::shared_ptr<Namespace>& space, std::vector<ListedSwitch>* switches) {
  switches->clear();
  ControlLock lock(*space);
  const Status status = enter(*space, lock, true, nullptr);
  if (status != Status::ok) return status;
  const Users users = users_of(*space);
  for (uint32_t index = 0; index < kMaxSwitches; index++) {
    std::shared_ptr<Switch> vale;
    if (Switch::open(*space, index, &vale) == Status::ok) {
      switches->push_back(describe_switch(*space, *vale, users));
    }
  }
  ListedSwitch none;
  none.ports = loose_ports(*space, users, persistent_names(*switches));
  if (!none.ports.empty()) switches->push_back(std::move(none));
  return Status::ok;
}

Status list_other_ports(const std::shared_ptr<Namespace>& space, std::vector<ListedPort>* ports) {
  ports->clear();
  ControlLock lock(*space);
  const Status status = enter(*space, lock, true, nullptr);
  if (status != Status::ok) return status;
  const Users users = users_of(*space);
  for (const uint32_t id : Region::ids(*space)) {
    RegionSnapshot region;
    if (RegionSnapshot::read(*space, id, &region) != Status::ok) continue;
    for (uint32_t i = 0; i < region.ports_high(); i++) {
      const PortRecord& record = region.port(i);
      ListedPort port;
      if (is_switched(record.kind) || record.kind == PortKind::parent) continue;
      if (!describe(region, id, i, users, &port)) continue;
      port.name = shown_name(*space, record);
      if (port.kind == PortKind::nic) port.driver = driver_of(region, record);
      ports->push_back(std::move(port));
    }
  }
  std::sort(ports->begin(), ports->end(),
            [](const ListedPort& a, const ListedPort& b) { return a.name < b.name; });
  return Status::ok;
}

}  // namespace nm::engine
