#include "engine/binding.h"

#include <unistd.h>

#include <cstring>

#include "engine/monitors.h"
#include "engine/offset_option.h"
#include "engine/wake.h"

namespace nm::engine {

namespace {

uint32_t max_of_one(uint32_t count) { return count == 0 ? 1 : count; }

bool has_host_rings(const PortRecord& record) { return record.host_tx_rings + record.host_rx_rings != 0; }

// Which rings of `record` a registration selects. Host rings follow the others, so every mode is one range.
Status select_rings(const PortRecord& record, const abi::nmreq_register& request, RingRange* tx,
                    RingRange* rx) {
  const uint32_t number = request.nr_ringid;
  const bool wants_host = request.nr_mode == abi::NR_REG_SW || request.nr_mode == abi::NR_REG_NIC_SW ||
                          request.nr_mode == abi::NR_REG_ONE_SW;
  // The host rings of a switch port are places in its netmap_if, with no host behind them.
  if (wants_host && record.kind == PortKind::vale) return Status::bad_mode;
  switch (request.nr_mode) {
    case abi::NR_REG_ALL_NIC:
      *tx = {0, record.tx_rings};
      *rx = {0, record.rx_rings};
      break;
    case abi::NR_REG_SW:
      if (!has_host_rings(record)) return Status::bad_mode;
      *tx = {record.tx_rings, record.all_tx()};
      *rx = {record.rx_rings, record.all_rx()};
      break;
    case abi::NR_REG_NIC_SW:
      if (!has_host_rings(record)) return Status::bad_mode;
      [[fallthrough]];
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
      if (!has_host_rings(record)) return Status::bad_mode;
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
  const uint64_t size = sizeof(abi::netmap_if) + entries * sizeof(int64_t);
  if (size > region.pools().interface_size) return Status::no_interfaces_left;
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

// What came for the last users of a persistent port is not for those who open it next.
void forget_unread(Region& region, uint32_t index) {
  RingState& ring = region.ring(index);
  const Position tail{ring.hwtail % ring.slots, ring.lap};
  const Position end = tail.plus(collect(region.leases(index), tail, ring.slots, ring.slots - 1), ring.slots);
  ring.hwtail = end.index;
  ring.lap = end.lap;
  ring.released.store(end.index, std::memory_order_release);
}

// What the last users of an interface's ring did not send, or did not read, is not for those who open it next.
void forget_all(RingState& ring, bool is_tx) {
  if (is_tx) {
    ring.hwtail = ring_previous(ring.hwcur % ring.slots, ring.slots);
  } else {
    ring.hwcur = uint32_t{ring.hwtail};
  }
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
  if (record.kind == PortKind::persistent && !is_tx) forget_unread(region, index);
  if (has_driver(record.kind)) {
    forget_all(ring, is_tx);
  } else if (!is_tx) {
    ring.hwcur = ring.released.load() % ring.slots;
  }
  ring.busy.store(0);
  abi::netmap_ring* shared = region.netmap_ring(index);
  shared->head = shared->cur = ring.hwcur;
  shared->tail = ring.hwtail;
}

void fill_reply(const FoundPort& port, const Client& client, uint32_t extra, abi::nmreq_register* reply) {
  const PortRecord& record = port.record();
  const Region& region = *port.region;
  reply->nr_offset = region.interface_offset(client.interface_object);
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

}  // namespace

Status bind_port(const std::shared_ptr<Namespace>& space, const FoundPort& port,
                 const RegisterOptions& options, abi::nmreq_register* request, Binding* binding) {
  PortRecord& record = port.record();
  if (record.far_switch_index != kNoSwitch) return Status::port_joins_switches;
  RingRange tx;
  RingRange rx;
  const bool exclusive = (request->nr_flags & abi::NR_EXCLUSIVE) != 0;
  Status status = select_rings(record, *request, &tx, &rx);
  if (record.header_length != 0 && (request->nr_flags & abi::NR_ACCEPT_VNET_HDR) == 0) {
    status = Status::header_required;
  }
  if (status == Status::ok) status = check_exclusive(port, tx, rx, exclusive);
  if (status == Status::ok) status = make_rings(port, true, tx.first, tx.end);
  if (status == Status::ok) status = make_rings(port, false, rx.first, rx.end);
  if (status == Status::ok && record.users == 0) forget_offsets(port);
  if (status == Status::ok && options.offsets != nullptr)
    status = check_offsets(port, tx, rx, options.offsets);
  if (status != Status::ok) return status;

  std::shared_ptr<Switch> vale;
  if (record.switch_index != kNoSwitch) status = Switch::open(*space, record.switch_index, &vale);
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
    if (options.offsets != nullptr) set_offsets(port, index, is_tx, options.offsets);
    if (exclusive) ring.exclusive = id;
    // Release: whoever sees the user also sees the ring's memory.
    ring.users.fetch_add(1, std::memory_order_release);
  });
  record.users++;
  client.used.store(kClientUsed, std::memory_order_release);

  if (record.kind == PortKind::monitor) start_watch(*space, port, client.flags, rx);
  if (options.offsets != nullptr) tell_monitors_offsets(*space, *port.region, port.index);

  fill_reply(port, client, extra, request);
  *binding = {space, port.region, std::move(vale), nullptr, id, life_line, port.index};
  return Status::ok;
}

void unbind_client(Namespace& space, uint32_t id, uint32_t then) {
  Client& client = space.client(id);
  if (client.used.load() != kClientUsed) return;
  unlink(wake_path(space, id).c_str());

  std::shared_ptr<Region> region;
  if (Region::open(space, client.region, &region) == Status::ok && client.port < region->ports_high()) {
    PortRecord& record = region->port(client.port);
    if (record_is_sane(*region, record)) {
      for_each_ring(record, tx_range(client), rx_range(client), [&](uint32_t index, bool) {
        if (index >= region->pools().rings) return;
        RingState& ring = region->ring(index);
        free_busy_ring(*region, index, id);
        if (ring.exclusive == id) ring.exclusive = 0;
        if (ring.users.load() > 0) ring.users.fetch_sub(1);
      });
      if (client.interface_object < region->pools().interfaces) {
        free_extra_buffers(*region, region->netmap_if(client.interface_object));
        region->give_interface(client.interface_object);
      }
      if (record.users > 0 && --record.users == 0) orphan_monitors(space, *region, client.port);
    }
    client.used.store(then);
    drop_if_unused(space, region, client.port);
    return;
  }
  client.used.store(then);
}

void free_extra_buffers(Region& region, abi::netmap_if* shared) {
  uint32_t index = shared->ni_bufs_head;
  for (uint32_t freed = 0; freed < region.pools().buffers && region.buffer_valid(index); freed++) {
    uint32_t next;
    memcpy(&next, region.buffer(index), sizeof(next));
    region.give_buffer(index);
    index = next;
  }
  shared->ni_bufs_head = 0;
}

bool record_is_sane(const Region& region, const PortRecord& record) {
  const uint32_t most = region.pools().rings;
  return record.kind != PortKind::free && record.tx_rings <= most && record.rx_rings <= most &&
         record.host_tx_rings <= most && record.host_rx_rings <= most && record.first_ring <= most &&
         uint64_t{record.first_ring} + record.all_tx() + record.all_rx() <= most;
}

}  // namespace nm::engine
