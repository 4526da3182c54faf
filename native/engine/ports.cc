#include "engine/ports.h"

#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "engine/bound_ring.h"
#include "engine/monitors.h"
#include "engine/nic_port.h"
#include "engine/pipe.h"
#include "engine/tap_port.h"

namespace nm::engine {

namespace {

constexpr int64_t kDrainPatienceNs = 20'000'000;

uint32_t or_default(uint32_t wanted, uint32_t fallback) { return wanted != 0 ? wanted : fallback; }

}  // namespace

uint32_t private_stride(uint32_t fallback) {
  const char* wanted = getenv("NM_BUF_SIZE");
  if (wanted == nullptr) return fallback;
  const unsigned long size = strtoul(wanted, nullptr, 10);
  const unsigned long rounded = (size + kCacheLine - 1) / kCacheLine * kCacheLine;
  return rounded >= kMinBufferStride && rounded <= kMaxBufferStride ? static_cast<uint32_t>(rounded)
                                                                    : fallback;
}

Status read_geometry(const abi::nmreq_register& request, uint32_t max_rings, const Geometry& fallback,
                     Geometry* wanted) {
  *wanted = {or_default(request.nr_tx_rings, fallback.tx_rings),
             or_default(request.nr_rx_rings, fallback.rx_rings),
             fallback.host_tx_rings,
             fallback.host_rx_rings,
             or_default(request.nr_tx_slots, fallback.tx_slots),
             or_default(request.nr_rx_slots, fallback.rx_slots)};
  const bool fits = wanted->tx_rings <= max_rings && wanted->rx_rings <= max_rings &&
                    wanted->tx_slots <= kMaxSlots && wanted->rx_slots <= kMaxSlots;
  return fits ? Status::ok : Status::bad_geometry;
}

Status region_for_new_port(Namespace& space, uint32_t mem_id, std::shared_ptr<Region>* region,
                           uint32_t least_stride) {
  if (mem_id != 0) return find_region(space, mem_id, region);
  const uint32_t stride = private_stride(std::max(kBufferStride, least_stride));
  return Region::create(space, 0, default_pools(stride), region);
}

Status make_port(Region& region, PortKind kind, const std::string& name, const Geometry& geometry,
                 uint32_t* index) {
  Status status = region.take_port(index);
  if (status != Status::ok) return status;
  PortRecord& record = region.port(*index);
  memset(record.name, 0, sizeof(record.name));
  memcpy(record.name, name.data(), std::min(name.size(), sizeof(record.name) - 1));
  record.tx_rings = geometry.tx_rings;
  record.rx_rings = geometry.rx_rings;
  record.host_tx_rings = geometry.host_tx_rings;
  record.host_rx_rings = geometry.host_rx_rings;
  record.tx_slots = geometry.tx_slots;
  record.rx_slots = geometry.rx_slots;
  record.switch_index = kNoSwitch;
  record.far_switch_index = kNoSwitch;
  const uint32_t rings = record.all_tx() + record.all_rx();
  if (kind != PortKind::parent) {
    status = region.take_rings(rings, &record.first_ring);
    if (status != Status::ok) {
      region.give_port(*index);
      return status;
    }
    for (uint32_t i = 0; i < rings; i++) {
      RingState& ring = region.ring(record.first_ring + i);
      ring.slots = i < record.all_tx() ? record.tx_slots : record.rx_slots;
      ring.port = *index;
    }
  }
  record.kind = kind;
  return Status::ok;
}

void unmake_region_if_empty(Namespace& space, Region& region) {
  if (region.header().ports_used == 0) Region::remove(space, region.id());
}

std::string record_name(const PortRecord& record) {
  return std::string(record.name, strnlen(record.name, sizeof(record.name)));
}

namespace {

uint32_t find_record(const Region& region, const std::string& name) {
  for (uint32_t i = 0; i < region.ports_high(); i++) {
    const PortRecord& record = region.port(i);
    // An interface is known by its number, for its name can change.
    const bool has_name =
        record.kind != PortKind::free && record.kind != PortKind::monitor && !has_driver(record.kind);
    if (has_name && record_name(record) == name) return i;
  }
  return kRegionPorts;
}

bool is_persistent(Namespace& space, const std::string& name, FoundPort* found) {
  return find_named_port(space, name, found) == Status::ok && found->record().kind == PortKind::persistent;
}

// A port by the name of an interface: a persistent port, or the interface's own. no_such_port: that is not open.
Status find_interface(Namespace& space, const std::string& name, nic::Interface* interface,
                      FoundPort* found) {
  if (is_persistent(space, name, found)) return Status::ok;
  const Status status = nic::read_interface(name, interface);
  if (status != Status::ok) return status;
  return interface->is_ethernet ? find_nic_port(space, *interface, found) : Status::interface_unfit;
}

Status find_or_make_interface(Namespace& space, const std::string& name, const abi::nmreq_register& request,
                              FoundPort* found) {
  nic::Interface interface;
  const Status status = find_interface(space, name, &interface, found);
  return status == Status::no_such_port ? make_nic_port(space, interface, request, found) : status;
}

Status find_or_make_tap(Namespace& space, const std::string& device, const abi::nmreq_register& request,
                        FoundPort* found) {
  const Status status = find_tap_port(space, device, found);
  return status == Status::no_such_port ? make_tap_port(space, device, request, found) : status;
}

Status find_vale(Namespace& space, const Switch& vale, const PortName& name, FoundPort* found) {
  const uint32_t place = vale.find(name.port_name);
  if (place == Switch::kNowhere) return Status::no_such_port;
  const SwitchPort& port = vale.place(place);
  found->index = port.port;
  return Region::open(space, port.region, &found->region) == Status::ok ? Status::ok
                                                                        : Status::namespace_corrupt;
}

Status find_or_make_vale(Namespace& space, const PortName& name, const abi::nmreq_register& request,
                         FoundPort* found) {
  std::shared_ptr<Switch> vale;
  Status status = Switch::open(space, name.switch_name, true, &vale);
  if (status != Status::ok) return status;
  status = find_vale(space, *vale, name, found);
  FoundPort elsewhere;
  if (status == Status::no_such_port && name.attached.empty() &&
      (is_interface(name.port_name) || is_persistent(space, name.port_name, &elsewhere))) {
    status = Status::interface_not_attached;
    vale->remove_if_empty(space);
  }
  if (status != Status::no_such_port) return status;

  nic::Interface attached;
  status = name.attached.empty() ? Status::ok : nic::read_interface(name.attached, &attached);
  Geometry geometry;
  if (status == Status::ok) status = read_geometry(request, kMaxValeRings, kDefaultGeometry, &geometry);
  if (status == Status::ok) status = region_for_new_port(space, request.nr_mem_id, &found->region);
  found->index = kRegionPorts;
  if (status == Status::ok) {
    status = make_port(*found->region, PortKind::vale, name.full, geometry, &found->index);
    uint32_t new_place = 0;
    if (status == Status::ok) status = vale->add(name.port_name, *found->region, found->index, &new_place);
    if (status == Status::ok) {
      PortRecord& record = found->record();
      record.switch_index = vale->index();
      record.switch_port = new_place;
      record.network = attached.network;
      record.interface_index = attached.index;
      return Status::ok;
    }
    if (found->index < kRegionPorts) drop_if_unused(space, found->region, found->index);
    unmake_region_if_empty(space, *found->region);
  }
  vale->remove_if_empty(space);
  return status;
}

// What pipes of this name hang on: a persistent port, or a parent that is nobody's port, so that pipes can hang
// on any name.
Status find_or_make_plain_parent(Namespace& space, const std::string& name,
                                 const abi::nmreq_register& request, FoundPort* found) {
  if (find_named_port(space, name, found) == Status::ok) return Status::ok;
  Status status = request.nr_mem_id == 0 && is_interface(name)
                      ? find_region(space, kGlobalRegion, &found->region)
                      : region_for_new_port(space, request.nr_mem_id, &found->region);
  if (status != Status::ok) return status;
  status = make_port(*found->region, PortKind::parent, name, kDefaultGeometry, &found->index);
  if (status == Status::ok) {
    status = publish_name(space, *found);
    if (status != Status::ok) found->region->give_port(found->index);
  }
  if (status != Status::ok) unmake_region_if_empty(space, *found->region);
  return status;
}

Status find_or_make_pipe(Namespace& space, const PortName& name, const abi::nmreq_register& request,
                         FoundPort* found) {
  PortName parent_name;
  Status status = read_name(name.parent, &parent_name);
  if (status != Status::ok) return status;
  abi::nmreq_register parent_request = {};
  parent_request.nr_mem_id = request.nr_mem_id;
  FoundPort parent;
  switch (parent_name.kind) {
    case NameKind::vale:
      status = find_or_make_vale(space, parent_name, parent_request, &parent);
      break;
    case NameKind::pipe:
    case NameKind::tap:
      return Status::bad_name;
    case NameKind::interface:
      status = find_or_make_plain_parent(space, name.parent, parent_request, &parent);
      break;
  }
  if (status != Status::ok) return status;

  found->region = parent.region;
  found->index = find_record(*parent.region, name.full);
  if (found->index < kRegionPorts) return Status::ok;

  const PortRecord& base = parent.record();
  Geometry mine;
  status = read_geometry(request, kMaxPipeRings,
                         {base.tx_rings, base.rx_rings, 0, 0, base.tx_slots, base.rx_slots}, &mine);
  if (status == Status::ok && base.pipes >= kMaxPipesPerParent) status = Status::pipes_full;
  uint32_t peer = kRegionPorts;
  if (status == Status::ok) {
    const Geometry its = {mine.rx_rings, mine.tx_rings, 0, 0, mine.rx_slots, mine.tx_slots};
    const PortKind my_kind = name.is_master ? PortKind::pipe_master : PortKind::pipe_slave;
    const PortKind its_kind = name.is_master ? PortKind::pipe_slave : PortKind::pipe_master;
    status = make_port(*parent.region, my_kind, name.full, mine, &found->index);
    if (status == Status::ok) {
      status = make_port(*parent.region, its_kind, name.peer, its, &peer);
      if (status != Status::ok) {
        parent.region->give_rings(found->record().first_ring,
                                  found->record().all_tx() + found->record().all_rx());
        parent.region->give_port(found->index);
      }
    }
  }
  if (status != Status::ok) {
    drop_if_unused(space, parent.region, parent.index);
    return status;
  }
  PortRecord& record = found->record();
  PortRecord& peer_record = parent.region->port(peer);
  record.parent = peer_record.parent = parent.index;
  record.peer = peer;
  peer_record.peer = found->index;
  parent.record().pipes++;
  return Status::ok;
}

// A pipe goes. What receivers swapped in and did not give back is in the senders' slots from now on.
void return_swapped(const Region& region, const PortRecord& one) {
  if (one.peer >= region.ports_high()) return;
  const PortRecord& other = region.port(one.peer);
  if (other.peer >= kRegionPorts || &region.port(other.peer) != &one) return;
  for (const auto& [sender, receiver] : {std::pair{&one, &other}, std::pair{&other, &one}}) {
    for (uint32_t i = 0; i < sender->tx_rings; i++) {
      const uint32_t tx = sender->first_ring + i;
      const uint32_t rx = receiver->first_ring + receiver->all_tx() + i;
      if (tx < region.pools().rings && rx < region.pools().rings) pipe_return_all(region, tx, rx);
    }
  }
}

void unmake_rings(Namespace& space, Region& region, const PortRecord& record) {
  const bool others = region.header().ports_used > 1;
  const bool shares_rx_buffers = record.kind == PortKind::pipe_master || record.kind == PortKind::pipe_slave;
  bool drained = true;
  if (shares_rx_buffers) return_swapped(region, record);
  for (uint32_t i = 0; i < record.all_tx() + record.all_rx(); i++) {
    const uint32_t ring = record.first_ring + i;
    const bool is_tx = i < record.all_tx();
    // Nobody may still be copying into a ring whose memory goes to another port.
    if (takes_reservations(record.kind) && !is_tx && others && !close_to_senders(space, region, ring))
      drained = false;
    if (record.kind == PortKind::monitor && drained && !is_tx) finish_swaps_with(space, region, ring);
    // A ring that somebody may still write into stays taken until the whole region goes.
    if (drained) region.unmake_ring(ring, is_tx || !shares_rx_buffers);
  }
  if (drained) {
    region.give_rings(record.first_ring, record.all_tx() + record.all_rx());
  } else {
    space.header().has_abandoned_rings = 1;
  }
}

void take_off_switch(Namespace& space, uint32_t index, uint32_t place) {
  std::shared_ptr<Switch> vale;
  if (index < kMaxSwitches && Switch::open(space, index, &vale) == Status::ok) vale->remove(space, place);
}

}  // namespace

void drop_port(Namespace& space, const std::shared_ptr<Region>& region, uint32_t index) {
  PortRecord& record = region->port(index);
  orphan_monitors(space, *region, index);
  if (record.kind == PortKind::monitor) end_watch(space, *region, index);
  if (is_switched(record.kind)) {
    take_off_switch(space, record.far_switch_index, record.far_switch_port);
    take_off_switch(space, record.switch_index, record.switch_port);
  }
  if (has_link(record.kind)) unlink(port_link(space, record).c_str());
  if (record.kind != PortKind::parent) unmake_rings(space, *region, record);
  region->give_port(index);
  unmake_region_if_empty(space, *region);
}

std::string port_link(const Namespace& space, const std::string& name) {
  // Any byte but "/" may be in a name here, and that one may not be in a file's.
  std::string safe;
  for (const char c : name)
    safe += c == '/' ? std::string("%2F") : c == '%' ? std::string("%25") : std::string(1, c);
  return space.path("port." + safe);
}

Status find_named_port(Namespace& space, const std::string& name, FoundPort* found) {
  char text[16] = {};
  if (readlink(port_link(space, name).c_str(), text, sizeof(text) - 1) <= 0) return Status::no_such_port;
  const Status status =
      Region::open(space, static_cast<uint32_t>(strtoul(text, nullptr, 10)), &found->region);
  if (status != Status::ok) return status;
  found->index = find_record(*found->region, name);
  return found->index < kRegionPorts ? Status::ok : Status::no_such_port;
}

std::string port_link(const Namespace& space, const PortRecord& record) {
  switch (record.kind) {
    case PortKind::nic:
      return nic_link(space, record.network, record.interface_index);
    case PortKind::tap:
      return tap_link(space, record.network, tap_device(record));
    default:
      return port_link(space, record_name(record));
  }
}

Status publish_name(const Namespace& space, const FoundPort& port) {
  const std::string link = port_link(space, port.record());
  unlink(link.c_str());  // one that leads nowhere
  if (symlink(std::to_string(port.region->id()).c_str(), link.c_str()) == 0) return Status::ok;
  return errno == ENOSPC ? Status::space_exhausted : Status::not_permitted;
}

bool close_to_senders(const Namespace& space, const Region& region, uint32_t ring) {
  RingState& state = region.ring(ring);
  if (state.has_memory != kRingMade || state.slots == 0 || state.slots > kMaxSlots) return true;
  Lease closed = Lease::unpack(state.ahead.load());
  uint64_t word;
  do {
    word = state.ahead.load();
    closed = Lease::unpack(word);
    closed.flag = true;
  } while (!state.ahead.compare_exchange_weak(word, closed.pack()));

  Position at{state.hwtail % state.slots, state.lap};
  const int64_t deadline = monotonic_ns() + kDrainPatienceNs;
  for (;;) {
    at = at.plus(collect(region.leases(ring), at, state.slots, state.slots), state.slots);
    const Lease hole = unfinished(state, region.leases(ring), at, state.slots);
    if (hole.count == 0) return true;
    if (hole.owner != 0 && !space.client_alive(hole.owner)) {
      at = at.plus(hole.count, state.slots);
      continue;
    }
    if (monotonic_ns() > deadline) return false;
    usleep(50);
  }
}

Status find_region(Namespace& space, uint32_t id, std::shared_ptr<Region>* region) {
  const Status status = Region::open(space, id, region);
  if (status != Status::no_such_region || id != kGlobalRegion) return status;
  return Region::create(space, kGlobalRegion, global_pools(), region);
}

Status find_port(Namespace& space, const PortName& name, FoundPort* found) {
  const PortName* base = &name;
  PortName parent;
  if (name.kind == NameKind::pipe) {
    const Status status = read_name(name.parent, &parent);
    if (status != Status::ok || parent.kind == NameKind::pipe || parent.kind == NameKind::tap) {
      return Status::bad_name;
    }
    base = &parent;
  }
  Status status = Status::no_such_port;
  if (base->kind == NameKind::vale) {
    std::shared_ptr<Switch> vale;
    status = Switch::open(space, base->switch_name, false, &vale);
    if (status == Status::ok) status = find_vale(space, *vale, *base, found);
  } else if (name.kind == NameKind::tap) {
    return find_tap_port(space, name.device, found);
  } else if (name.kind == NameKind::pipe) {
    status = find_named_port(space, base->full, found);
  } else {
    nic::Interface interface;
    return find_interface(space, name.full, &interface, found);
  }
  if (name.kind != NameKind::pipe) return status;
  if (status == Status::ok) found->index = find_record(*found->region, name.full);
  return status == Status::ok && found->index < kRegionPorts ? Status::ok : Status::no_such_pipe;
}

Status find_or_make_port(Namespace& space, const PortName& name, const abi::nmreq_register& request,
                         FoundPort* found) {
  switch (name.kind) {
    case NameKind::vale:
      return find_or_make_vale(space, name, request, found);
    case NameKind::pipe:
      return find_or_make_pipe(space, name, request, found);
    case NameKind::interface:
      return find_or_make_interface(space, name.full, request, found);
    case NameKind::tap:
      return find_or_make_tap(space, name.device, request, found);
  }
  return Status::bad_name;
}

Status make_null_port(Namespace& space, const abi::nmreq_register& request, FoundPort* made) {
  if (request.nr_mem_id == 0) return Status::no_such_region;
  if (request.nr_tx_slots > kMaxSlots || request.nr_rx_slots > kMaxSlots) return Status::bad_geometry;
  Status status = find_region(space, request.nr_mem_id, &made->region);
  if (status != Status::ok) return status;
  const Geometry geometry = {request.nr_tx_rings,      request.nr_rx_rings, request.nr_host_tx_rings,
                             request.nr_host_rx_rings, request.nr_tx_slots, request.nr_rx_slots};
  status = make_port(*made->region, PortKind::null, "", geometry, &made->index);
  if (status != Status::ok) unmake_region_if_empty(space, *made->region);
  return status;
}

Status make_rings(const FoundPort& port, bool is_tx, uint32_t first, uint32_t end) {
  const PortRecord& record = port.record();
  const bool is_pipe = record.kind == PortKind::pipe_master || record.kind == PortKind::pipe_slave;
  for (uint32_t i = first; i < end; i++) {
    const uint32_t ring = record.first_ring + (is_tx ? 0 : record.all_tx()) + i;
    const bool is_host = i >= (is_tx ? record.tx_rings : record.rx_rings);
    const uint16_t number = static_cast<uint16_t>(i);
    Status status = Status::ok;
    if (!is_pipe || is_host) {
      const bool has_packets = record.kind == PortKind::monitor ? !is_tx
                                                                : !is_host || record.kind == PortKind::null ||
                                                                      record.kind == PortKind::nic;
      status =
          port.region->make_ring(ring, number, is_tx, has_packets ? Region::kOwnBuffers : Region::kNoBuffers);
    } else {
      const PortRecord& peer = port.region->port(record.peer);
      const uint32_t opposite = peer.first_ring + (is_tx ? peer.all_tx() : 0) + i;
      const uint32_t tx = is_tx ? ring : opposite;
      const uint32_t rx = is_tx ? opposite : ring;
      status = port.region->make_ring(tx, number, true, Region::kOwnBuffers);
      if (status == Status::ok) status = port.region->make_ring(rx, number, false, tx);
    }
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

void drop_if_unused(Namespace& space, const std::shared_ptr<Region>& region, uint32_t index) {
  PortRecord& record = region->port(index);
  if (record.users != 0 || record.pipes != 0) return;
  switch (record.kind) {
    case PortKind::free:
    case PortKind::persistent:
      return;
    case PortKind::vale:
    case PortKind::parent:
    case PortKind::null:
    case PortKind::monitor:
    case PortKind::nic:
    case PortKind::tap:
      drop_port(space, region, index);
      return;
    case PortKind::pipe_master:
    case PortKind::pipe_slave: {
      // Both ends come and go together: what was sent stays readable while either is open.
      const uint32_t peer = record.peer;
      const uint32_t parent = record.parent;
      if (peer < region->ports_high() && region->port(peer).users != 0) return;
      drop_port(space, region, index);
      if (peer < region->ports_high()) drop_port(space, region, peer);
      if (parent >= region->ports_high()) return;
      if (region->port(parent).pipes > 0) region->port(parent).pipes--;
      drop_if_unused(space, region, parent);
      return;
    }
  }
}

}  // namespace nm::engine
