#include "engine/engine.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine/ports.h"
#include "engine/vale.h"
#include "engine/wake.h"

namespace nm::engine {

namespace {

// How many life lines one operation looks at, so that its cost does not grow with the namespace.
constexpr uint32_t kReapWindow = 256;

uint32_t max_of_one(uint32_t count) { return count == 0 ? 1 : count; }

struct RingRange {
  uint32_t first;
  uint32_t end;
};

// Which rings of `record` a registration selects. Host rings follow the others, so every mode is one range.
Status select_rings(const PortRecord& record, const abi::nmreq_register& request, RingRange* tx,
                    RingRange* rx) {
  const uint32_t number = request.nr_ringid;
  switch (request.nr_mode) {
    case abi::NR_REG_ALL_NIC:
      *tx = {0, record.tx_rings};
      *rx = {0, record.rx_rings};
      break;
    case abi::NR_REG_SW:
      *tx = {record.tx_rings, record.all_tx()};
      *rx = {record.rx_rings, record.all_rx()};
      break;
    case abi::NR_REG_NIC_SW:
    case abi::NR_REG_NULL:
      *tx = {0, record.all_tx()};
      *rx = {0, record.all_rx()};
      break;
    case abi::NR_REG_ONE_NIC: {
      if (number >= record.tx_rings && number >= record.rx_rings) return Status::bad_ring;
      const uint32_t tx_ring = number < record.tx_rings ? number : 0;
      const uint32_t rx_ring = number < record.rx_rings ? number : 0;
      *tx = {tx_ring, tx_ring + 1};
      *rx = {rx_ring, rx_ring + 1};
      break;
    }
    case abi::NR_REG_ONE_SW: {
      if (number >= record.host_tx_rings && number >= record.host_rx_rings) return Status::bad_ring;
      const uint32_t tx_ring = record.tx_rings + (number < record.host_tx_rings ? number : 0);
      const uint32_t rx_ring = record.rx_rings + (number < record.host_rx_rings ? number : 0);
      *tx = {tx_ring, tx_ring + 1};
      *rx = {rx_ring, rx_ring + 1};
      break;
    }
    default:
      return Status::bad_mode;
  }
  if ((request.nr_flags & abi::NR_RX_RINGS_ONLY) != 0) *tx = {0, 0};
  if ((request.nr_flags & abi::NR_TX_RINGS_ONLY) != 0) *rx = {0, 0};
  return Status::ok;
}

// Calls `visit(ring index, is_tx)` for each ring of `port` in the two ranges.
template <typename Visit>
void for_each_ring(const PortRecord& record, RingRange tx, RingRange rx, Visit visit) {
  for (uint32_t i = tx.first; i < tx.end; i++) visit(record.first_ring + i, true);
  for (uint32_t i = rx.first; i < rx.end; i++) visit(record.first_ring + record.all_tx() + i, false);
}

Status check_exclusive(const FoundPort& port, RingRange tx, RingRange rx, bool exclusive) {
  Status status = Status::ok;
  for_each_ring(port.record(), tx, rx, [&](uint32_t index, bool) {
    const RingState& ring = port.region->ring(index);
    if (ring.exclusive != 0) status = Status::port_exclusive;
    if (exclusive && ring.users.load() != 0 && status == Status::ok) status = Status::port_in_use;
  });
  return status;
}

// A new netmap_if whose ring_ofs are set for the rings that this descriptor gets.
Status make_interface(const FoundPort& port, RingRange tx, RingRange rx, uint32_t* object) {
  const PortRecord& record = port.record();
  Region& region = *port.region;
  const uint32_t host_tx = max_of_one(record.host_tx_rings);
  const uint32_t entries = record.tx_rings + host_tx + record.rx_rings + max_of_one(record.host_rx_rings);
  if (sizeof(abi::netmap_if) + entries * sizeof(int64_t) > kInterfaceSize) return Status::no_interfaces_left;
  const Status status = region.take_interface(object);
  if (status != Status::ok) return status;

  abi::netmap_if* shared = region.netmap_if(*object);
  memcpy(shared->ni_name, record.name, sizeof(shared->ni_name) - 1);
  shared->ni_version = abi::NETMAP_API;
  shared->ni_flags = region.header().is_private != 0 ? abi::NI_PRIV_MEM : 0;
  shared->ni_tx_rings = record.tx_rings;
  shared->ni_rx_rings = record.rx_rings;
  shared->ni_host_tx_rings = host_tx;
  shared->ni_host_rx_rings = max_of_one(record.host_rx_rings);
  const auto offset = [&](uint32_t ring) {
    return reinterpret_cast<uint8_t*>(region.netmap_ring(ring)) - reinterpret_cast<uint8_t*>(shared);
  };
  for (uint32_t i = tx.first; i < tx.end; i++) shared->ring_ofs[i] = offset(record.first_ring + i);
  for (uint32_t i = rx.first; i < rx.end; i++) {
    shared->ring_ofs[record.tx_rings + host_tx + i] = offset(record.first_ring + record.all_tx() + i);
  }
  return Status::ok;
}

// Chains up to `wanted` buffers through their first four bytes, head last taken, as netmap does. Returns how
// many.
uint32_t chain_extra_buffers(Region& region, abi::netmap_if* shared, uint32_t wanted) {
  if (wanted > kMaxExtraBuffers) wanted = kMaxExtraBuffers;
  uint32_t granted = 0;
  uint32_t index = 0;
  while (granted < wanted && region.find_buffers(1, &index) == Status::ok) {
    memcpy(region.buffer(index), &shared->ni_bufs_head, sizeof(uint32_t));
    shared->ni_bufs_head = index;
    region.take_buffer(index);
    granted++;
  }
  return granted;
}

// Gives back what still hangs on the netmap_if. The chain is in memory that anybody may have written.
void free_extra_buffers(Region& region, abi::netmap_if* shared) {
  uint32_t index = shared->ni_bufs_head;
  for (uint32_t freed = 0; freed < kRegionBuffers && region.buffer_valid(index); freed++) {
    uint32_t next;
    memcpy(&next, region.buffer(index), sizeof(next));
    region.give_buffer(index);
    index = next;
  }
  shared->ni_bufs_head = 0;
}

// The first user of a ring finds head, cur and tail where the engine left them, whatever the last user wrote
// there.
void rewind(const PortRecord& record, Region& region, uint32_t index, bool is_tx) {
  RingState& ring = region.ring(index);
  if (ring.has_memory != kRingMade || ring.slots == 0) return;
  const bool is_pipe = record.kind == PortKind::pipe_master || record.kind == PortKind::pipe_slave;
  if (is_pipe && is_tx) {
    const PortRecord& peer = region.port(record.peer);
    const uint32_t number = index - record.first_ring;
    const RingState& receiver = region.ring(peer.first_ring + peer.all_tx() + number);
    if (number < record.tx_rings) {
      ring.hwcur = static_cast<uint32_t>(receiver.ahead.load()) % ring.slots;
      ring.hwtail = ring_previous(receiver.released.load() % ring.slots, ring.slots);
    }
  }
  if (!is_tx) ring.hwcur = ring.released.load() % ring.slots;
  ring.busy.store(0);
  abi::netmap_ring* shared = region.netmap_ring(index);
  shared->head = shared->cur = ring.hwcur;
  shared->tail = ring.hwtail;
}

RingRange tx_range(const Client& client) { return {client.first_tx, client.end_tx}; }
RingRange rx_range(const Client& client) { return {client.first_rx, client.end_rx}; }

bool record_is_sane(const PortRecord& record) {
  return record.kind != PortKind::free && record.tx_rings <= kRegionRings &&
         record.rx_rings <= kRegionRings && record.host_tx_rings <= kRegionRings &&
         record.host_rx_rings <= kRegionRings && record.first_ring <= kRegionRings &&
         uint64_t{record.first_ring} + record.all_tx() + record.all_rx() <= kRegionRings;
}

// Undoes what a client's registration did, and says `then` in its `used` word. Everything it needs is in
// shared memory, so a reaper can do it for the dead.
void release_client(Namespace& space, uint32_t id, uint32_t then) {
  Client& client = space.client(id);
  if (client.used.load() != kClientUsed) return;
  unlink(wake_path(space, id).c_str());

  std::shared_ptr<Region> region;
  if (Region::open(space, client.region, &region) == Status::ok && client.port < region->ports_high()) {
    PortRecord& record = region->port(client.port);
    if (record_is_sane(record)) {
      for_each_ring(record, tx_range(client), rx_range(client), [&](uint32_t index, bool) {
        if (index >= kRegionRings) return;
        RingState& ring = region->ring(index);
        uint32_t holder = id;
        ring.busy.compare_exchange_strong(holder, 0);
        if (ring.exclusive == id) ring.exclusive = 0;
        if (ring.users.load() > 0) ring.users.fetch_sub(1);
      });
      if (client.interface_object < kRegionInterfaces) {
        free_extra_buffers(*region, region->netmap_if(client.interface_object));
        region->give_interface(client.interface_object);
      }
      if (record.users > 0) record.users--;
    }
    client.used.store(then);
    drop_if_unused(space, region, client.port);
    return;
  }
  client.used.store(then);
}

// Whether a ring of the switch that client `id` sent to may still wait for it.
bool still_awaited(Namespace& space, uint32_t id) {
  std::shared_ptr<Switch> vale;
  const uint32_t index = space.client(id).switch_index;
  if (index >= kMaxSwitches || Switch::open(space, index, &vale) != Status::ok) return false;
  for (uint32_t place = 0; place < vale->places(); place++) {
    const SwitchPort& port = vale->place(place);
    std::shared_ptr<Region> region;
    if (port.generation.load() % 2 == 0 || Region::open(space, port.region, &region) != Status::ok) continue;
    for (uint32_t ring = 0; ring < port.rx_rings; ring++) {
      const uint32_t at = port.first_rx_ring + ring;
      if (at < kRegionRings && vale_ring_awaits(*region, at, id)) return true;
    }
  }
  return false;
}

void bury(Namespace& space, uint32_t id) {
  release_client(space, id, kClientZombie);
  if (!still_awaited(space, id)) space.client(id).used.store(kClientFree);
}

uint32_t reap_range(Namespace& space, uint32_t first, uint32_t count) {
  uint32_t reaped = 0;
  for (uint32_t id = first; id < first + count && id <= space.clients_high(); id++) {
    Client& client = space.client(id);
    const uint32_t used = client.used.load(std::memory_order_acquire);
    if (used == kClientFree || space.client_alive(id)) continue;
    if (used == kClientZombie) {
      if (!still_awaited(space, id)) client.used.store(kClientFree);
      continue;
    }
    bury(space, id);
    reaped++;
  }
  return reaped;
}

std::vector<std::string> files_of(const Namespace& space) {
  std::vector<std::string> names;
  if (DIR* directory = opendir(space.directory().c_str())) {
    while (const dirent* entry = readdir(directory)) names.emplace_back(entry->d_name);
    closedir(directory);
  }
  return names;
}

bool read_suffix(const std::string& name, const char* prefix, std::string* suffix) {
  const size_t length = strlen(prefix);
  if (name.compare(0, length, prefix) != 0) return false;
  *suffix = name.substr(length);
  return true;
}

// Sets the counts of one region right: who uses which port and ring, and which objects are out.
void repair_region(Namespace& space, uint32_t id) {
  std::shared_ptr<Region> region;
  if (Region::open(space, id, &region) != Status::ok) {
    Region::remove(space, id);
    return;
  }
  RegionHeader& header = region->header();
  uint64_t rings[kRegionRings / 64] = {};
  uint64_t interfaces[kRegionInterfaces / 64] = {};
  header.ports_used = 0;
  for (uint32_t i = 0; i < region->ports_high(); i++) {
    PortRecord& record = region->port(i);
    if (!record_is_sane(record)) {
      record.kind = PortKind::free;
      continue;
    }
    header.ports_used++;
    record.users = 0;
    record.pipes = 0;
    if (record.kind == PortKind::parent) continue;
    for (uint32_t ring = record.first_ring; ring < record.first_ring + record.all_tx() + record.all_rx();
         ring++) {
      rings[ring / 64] |= 1ull << (ring % 64);
      if (region->ring(ring).has_memory == kRingTakesBuffers) region->unmake_ring(ring, true);
    }
  }
  std::vector<uint32_t> users(kRegionRings);
  std::vector<uint32_t> exclusive(kRegionRings);
  for (uint32_t client_id = 1; client_id <= space.clients_high(); client_id++) {
    Client& client = space.client(client_id);
    if (client.used.load() != kClientUsed || client.region != id || client.port >= region->ports_high())
      continue;
    PortRecord& record = region->port(client.port);
    if (record.kind == PortKind::free) continue;
    record.users++;
    if (client.interface_object < kRegionInterfaces) {
      interfaces[client.interface_object / 64] |= 1ull << (client.interface_object % 64);
    }
    for_each_ring(record, tx_range(client), rx_range(client), [&](uint32_t ring, bool) {
      if (ring >= kRegionRings) return;
      users[ring]++;
      if ((client.flags & abi::NR_EXCLUSIVE) != 0) exclusive[ring] = client_id;
    });
  }
  for (uint32_t ring = 0; ring < kRegionRings; ring++) {
    if ((rings[ring / 64] >> (ring % 64) & 1) == 0) continue;
    // Stored once: a sender that saw 0 in between would take the receiver for gone.
    region->ring(ring).users.store(users[ring]);
    region->ring(ring).exclusive = exclusive[ring];
  }
  for (uint32_t object = 0; object < kRegionInterfaces; object++) {
    const uint64_t orphans = header.interface_map[object / 64] & ~interfaces[object / 64];
    if ((orphans >> (object % 64) & 1) != 0) free_extra_buffers(*region, region->netmap_if(object));
  }
  memcpy(header.ring_map, rings, sizeof(rings));
  memcpy(header.interface_map, interfaces, sizeof(interfaces));
  for (uint32_t i = 0; i < region->ports_high(); i++) {
    const PortRecord& record = region->port(i);
    const bool is_master = record.kind == PortKind::pipe_master;
    if (!is_master && record.kind != PortKind::pipe_slave) continue;
    // An end whose other half was never finished, or is gone already, is as good as none.
    const PortKind its_kind = is_master ? PortKind::pipe_slave : PortKind::pipe_master;
    if (record.peer >= region->ports_high() || region->port(record.peer).kind != its_kind ||
        region->port(record.peer).peer != i || record.parent >= region->ports_high()) {
      drop_port(space, region, i);
    } else if (is_master) {
      region->port(record.parent).pipes++;
    }
  }
  for (uint32_t i = 0; i < region->ports_high(); i++) drop_if_unused(space, region, i);
  if (header.ports_used == 0) Region::remove(space, id);
}

void repair_switch(Namespace& space, const std::string& name) {
  std::shared_ptr<Switch> vale;
  if (Switch::open(space, name, true, &vale) != Status::ok) {
    unlink(space.path("switch." + name).c_str());
    return;
  }
  for (uint32_t i = 0; i < vale->places(); i++) {
    const SwitchPort& place = vale->place(i);
    if (place.generation.load() % 2 == 0) continue;
    std::shared_ptr<Region> region;
    bool there = Region::open(space, place.region, &region) == Status::ok &&
                 region->nonce() == place.region_nonce && place.port < region->ports_high();
    if (there) {
      const PortRecord& record = region->port(place.port);
      there =
          record.kind == PortKind::vale && record.switch_index == vale->index() && record.switch_port == i;
    }
    if (!there) vale->remove(space, i);
  }
  vale->remove_if_empty(space);
}

// A process died while it changed control state. What is true is who is alive and which ports were finished;
// all else is derived from that again.
void repair(Namespace& space) {
  for (uint32_t id = 1; id <= space.clients_high(); id++) {
    Client& client = space.client(id);
    if (client.used.load() != kClientUsed || space.client_alive(id)) continue;
    unlink(wake_path(space, id).c_str());
    client.used.store(kClientZombie);
  }
  std::string suffix;
  for (const std::string& file : files_of(space)) {
    if (read_suffix(file, "region.", &suffix))
      repair_region(space, static_cast<uint32_t>(strtoul(suffix.c_str(), nullptr, 10)));
  }
  for (const std::string& file : files_of(space)) {
    if (read_suffix(file, "switch.", &suffix)) repair_switch(space, suffix);
  }
  for (SwitchName& entry : space.header().switches) {
    const std::string name(entry.name, strnlen(entry.name, sizeof(entry.name)));
    if (entry.used != 0 && access(space.path("switch." + name).c_str(), F_OK) != 0) entry.used = 0;
  }
  for (const std::string& file : files_of(space)) {
    if (read_suffix(file, "port.", &suffix)) {
      char target[16] = {};
      if (readlink(space.path(file).c_str(), target, sizeof(target) - 1) <= 0 ||
          access(space.path("region." + std::string(target)).c_str(), F_OK) != 0) {
        unlink(space.path(file).c_str());
      }
    } else if (read_suffix(file, "wake.", &suffix)) {
      const uint32_t id = static_cast<uint32_t>(strtoul(suffix.c_str(), nullptr, 10));
      if (id == 0 || id > space.clients_high() || space.client(id).used.load() != kClientUsed) {
        unlink(space.path(file).c_str());
      }
    }
  }
}

void repair_if_interrupted(Namespace& space, ControlLock& lock) {
  if (!lock.interrupted()) return;
  repair(space);
  lock.repaired();
}

// Puts right what the dead left behind. Looks at all clients when `thorough`.
Status enter(Namespace& space, ControlLock& lock, bool thorough, uint32_t* reaped) {
  if (lock.status() != Status::ok) return lock.status();
  repair_if_interrupted(space, lock);
  uint32_t count = 0;
  if (thorough || space.clients_high() <= kReapWindow) {
    count = reap_range(space, 1, space.clients_high());
  } else {
    uint32_t& next = space.header().next_reap;
    if (next == 0 || next > space.clients_high()) next = 1;
    count = reap_range(space, next, kReapWindow);
    next += kReapWindow;
  }
  if (reaped != nullptr) *reaped = count;
  return Status::ok;
}

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

void fill_reply(const FoundPort& port, const Client& client, uint32_t extra, abi::nmreq_register* reply) {
  const PortRecord& record = port.record();
  const Region& region = *port.region;
  reply->nr_offset = kInterfacesOffset + uint64_t{client.interface_object} * kInterfaceSize;
  reply->nr_memsize = region.visible_size();
  reply->nr_tx_slots = record.tx_slots;
  reply->nr_rx_slots = record.rx_slots;
  reply->nr_tx_rings = static_cast<uint16_t>(record.tx_rings);
  reply->nr_rx_rings = static_cast<uint16_t>(record.rx_rings);
  reply->nr_host_tx_rings = static_cast<uint16_t>(record.host_tx_rings);
  reply->nr_host_rx_rings = static_cast<uint16_t>(record.host_rx_rings);
  reply->nr_mem_id = static_cast<uint16_t>(region.id());
  reply->nr_extra_bufs = extra;
}

Status bind(const std::shared_ptr<Namespace>& space, const FoundPort& port, abi::nmreq_register* request,
            Binding* binding) {
  PortRecord& record = port.record();
  RingRange tx;
  RingRange rx;
  const bool exclusive = (request->nr_flags & abi::NR_EXCLUSIVE) != 0;
  Status status = select_rings(record, *request, &tx, &rx);
  if (status == Status::ok) status = check_exclusive(port, tx, rx, exclusive);
  if (status == Status::ok) status = make_rings(port, true, tx.first, tx.end);
  if (status == Status::ok) status = make_rings(port, false, rx.first, rx.end);
  if (status != Status::ok) return status;

  std::shared_ptr<Switch> vale;
  if (record.kind == PortKind::vale) status = Switch::open(*space, record.switch_index, &vale);
  uint32_t object = 0;
  if (status == Status::ok) status = make_interface(port, tx, rx, &object);
  if (status != Status::ok) return status;
  uint32_t id = 0;
  int life_line = -1;
  status = space->take_client(&id, &life_line);
  if (status != Status::ok) {
    port.region->give_interface(object);
    return status;
  }
  const uint32_t extra =
      chain_extra_buffers(*port.region, port.region->netmap_if(object), request->nr_extra_bufs);

  Client& client = space->client(id);
  client.region = port.region->id();
  client.port = port.index;
  client.mode = request->nr_mode;
  client.flags = request->nr_flags;
  client.interface_object = object;
  client.switch_index = record.switch_index;
  client.first_tx = static_cast<uint16_t>(tx.first);
  client.end_tx = static_cast<uint16_t>(tx.end);
  client.first_rx = static_cast<uint16_t>(rx.first);
  client.end_rx = static_cast<uint16_t>(rx.end);
  for_each_ring(record, tx, rx, [&](uint32_t index, bool is_tx) {
    RingState& ring = port.region->ring(index);
    if (ring.users.load() == 0) rewind(record, *port.region, index, is_tx);
    if (exclusive) ring.exclusive = id;
    // Release: whoever sees the user also sees the ring's memory.
    ring.users.fetch_add(1, std::memory_order_release);
  });
  record.users++;
  client.used.store(kClientUsed, std::memory_order_release);

  fill_reply(port, client, extra, request);
  *binding = {space, port.region, std::move(vale), id, life_line, port.index};
  return Status::ok;
}

Status try_register(const std::shared_ptr<Namespace>& space, const std::string& name, bool thorough,
                    abi::nmreq_register* request, Binding* binding) {
  ControlLock lock(*space);
  Status status = enter(*space, lock, thorough, nullptr);
  if (status != Status::ok) return status;
  FoundPort port;
  status = port_for(*space, name, *request, &port);
  if (status != Status::ok) return status;
  status = bind(space, port, request, binding);
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
      release_client(space, binding->client, kClientFree);
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
