#include "engine/open_ports.h"

#include "engine/binding.h"
#include "engine/clean_up.h"
#include "engine/ring_counters.h"

namespace nm::engine {

std::string shown_name(Namespace& space, const PortRecord& record) {
  if (record.kind != PortKind::monitor) return record_name(record);
  // In another region perhaps.
  std::shared_ptr<Region> watched;
  if (Region::open(space, record.watched_region, &watched) != Status::ok) return "";
  return record.parent < watched->ports_high() ? record_name(watched->port(record.parent)) : "";
}

namespace {

bool describe(Namespace& space, const Client& client, OpenPort* port) {
  std::shared_ptr<Region> region;
  if (Region::open(space, client.region, &region) != Status::ok || client.port >= region->ports_high()) {
    return false;
  }
  const PortRecord& record = region->port(client.port);
  if (!record_is_sane(*region, record)) return false;
  port->pid = client.pid;
  port->name = shown_name(space, record);
  port->kind = record.kind;
  port->region = region->id();
  port->mode = client.mode;
  port->flags = client.flags;
  port->tx_rings = client.end_tx - client.first_tx;
  port->rx_rings = client.end_rx - client.first_rx;
  for_each_ring(record, tx_range(client), rx_range(client), [&](uint32_t ring, bool is_tx) {
    if (ring >= region->pools().rings) return;
    add_counters(is_tx ? &port->sent : &port->received, ring_counters(region->ring(ring), is_tx));
  });
  return true;
}

}  // namespace

Status list_open_ports(const std::shared_ptr<Namespace>& space, std::vector<OpenPort>* ports) {
  ports->clear();
  ControlLock lock(*space);
  const Status status = enter(*space, lock, true, nullptr);
  if (status != Status::ok) return status;
  for (uint32_t id = 1; id <= space->clients_high(); id++) {
    const Client& client = space->client(id);
    OpenPort port;
    if (client.used.load(std::memory_order_acquire) != kClientUsed) continue;
    if (describe(*space, client, &port)) ports->push_back(std::move(port));
  }
  return Status::ok;
}

}  // namespace nm::engine
