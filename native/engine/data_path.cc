#include "engine/data_path.h"

#include <sched.h>

#include "engine/nic_path.h"
#include "engine/pipe.h"
#include "engine/receiver.h"
#include "engine/vale.h"
#include "engine/wake.h"

namespace nm::engine {

namespace {

// Rings that lead nowhere: those of null ports, and the host rings of software ports.
class IdlePath final : public DataPath {
 public:
  using DataPath::DataPath;

 private:
  Status send(BoundRing& ring, uint32_t head) override {
    ring.state->hwcur = head;
    return Status::ok;
  }
  Status receive(BoundRing& ring, uint32_t head) override {
    ring.state->hwcur = head;
    return Status::ok;
  }
};

class ValePath final : public DataPath {
 public:
  explicit ValePath(const Binding& binding)
      : DataPath(binding),
        sender_(binding.space, binding.vale, binding.region, binding.port, binding.client) {}

  bool rx_has_news(const BoundRing& ring) const override { return receiver_has_news(ring); }
  bool tx_has_news(const BoundRing& ring) const override { return sender_.has_room_now(ring); }
  void announce(const BoundRing& ring) override {
    if (ring.is_tx) sender_.announce(ring);
  }
  bool rx_unfinished(BoundRing& ring) override { return receiver_awaits_sender(ring); }

  // Receivers are behind: sending on at once would only take the processor from them. Senders that share a core
  // with their receiver and each other must all give way, however long the last of them was away for it:
  // otherwise the one that does not keeps the core for milliseconds, and all that it sends is lost.
  void give_way() override {
    if (overran_) sched_yield();
    overran_ = false;
  }

 private:
  Status send(BoundRing& ring, uint32_t head) override {
    overran_ |= sender_.tx_sync(ring, head);
    return Status::ok;
  }
  Status receive(BoundRing& ring, uint32_t head) override {
    receiver_sync(*space_, ring, head);
    if (sender_.is_waited_for()) [[unlikely]]
      notify_senders(*space_, *ring.state, sender_.switch_index());
    return Status::ok;
  }
  bool reads_indirect() const override { return true; }
  bool is_shown_when_brought() const override { return true; }

  ValeSender sender_;
  bool overran_ = false;
};

class PipePath final : public DataPath {
 public:
  explicit PipePath(const Binding& binding) : DataPath(binding), watched_(binding.space, binding.client) {}

  void bind(BoundRing& ring) override {
    const PortRecord& peer = region_->port(region_->port(port_).peer);
    ring.peer_index = peer.first_ring + (ring.is_tx ? peer.all_tx() : 0) + ring.number;
    ring.peer_state = &region_->ring(ring.peer_index);
    ring.peer_shared = region_->netmap_ring(ring.peer_index);
  }
  bool tx_has_news(const BoundRing& ring) const override { return pipe_tx_has_news(ring); }
  bool rx_has_news(const BoundRing& ring) const override { return pipe_rx_has_news(ring); }
  bool hands_over_buffers() const override { return true; }

 private:
  Status send(BoundRing& ring, uint32_t head) override {
    pipe_tx_sync(*space_, region_, ring, head, watched_);
    return Status::ok;
  }
  Status receive(BoundRing& ring, uint32_t head) override {
    pipe_rx_sync(*space_, *region_, ring, head);
    return Status::ok;
  }
  bool is_shown_when_brought() const override { return true; }

  WatchedReceivers watched_;
};

// A monitor's rings are filled by whoever syncs the port that it watches (watchers.h).
class MonitorPath final : public DataPath {
 public:
  using DataPath::DataPath;

  bool rx_has_news(const BoundRing& ring) const override {
    return is_orphaned(ring) || receiver_has_news(ring);
  }
  bool rx_unfinished(BoundRing& ring) override { return receiver_awaits_sender(ring); }

 private:
  static bool is_orphaned(const BoundRing& ring) {
    return ring.state->orphaned.load(std::memory_order_relaxed) != 0;
  }
  Status send(BoundRing&, uint32_t) override { return Status::monitor_receives_only; }
  // What was captured before the port went stays readable.
  Status receive(BoundRing& ring, uint32_t head) override {
    receiver_sync(*space_, ring, head);
    return is_orphaned(ring) ? Status::port_gone : Status::ok;
  }
};

std::unique_ptr<DataPath> hardware_path(const Binding& binding) {
  switch (binding.record().kind) {
    case PortKind::vale:
    case PortKind::persistent:
      return std::make_unique<ValePath>(binding);
    case PortKind::pipe_master:
    case PortKind::pipe_slave:
      return std::make_unique<PipePath>(binding);
    case PortKind::monitor:
      return std::make_unique<MonitorPath>(binding);
    case PortKind::nic:
    case PortKind::tap:
      if (binding.interface->driver() == nullptr) break;  // Only host rings are open.
      return std::make_unique<NicPath>(binding);
    case PortKind::null:
    case PortKind::parent:
    case PortKind::free:
      break;
  }
  return std::make_unique<IdlePath>(binding);
}

std::unique_ptr<DataPath> host_path(const Binding& binding) {
  if (binding.record().kind == PortKind::nic) return std::make_unique<HostPath>(binding);
  if (binding.record().kind == PortKind::monitor) return std::make_unique<MonitorPath>(binding);
  return std::make_unique<IdlePath>(binding);
}

}  // namespace

DataPaths make_data_paths(const Binding& binding) { return {hardware_path(binding), host_path(binding)}; }

bool needs_polling(const Binding& binding) { return binding.interface != nullptr; }

bool DataPath::look_for_watchers(BoundRing& ring) {
  if (!ring.watchers) {
    ring.watchers = std::make_unique<Watchers>(space_, region_, port_, client_, reads_indirect());
  }
  if (!ring.watchers->look(ring)) ring.watchers.reset();
  return ring.watchers != nullptr;
}

Status DataPath::watched_tx_sync(BoundRing& ring, uint32_t head) {
  if (!look_for_watchers(ring)) return send(ring, head);
  ring.watchers->copy(ring, ring.state->hwcur, head);
  const uint32_t done = ring_next(ring.state->hwtail, ring.slots);
  const Status status = send(ring, head);
  ring.watchers->swap(ring, done, ring_next(ring.state->hwtail, ring.slots));
  return status;
}

Status DataPath::watched_rx_sync(BoundRing& ring, uint32_t head) {
  if (!look_for_watchers(ring)) return receive(ring, head);
  ring.watchers->swap(ring, ring.state->hwcur, head);
  const uint32_t fresh = ring.state->hwtail;
  const Status status = receive(ring, head);
  if (!is_shown_when_brought()) ring.watchers->copy(ring, fresh, ring.state->hwtail);
  return status;
}

}  // namespace nm::engine
