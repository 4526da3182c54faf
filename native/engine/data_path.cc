#include "engine/data_path.h"

#include <sched.h>

#include "engine/pipe.h"
#include "engine/receiver.h"
#include "engine/vale.h"

namespace nm::engine {

namespace {

// Rings that lead nowhere: those of null ports, and the host rings of software ports.
class IdlePath final : public DataPath {
 public:
  void bind(BoundRing&) override {}
  Status tx_sync(BoundRing& ring, uint32_t head) override {
    ring.state->hwcur = head;
    return Status::ok;
  }
  Status rx_sync(BoundRing& ring, uint32_t head) override {
    ring.state->hwcur = head;
    return Status::ok;
  }
};

class ValePath final : public DataPath {
 public:
  explicit ValePath(const Binding& binding)
      : space_(binding.space),
        sender_(binding.space, binding.vale, binding.region, binding.port, binding.client) {}

  void bind(BoundRing&) override {}
  Status tx_sync(BoundRing& ring, uint32_t head) override {
    overran_ |= sender_.tx_sync(ring, head);
    return Status::ok;
  }
  Status rx_sync(BoundRing& ring, uint32_t head) override {
    receiver_sync(*space_, ring, head);
    return Status::ok;
  }
  bool rx_has_news(const BoundRing& ring) const override { return receiver_has_news(ring); }
  bool rx_unfinished(BoundRing& ring) override { return receiver_awaits_sender(ring); }

  // Receivers are behind: sending on at once would only take the processor from them. Senders that share a core
  // with their receiver and each other must all give way, however long the last of them was away for it:
  // otherwise the one that does not keeps the core for milliseconds, and all that it sends is lost.
  void give_way() override {
    if (overran_) sched_yield();
    overran_ = false;
  }

 private:
  std::shared_ptr<Namespace> space_;
  ValeSender sender_;
  bool overran_ = false;
};

class PipePath final : public DataPath {
 public:
  explicit PipePath(const Binding& binding) : space_(binding.space), region_(binding.region) {
    peer_ = &region_->port(binding.record().peer);
  }

  void bind(BoundRing& ring) override {
    const uint32_t index = peer_->first_ring + (ring.is_tx ? peer_->all_tx() : 0) + ring.number;
    ring.peer_state = &region_->ring(index);
    ring.peer_shared = region_->netmap_ring(index);
  }
  Status tx_sync(BoundRing& ring, uint32_t head) override {
    pipe_tx_sync(*space_, *region_, ring, head);
    return Status::ok;
  }
  Status rx_sync(BoundRing& ring, uint32_t head) override {
    pipe_rx_sync(*space_, *region_, ring, head);
    return Status::ok;
  }
  bool tx_has_news(const BoundRing& ring) const override { return pipe_tx_has_news(ring); }
  bool rx_has_news(const BoundRing& ring) const override { return pipe_rx_has_news(ring); }

 private:
  std::shared_ptr<Namespace> space_;
  std::shared_ptr<Region> region_;
  const PortRecord* peer_;
};

std::unique_ptr<DataPath> hardware_path(const Binding& binding) {
  switch (binding.record().kind) {
    case PortKind::vale:
    case PortKind::persistent:
      return std::make_unique<ValePath>(binding);
    case PortKind::pipe_master:
    case PortKind::pipe_slave:
      return std::make_unique<PipePath>(binding);
    case PortKind::null:
    case PortKind::parent:
    case PortKind::free:
      break;
  }
  return std::make_unique<IdlePath>();
}

}  // namespace

DataPaths make_data_paths(const Binding& binding) {
  return {hardware_path(binding), std::make_unique<IdlePath>()};
}

}  // namespace nm::engine
