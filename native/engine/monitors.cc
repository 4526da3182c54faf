#include "engine/monitors.h"

#include <algorithm>

#include "engine/wake.h"
#include "engine/watchers.h"

namespace nm::engine {

namespace {

bool is_on(const Watch& watch) { return watch.generation.load() % 2 == 1; }

// The monitor of a watch in `region`, if it is still the one that the watch was made for.
bool find_monitor(Namespace& space, const Region& region, uint32_t watch_index, FoundPort* found) {
  const Watch& watch = region.watch(watch_index);
  if (Region::open(space, watch.monitor_region, &found->region) != Status::ok) return false;
  found->index = watch.monitor_port;
  if (found->region->nonce() != watch.monitor_nonce || found->index >= found->region->ports_high())
    return false;
  const PortRecord& record = found->record();
  return record.kind == PortKind::monitor && record.watched_region == region.id() &&
         record.peer == watch_index;
}

// The watch of a monitor, or nullptr when it is over. `watched` gets the region that the watch is in.
Watch* find_watch(Namespace& space, const Region& region, uint32_t monitor,
                  std::shared_ptr<Region>* watched) {
  const PortRecord& record = region.port(monitor);
  if (record.peer >= kRegionWatches || Region::open(space, record.watched_region, watched) != Status::ok) {
    return nullptr;
  }
  Watch& watch = (*watched)->watch(record.peer);
  const bool is_its = is_on(watch) && watch.monitor_region == region.id() &&
                      watch.monitor_nonce == region.nonce() && watch.monitor_port == monitor;
  return is_its ? &watch : nullptr;
}

uint32_t unused_watch(const Region& region) {
  uint32_t index = 0;
  while (index < kRegionWatches && is_on(region.watch(index))) index++;
  return index;
}

// Says whether ring `index` is watched. Release: who sees the word also sees the watches.
void set_watched(const Region& region, uint32_t index, bool watched) {
  uint32_t& next = region.header().next_watched;
  if (watched && ++next == 0) next = 1;
  region.ring(index).watched.store(watched ? next : 0, std::memory_order_release);
}

// Tells the rings of `port`, and those of the monitors that pass its packets on, who watches them now.
void watch_again(const Region& region, uint32_t port) {
  const auto any = [&](auto wants) {
    for (uint32_t i = 0; i < kRegionWatches; i++) {
      if (wants(region.watch(i))) return true;
    }
    return false;
  };
  const PortRecord& record = region.port(port);
  for_each_ring(record, {0, record.all_tx()}, {0, record.all_rx()}, [&](uint32_t index, bool is_tx) {
    const uint32_t number = index - record.first_ring - (is_tx ? 0 : record.all_tx());
    set_watched(region, index, any([&](const Watch& watch) {
                  return sees(watch, port, is_tx, monitor_ring(record, is_tx, number));
                }));
  });
  for (uint32_t i = 0; i < kRegionWatches; i++) {
    const Watch& earlier = region.watch(i);
    const bool passes_on = is_on(earlier) && earlier.port == port && (earlier.flags & abi::NR_ZCOPY_MON) != 0;
    if (!passes_on || earlier.monitor_region != region.id() || earlier.monitor_port >= region.ports_high())
      continue;
    const PortRecord& monitor = region.port(earlier.monitor_port);
    if (monitor.kind != PortKind::monitor || !record_is_sane(region, monitor)) continue;
    for_each_ring(monitor, {0, 0}, {0, monitor.all_rx()}, [&](uint32_t index, bool) {
      const uint32_t number = index - monitor.first_ring - monitor.all_tx();
      set_watched(region, index, any([&](const Watch& later) {
                    return (later.flags & abi::NR_ZCOPY_MON) != 0 && later.order > earlier.order &&
                           (sees(later, port, true, number) || sees(later, port, false, number));
                  }));
    });
  }
}

// Tells the monitor that it will see no more packets.
void orphan(Namespace& space, const FoundPort& monitor) {
  const PortRecord& record = monitor.record();
  if (!record_is_sane(*monitor.region, record)) return;
  for_each_ring(record, {0, 0}, {0, record.all_rx()}, [&](uint32_t index, bool) {
    RingState& ring = monitor.region->ring(index);
    ring.orphaned.store(1, std::memory_order_release);
    notify(space, ring, monitor.region->id());
  });
}

void end(const Region& region, Watch& watch) {
  watch.generation.fetch_add(1);
  const uint32_t port = watch.port;
  if (port < region.ports_high() && record_is_sane(region, region.port(port))) watch_again(region, port);
}

std::string monitor_name(const PortRecord& watched, uint64_t flags) {
  std::string name = record_name(watched) + "/";
  if ((flags & abi::NR_MONITOR_RX) != 0) name += "r";
  if ((flags & abi::NR_MONITOR_TX) != 0) name += "t";
  if ((flags & abi::NR_ZCOPY_MON) != 0) name += "z";
  return name;
}

}  // namespace

Status make_monitor(Namespace& space, const FoundPort& watched, const abi::nmreq_register& request,
                    FoundPort* made) {
  const PortRecord& record = watched.record();
  if (record.users == 0) return Status::watched_not_open;
  const uint32_t watch = unused_watch(*watched.region);
  if (watch == kRegionWatches) return Status::monitors_full;

  // One ring to send, as netmap has it, so that programs that look for one find it.
  Geometry geometry = {1,
                       std::max(record.tx_rings, record.rx_rings),
                       record.host_tx_rings != 0 ? 1u : 0u,
                       std::max(record.host_tx_rings, record.host_rx_rings),
                       request.nr_tx_slots != 0 ? request.nr_tx_slots : record.tx_slots,
                       request.nr_rx_slots != 0 ? request.nr_rx_slots : record.rx_slots};
  if (geometry.tx_slots > kMaxSlots || geometry.rx_slots > kMaxSlots) return Status::bad_geometry;
  Status status = Status::ok;
  if ((request.nr_flags & abi::NR_ZCOPY_MON) != 0) {
    made->region = watched.region;
  } else {
    status = region_for_new_port(space, request.nr_mem_id, &made->region, watched.region->buffer_stride());
  }
  if (status != Status::ok) return status;
  status = make_port(*made->region, PortKind::monitor, monitor_name(record, request.nr_flags), geometry,
                     &made->index);
  if (status != Status::ok) {
    unmake_region_if_empty(space, *made->region);
    return status;
  }
  made->record().watched_region = watched.region->id();
  made->record().parent = watched.index;
  made->record().peer = watch;
  return Status::ok;
}

void start_watch(Namespace& space, const FoundPort& monitor, uint64_t flags, RingRange bound) {
  const PortRecord& record = monitor.record();
  std::shared_ptr<Region> region;
  if (Region::open(space, record.watched_region, &region) != Status::ok) return;
  Watch& watch = region->watch(record.peer);
  uint32_t generation = watch.generation.load();
  watch.port = record.parent;
  watch.flags = static_cast<uint32_t>(flags);
  watch.monitor_region = monitor.region->id();
  watch.monitor_nonce = monitor.region->nonce();
  watch.monitor_port = monitor.index;
  watch.first_ring = record.first_ring + record.all_tx();
  watch.slots = record.rx_slots;
  watch.first_bound = bound.first;
  watch.end_bound = bound.end;
  watch.order = ++region->header().next_watch;
  watch.generation.store(++generation, std::memory_order_release);
  tell_monitors_offsets(space, *region, record.parent);
  watch_again(*region, record.parent);
}

void tell_monitors_offsets(Namespace& space, const Region& region, uint32_t index) {
  const PortRecord& record = region.port(index);
  for (uint32_t i = 0; i < kRegionWatches; i++) {
    const Watch& watch = region.watch(i);
    FoundPort monitor;
    if (!is_on(watch) || watch.port != index || (watch.flags & abi::NR_ZCOPY_MON) == 0) continue;
    if (!find_monitor(space, region, i, &monitor)) continue;
    const PortRecord& its = monitor.record();
    for_each_ring(record, {0, record.all_tx()}, {0, record.all_rx()}, [&](uint32_t from, bool is_tx) {
      const RingState& ring = region.ring(from);
      const uint32_t number = from - record.first_ring - (is_tx ? 0 : record.all_tx());
      const uint32_t to = its.first_ring + its.all_tx() + monitor_ring(record, is_tx, number);
      RingState& state = region.ring(to);
      if (ring.offset_mask == 0 || state.has_memory != kRingMade) return;
      // What is sent and what is received arrive in one ring, perhaps by two agreements.
      state.offset_most = std::max<uint32_t>(state.offset_most, ring.offset_most);
      state.offset_mask = state.offset_mask | ring.offset_mask;
      region.netmap_ring(to)->offset_mask = state.offset_mask;
    });
  }
}

void end_watch(Namespace& space, const Region& region, uint32_t monitor) {
  std::shared_ptr<Region> watched;
  Watch* watch = find_watch(space, region, monitor, &watched);
  if (watch != nullptr) end(*watched, *watch);
}

void orphan_monitors(Namespace& space, Region& region, uint32_t index) {
  for (uint32_t i = 0; i < kRegionWatches; i++) {
    Watch& watch = region.watch(i);
    if (!is_on(watch) || watch.port != index) continue;
    FoundPort monitor;
    const bool found = find_monitor(space, region, i, &monitor);
    end(region, watch);
    if (found) orphan(space, monitor);
  }
}

void free_busy_ring(const Region& region, uint32_t ring, uint32_t holder) {
  RingState& state = region.ring(ring);
  // Another descriptor may find it at the same time: one of us gets it.
  if (holder != kBeingRepaired && !state.busy.compare_exchange_strong(holder, kBeingRepaired)) return;
  finish_swap(region, ring);
  state.busy.store(0, std::memory_order_release);
}

void finish_swaps_with(const Namespace& space, const Region& region, uint32_t ring) {
  for (uint32_t i = 0; i < kRegionRings; i++) {
    if (!region.ring_taken(i)) continue;
    const RingState& state = region.ring(i);
    const uint64_t swap = state.swap;
    const uint32_t holder = state.busy.load();
    if (swap != 0 && Swap::unpack(swap).monitor_ring == ring && holder != 0 && !space.client_alive(holder)) {
      free_busy_ring(region, i, holder);
    }
  }
}

void repair_watches(Namespace& space, Region& region) {
  for (uint32_t i = 0; i < kRegionWatches; i++) {
    Watch& watch = region.watch(i);
    if (!is_on(watch)) continue;
    const uint32_t port = watch.port;
    FoundPort monitor;
    const bool found = find_monitor(space, region, i, &monitor);
    if (port >= region.ports_high() || !record_is_sane(region, region.port(port)) ||
        region.port(port).users == 0) {
      watch.generation.fetch_add(1);
    } else if (!found) {
      end(region, watch);
    }
  }
  for (uint32_t i = 0; i < region.ports_high(); i++) {
    const PortRecord& record = region.port(i);
    if (!record_is_sane(region, record)) continue;
    if (record.kind != PortKind::monitor) {
      if (record.kind != PortKind::parent) watch_again(region, i);
      continue;
    }
    std::shared_ptr<Region> watched;
    if (find_watch(space, region, i, &watched) == nullptr) {
      FoundPort monitor;
      if (Region::open(space, region.id(), &monitor.region) != Status::ok) continue;
      monitor.index = i;
      orphan(space, monitor);
    }
  }
}

}  // namespace nm::engine
