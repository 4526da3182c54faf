// The syncs of a network interface's rings: the driver moves the packets.
#pragma once

#include "engine/data_path.h"
#include "nic/open_interface.h"

namespace nm::engine {

// Whether an RX ring has no slot that could be filled.
inline bool is_full(const BoundRing& ring) {
  return ring_next(ring.state->hwtail, ring.slots) == ring.state->hwcur;
}

class NicPath final : public DataPath {
 public:
  explicit NicPath(const Binding& binding)
      : DataPath(binding), interface_(binding.interface), driver_(*interface_->driver()) {}

  bool tx_has_news(const BoundRing& ring) const override { return driver_.has_news(ring); }
  bool rx_has_news(const BoundRing& ring) const override { return driver_.has_news(ring); }
  // A ring without room would only be told again and again of what waits for it.
  nic::Notice notice(const BoundRing& ring) const override {
    return !ring.is_tx && is_full(ring) ? nic::Notice{} : driver_.notice(ring);
  }
  int64_t before_sleep(BoundRing& ring) override { return driver_.before_sleep(ring); }
  void count(BoundRing& ring) override { driver_.count(ring); }

 private:
  Status send(BoundRing& ring, uint32_t head) override { return driver_.send(ring, head); }
  Status receive(BoundRing& ring, uint32_t head) override { return driver_.receive(ring, head); }

  const std::shared_ptr<nic::OpenInterface> interface_;
  nic::Driver& driver_;
};

// The syncs of its host rings.
class HostPath final : public DataPath {
 public:
  explicit HostPath(const Binding& binding)
      : DataPath(binding), interface_(binding.interface), host_(interface_->host()) {}

  nic::Notice notice(const BoundRing& ring) const override {
    return !ring.is_tx && is_full(ring) ? nic::Notice{} : host_.notice(ring);
  }
  void count(BoundRing& ring) override { host_.count(ring); }

 private:
  Status send(BoundRing& ring, uint32_t head) override { return host_.send(ring, head); }
  Status receive(BoundRing& ring, uint32_t head) override { return host_.receive(ring, head); }

  const std::shared_ptr<nic::OpenInterface> interface_;
  nic::HostStack& host_;
};

}  // namespace nm::engine
