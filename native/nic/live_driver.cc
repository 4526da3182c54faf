#include "nic/live_driver.h"

#include <map>
#include <memory>

#include "nic/live_receiver.h"
#include "nic/live_sender.h"
#include "nic/xdp_refusal.h"
#include "nic/xdp_support.h"

namespace nm::nic {

namespace {

using engine::BoundRing;

class LiveDriver final : public Driver {
 public:
  explicit LiveDriver(const Target& target) : target_(target) {}

  Refusal open(const BoundRing& ring, int* error) override {
    return ring.is_tx ? open_tx(error) : open_rx(ring, error);
  }

  std::string mode() const override {
    return sender_ != nullptr && !sender_->is_live() ? "sends through a packet socket" : "";
  }

  Status send(BoundRing& ring, uint32_t head) override { return sender_->send(ring, head); }
  Status receive(BoundRing& ring, uint32_t head) override { return receiver(ring).receive(ring, head); }
  bool has_news(const BoundRing& ring) const override { return !ring.is_tx && receiver(ring).has_news(ring); }

  Notice notice(const BoundRing& ring) const override {
    return ring.is_tx ? sender_->notice() : receiver(ring).notice();
  }
  int64_t before_sleep(BoundRing& ring) override {
    if (ring.is_tx) return sender_->longest_sleep();
    return receiver(ring).before_sleep();
  }
  void count(BoundRing& ring) override {
    if (!ring.is_tx) receiver(ring).count(ring);
  }
  bool takes_from_host() const override { return true; }

 private:
  // All TX rings of a descriptor are synced by one thread at a time, and nothing of a packet stays in the sender.
  Refusal open_tx(int* error) {
    if (sender_ != nullptr) return Refusal::none;
    sender_ = std::make_unique<LiveSender>(target_);
    return sender_->open(target_, error);
  }
  Refusal open_rx(const BoundRing& ring, int* error) {
    if (attachment_ == nullptr) {
      attachment_ = std::make_shared<LiveAttachment>();
      const Refusal refusal = attachment_->open(target_, error);
      if (refusal != Refusal::none) return refusal;
    }
    auto& receiver = receivers_[ring.number];
    receiver = std::make_unique<LiveReceiver>(target_, ring, attachment_);
    return receiver->open(ring, error);
  }
  LiveReceiver& receiver(const BoundRing& ring) const { return *receivers_.find(ring.number)->second; }

  const Target target_;
  std::unique_ptr<LiveSender> sender_;
  std::shared_ptr<LiveAttachment> attachment_;
  std::map<uint32_t, std::unique_ptr<LiveReceiver>> receivers_;
};

Refusal probe(const Target& target, int* error) {
  *error = 0;
  const XdpSupport support = xdp_support(target.interface.index);
  if (support.is_known && !support.native) return Refusal::interface_lacks_it;
  return Refusal::none;
}

std::unique_ptr<Driver> make(const Target& target) { return std::make_unique<LiveDriver>(target); }

}  // namespace

const DriverKind kLive = {"xdp-live", 4, true, false, probe, make};

}  // namespace nm::nic
