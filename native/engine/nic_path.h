// The syncs of a network interface's rings: the driver moves the packets.
#pragma once

#include "engine/data_path.h"
#include "nic/open_interface.h"

namespace nm::engine {

class NicPath final : public DataPath {
 public:
  explicit NicPath(const Binding& binding)
      : DataPath(binding), interface_(binding.interface), driver_(*interface_->driver()) {}

  bool tx_has_news(const BoundRing& ring) const override { return driver_.has_news(ring); }
  bool rx_has_news(const BoundRing& ring) const override { return driver_.has_news(ring); }
  // A ring without room would only be told again and again of what waits for it.
  nic::Notice notice(const BoundRing& ring) const override {
    const bool is_full = ring_next(ring.state->hwtail, ring.slots) == ring.state->hwcur;
    return !ring.is_tx && is_full ? nic::Notice{} : driver_.notice(ring);
  }
  int64_t before_sleep(BoundRing& ring) override { return driver_.before_sleep(ring); }
  void count(BoundRing& ring) override { driver_.count(ring); }

 private:
  Status send(BoundRing& ring, uint32_t head) override { return driver_.send(ring, head); }
  Status receive(BoundRing& ring, uint32_t head) override { return driver_.receive(ring, head); }

  const std::shared_ptr<nic::OpenInterface> interface_;
  nic::Driver& driver_;
};

}  // namespace nm::engine
