#include "engine/switch_list.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>
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

// What the record that was read last says of a port, and what its rings have counted.
void describe(const RegionSnapshot& region, uint32_t id, uint32_t index, const Users& users,
              ListedPort* port) {
  const PortRecord& record = region.port();
  port->kind = record.kind;
  port->region = id;
  port->index = index;
  port->tx_rings = record.tx_rings;
  port->rx_rings = record.rx_rings;
  port->tx_slots = record.tx_slots;
  port->rx_slots = record.rx_slots;
  port->header_length = record.header_length;
  const auto found = users.find({id, index});
  if (found != users.end()) port->pids = found->second;
  const uint64_t rings = uint64_t{record.all_tx()} + record.all_rx();
  for (uint32_t i = 0; i < rings; i++) {
    const bool is_tx = i < record.all_tx();
    add_counters(is_tx ? &port->sent : &port->received, ring_counters(region.ring(i), is_tx));
  }
}

// The driver that has the interface `interface_index` of `network`, whose ports lie in this region.
std::string driver_of(RegionSnapshot* region, uint64_t network, uint32_t interface_index) {
  const uint32_t ports = region->ports_high();
  for (uint32_t i = 0; i < ports; i++) {
    if (!region->read_port(i)) continue;
    const PortRecord& record = region->port();
    const bool is_it = record.kind == PortKind::nic && record.network == network &&
                       record.interface_index == interface_index;
    const nic::DriverKind* const kind = is_it ? nic::find_driver(record.driver) : nullptr;
    if (kind != nullptr) return kind->name;
  }
  return "";
}

// What the switch's own file says of its ports. The rest is in the regions that they lie in: see look_into_region().
ListedSwitch describe_switch(const Namespace& space, const Switch& vale) {
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
  listed.ports.reserve(vale.places());
  for (uint32_t place = 0; place < vale.places(); place++) {
    if (!vale.is_taken(place)) continue;
    const SwitchPort& taken = vale.place(place);
    ListedPort& port = listed.ports.emplace_back();
    port.name = vale.port_name(place);
    port.place = place;
    port.region = taken.region;
    port.index = taken.port;
    port.stations = stations[place];
    port.policy = policy_of(vale, place);
    port.leads_to = Switch::name_of(space, taken.leads_to - 1);
  }
  return listed;
}

// A port that is not in its region stays of kind `free`.
void look_into_region(const Namespace& space, const Users& users, uint32_t switch_index, ListedPort* port) {
  RegionSnapshot region;
  if (RegionSnapshot::open(space, port->region, &region) != Status::ok || !region.read_port(port->index))
    return;
  describe(region, port->region, port->index, users, port);
  port->is_second = region.port().far_switch_index == switch_index;
  port->is_interface = is_attached_interface(region.port());
  if (port->is_interface) {
    port->driver = driver_of(&region, region.port().network, region.port().interface_index);
  }
}

// Calls `visit` with 0 … count - 1, in any order, from several threads where there is enough to do for them.
template <typename Visit>
void visit_together(size_t count, Visit visit) {
  constexpr size_t kWorthAThread = 256;
  constexpr size_t kMostThreads = 8;
  std::atomic<size_t> next = 0;
  auto visit_rest = [&] {
    for (size_t i = next++; i < count; i = next++) visit(i);
  };
  const auto help = [](void* rest) -> void* {
    (*static_cast<decltype(visit_rest)*>(rest))();
    return nullptr;
  };
  const size_t processors = std::max(1u, std::thread::hardware_concurrency());
  const size_t threads = std::min({kMostThreads, processors, 1 + count / kWorthAThread});
  std::vector<pthread_t> helpers;
  pthread_t helper;
  while (helpers.size() + 1 < threads && pthread_create(&helper, nullptr, help, &visit_rest) == 0) {
    helpers.push_back(helper);
  }
  visit_rest();
  for (const pthread_t done : helpers) pthread_join(done, nullptr);
}

// Each region is a file that is opened, read and closed: with thousands of ports that is nearly all of the time.
void look_into_regions(const Namespace& space, const Users& users, std::vector<ListedSwitch>* switches) {
  struct Unseen {
    uint32_t switch_index;
    ListedPort* port;
  };
  std::vector<Unseen> unseen;
  for (ListedSwitch& vale : *switches) {
    for (ListedPort& port : vale.ports) unseen.push_back({vale.index, &port});
  }
  visit_together(unseen.size(),
                 [&](size_t i) { look_into_region(space, users, unseen[i].switch_index, unseen[i].port); });
  for (ListedSwitch& vale : *switches) {
    std::erase_if(vale.ports, [](const ListedPort& port) { return port.kind == PortKind::free; });
  }
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
    if (id == 0 || RegionSnapshot::open(space, id, &region) != Status::ok) continue;
    const uint32_t ports_high = region.ports_high();
    for (uint32_t i = 0; i < ports_high; i++) {
      if (!region.read_port(i)) continue;
      const PortRecord& record = region.port();
      if (record.kind != PortKind::persistent || record.switch_index != kNoSwitch ||
          record_name(record) != port.name) {
        continue;
      }
      describe(region, id, i, users, &port);
      ports.push_back(port);
    }
  }
  std::sort(ports.begin(), ports.end(),
            [](const ListedPort& a, const ListedPort& b) { return a.name < b.name; });
  return ports;
}

}  // namespace

Status list_switches(const std::shared_ptr<Namespace>& space, const std::string& name, Depth depth,
                     std::vector<ListedSwitch>* switches) {
  switches->clear();
  ControlLock lock(*space);
  const Status status = enter(*space, lock, true, nullptr);
  if (status != Status::ok) return status;
  std::shared_ptr<Switch> vale;
  for (uint32_t index = 0; index < kMaxSwitches; index++) {
    if (!name.empty() && Switch::name_of(*space, index) != name) continue;
    if (Switch::read(*space, index, &vale) == Status::ok) {
      switches->push_back(describe_switch(*space, *vale));
    }
  }
  if (depth == Depth::names) return Status::ok;
  const Users users = users_of(*space);
  look_into_regions(*space, users, switches);
  if (!name.empty()) return Status::ok;
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
    if (RegionSnapshot::open(*space, id, &region) != Status::ok) continue;
    const uint32_t ports_high = region.ports_high();
    for (uint32_t i = 0; i < ports_high; i++) {
      if (!region.read_port(i)) continue;
      const PortRecord& record = region.port();
      if (is_switched(record.kind) || record.kind == PortKind::parent) continue;
      ListedPort port;
      describe(region, id, i, users, &port);
      port.name = shown_name(*space, record);
      const nic::DriverKind* const driver =
          record.kind == PortKind::nic ? nic::find_driver(record.driver) : nullptr;
      if (driver != nullptr) port.driver = driver->name;
      ports->push_back(std::move(port));
    }
  }
  std::sort(ports->begin(), ports->end(),
            [](const ListedPort& a, const ListedPort& b) { return a.name < b.name; });
  return Status::ok;
}

}  // namespace nm::engine
