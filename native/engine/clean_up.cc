#include "engine/clean_up.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine/attachment.h"
#include "engine/binding.h"
#include "engine/monitors.h"
#include "engine/receiver.h"
#include "engine/wake.h"

namespace nm::engine {

namespace {

// How many life lines one operation looks at, so that its cost does not grow with the namespace.
constexpr uint32_t kReapWindow = 256;

bool read_suffix(const std::string& name, const char* prefix, std::string* suffix) {
  const size_t length = strlen(prefix);
  if (name.compare(0, length, prefix) != 0) return false;
  *suffix = name.substr(length);
  return true;
}

// Calls `visit` with the id of each region.
template <typename Visit>
void for_each_region(Namespace& space, Visit visit) {
  for (const uint32_t id : Region::ids(space)) visit(id);
}

// Whether a ring of any port that many senders fill may still wait for client `id`.
bool still_awaited_anywhere(Namespace& space, uint32_t id) {
  bool awaited = false;
  for_each_region(space, [&](uint32_t region_id) {
    std::shared_ptr<Region> region;
    if (awaited || Region::open(space, region_id, &region) != Status::ok) return;
    for (uint32_t i = 0; i < region->ports_high(); i++) {
      const PortRecord& record = region->port(i);
      if (!takes_reservations(record.kind) || !record_is_sane(*region, record)) continue;
      for_each_ring(record, {0, 0}, {0, record.all_rx()},
                    [&](uint32_t ring, bool) { awaited |= receiver_awaits(*region, ring, id); });
    }
  });
  return awaited;
}

// Whether a ring of the switch that client `id` sent to may still wait for it.
bool still_awaited(Namespace& space, uint32_t id) {
  if (space.client(id).owes_elsewhere != 0) return still_awaited_anywhere(space, id);
  std::shared_ptr<Switch> vale;
  const uint32_t index = space.client(id).switch_index;
  if (index >= kMaxSwitches || Switch::open(space, index, &vale) != Status::ok) return false;
  for (uint32_t place = 0; place < vale->places(); place++) {
    const SwitchPort& port = vale->place(place);
    std::shared_ptr<Region> region;
    if (port.generation.load() % 2 == 0 || Region::open(space, port.region, &region) != Status::ok) continue;
    for (uint32_t ring = 0; ring < port.rx_rings; ring++) {
      const uint32_t at = port.first_rx_ring + ring;
      if (at < region->pools().rings && receiver_awaits(*region, at, id)) return true;
    }
  }
  return false;
}

void bury(Namespace& space, uint32_t id) {
  unbind_client(space, id, kClientZombie);
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

// Whether the name of a port that has one leads to it: such a port was finished, and is not being unmade.
bool has_its_name(Namespace& space, const Region& region, uint32_t index) {
  FoundPort found;
  return find_named_port(space, record_name(region.port(index)), &found) == Status::ok &&
         found.region->id() == region.id() && found.index == index;
}

using RingMap = uint64_t[kRegionRings / 64];

// The rings of ports that are gone, whose memory a sender could still write into when they went: see unmake_rings().
template <typename Visit>
void for_each_abandoned_ring(const Region& region, Visit visit) {
  RingMap owned = {};
  for (uint32_t i = 0; i < region.ports_high(); i++) {
    const PortRecord& record = region.port(i);
    if (record.kind == PortKind::parent || !record_is_sane(region, record)) continue;
    for_each_ring(record, {0, record.all_tx()}, {0, record.all_rx()},
                  [&](uint32_t ring, bool) { owned[ring / 64] |= 1ull << (ring % 64); });
  }
  for (uint32_t ring = 0; ring < region.pools().rings; ring++) {
    const bool is_taken = (region.header().ring_map[ring / 64] & ~owned[ring / 64]) >> (ring % 64) & 1;
    if (is_taken && region.ring(ring).has_memory == kRingMade) visit(ring);
  }
}

// Takes those back that no sender writes into any more.
void reclaim_all_rings(Namespace& space) {
  bool has_abandoned = false;
  for_each_region(space, [&](uint32_t id) {
    std::shared_ptr<Region> region;
    if (Region::open(space, id, &region) != Status::ok) return;
    for_each_abandoned_ring(*region, [&](uint32_t ring) {
      if (!close_to_senders(space, *region, ring)) {
        has_abandoned = true;
        return;
      }
      region->unmake_ring(ring, true);
      region->give_rings(ring, 1);
    });
  });
  space.header().has_abandoned_rings = has_abandoned ? 1 : 0;
}

// Sets the counts of one region right: who uses which port and ring, and which objects are out.
void repair_region(Namespace& space, uint32_t id) {
  std::shared_ptr<Region> region;
  if (Region::open(space, id, &region) != Status::ok) {
    Region::remove(space, id);
    return;
  }
  RegionHeader& header = region->header();
  RingMap rings = {};
  uint64_t interfaces[kRegionInterfaces / 64] = {};
  header.ports_used = 0;
  for (uint32_t i = 0; i < region->ports_high(); i++) {
    PortRecord& record = region->port(i);
    if (!record_is_sane(*region, record)) {
      record.kind = PortKind::free;
      continue;
    }
    header.ports_used++;
    record.users = 0;
    record.pipes = 0;
    if (record.kind == PortKind::parent) continue;
    for (uint32_t ring = record.first_ring; ring < record.first_ring + record.all_tx() + record.all_rx();
         ring++) {
      const uint32_t holder = region->ring(ring).busy.load();
      if (holder != 0 && !space.client_alive(holder)) free_busy_ring(*region, ring, holder);
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
  for_each_abandoned_ring(*region, [&](uint32_t ring) { rings[ring / 64] |= 1ull << (ring % 64); });
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
  for (uint32_t i = 0; i < region->ports_high(); i++) {
    if (region->port(i).kind == PortKind::persistent && !has_its_name(space, *region, i)) {
      drop_port(space, region, i);
    } else {
      drop_if_unused(space, region, i);
    }
  }
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
      const bool is_first = record.switch_index == vale->index() && record.switch_port == i;
      const bool is_far = record.far_switch_index == vale->index() && record.far_switch_port == i;
      there = is_switched(record.kind) && (is_first || is_far);
    }
    if (!there) vale->remove(space, i);
  }
  vale->remove_if_empty(space);
}

// Whether switch `index` has the port at `place`.
bool is_on(Namespace& space, uint32_t index, uint32_t place, const Region& region, uint32_t port) {
  std::shared_ptr<Switch> vale;
  uint32_t generation = 0;
  return index < kMaxSwitches && Switch::open(space, index, &vale) == Status::ok &&
         vale->find(region, port, &generation) == place;
}

// A port that its switch knows nothing of is on none.
void repair_attachments(Namespace& space, uint32_t id) {
  std::shared_ptr<Region> region;
  if (Region::open(space, id, &region) != Status::ok) return;
  for (uint32_t i = 0; i < region->ports_high(); i++) {
    PortRecord& record = region->port(i);
    if (record.kind != PortKind::persistent) continue;
    if (!is_on(space, record.switch_index, record.switch_port, *region, i)) record.switch_index = kNoSwitch;
    if (!is_on(space, record.far_switch_index, record.far_switch_port, *region, i)) {
      record.far_switch_index = kNoSwitch;
    }
    if (record.switch_index == kNoSwitch) {
      record.switch_index = record.far_switch_index;
      record.switch_port = record.far_switch_port;
      record.far_switch_index = kNoSwitch;
    }
    join_switches(space, record);
  }
}

// Removes a file port.NAME or nic.NETWORK.INDEX or tap.NETWORK.DEVICE that leads to no port.
void remove_stale_name(Namespace& space, const std::string& file) {
  char target[16] = {};
  std::shared_ptr<Region> region;
  if (readlink(space.path(file).c_str(), target, sizeof(target) - 1) > 0 &&
      Region::open(space, static_cast<uint32_t>(strtoul(target, nullptr, 10)), &region) == Status::ok) {
    for (uint32_t i = 0; i < region->ports_high(); i++) {
      if (region->port(i).kind != PortKind::free && port_link(space, region->port(i)) == space.path(file)) {
        return;
      }
    }
  }
  unlink(space.path(file).c_str());
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
  for_each_region(space, [&](uint32_t id) { repair_region(space, id); });
  for (const std::string& file : space.files()) {
    if (read_suffix(file, "switch.", &suffix)) repair_switch(space, suffix);
  }
  for_each_region(space, [&](uint32_t id) {
    std::shared_ptr<Region> region;
    if (Region::open(space, id, &region) == Status::ok) repair_watches(space, *region);
  });
  for (SwitchName& entry : space.header().switches) {
    const std::string name(entry.name, strnlen(entry.name, sizeof(entry.name)));
    if (entry.used != 0 && access(space.path("switch." + name).c_str(), F_OK) != 0) entry.used = 0;
  }
  for_each_region(space, [&](uint32_t id) { repair_attachments(space, id); });
  reclaim_all_rings(space);
  for (const std::string& file : space.files()) {
    if (read_suffix(file, "port.", &suffix) || read_suffix(file, "nic.", &suffix) ||
        read_suffix(file, "tap.", &suffix)) {
      remove_stale_name(space, file);
    } else if (read_suffix(file, "wake.", &suffix)) {
      const uint32_t id = static_cast<uint32_t>(strtoul(suffix.c_str(), nullptr, 10));
      if (id == 0 || id > space.clients_high() || space.client(id).used.load() != kClientUsed) {
        unlink(space.path(file).c_str());
      }
    }
  }
}

}  // namespace

void repair_if_interrupted(Namespace& space, ControlLock& lock) {
  if (!lock.interrupted()) return;
  repair(space);
  lock.repaired();
}

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
  // Before others get the numbers of the dead.
  if ((thorough || count > 0) && space.header().has_abandoned_rings != 0) reclaim_all_rings(space);
  if (reaped != nullptr) *reaped = count;
  return Status::ok;
}

}  // namespace nm::engine
