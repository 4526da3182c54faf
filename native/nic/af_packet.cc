#include "nic/af_packet.h"

#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <map>

#include "file_descriptor.h"
#include "nic/packet_receiver.h"
#include "nic/packet_sender.h"

namespace nm::nic {

namespace {

using engine::BoundRing;

class AfPacket final : public Driver {
 public:
  explicit AfPacket(const Target& target) : target_(target) {}

  Refusal open(const BoundRing& ring, int* error) override {
    if (ring.is_tx) {
      return (senders_[ring.number] = std::make_unique<PacketSender>(target_))->open(target_, error);
    }
    return (receivers_[ring.number] = std::make_unique<PacketReceiver>(target_, ring))
        ->open(target_, ring, error);
  }

  Status send(BoundRing& ring, uint32_t head) override { return sender(ring).send(ring, head); }
  Status receive(BoundRing& ring, uint32_t head) override { return receiver(ring).receive(ring, head); }
  bool has_news(const BoundRing& ring) const override { return !ring.is_tx && receiver(ring).has_news(ring); }

  Notice notice(const BoundRing& ring) const override {
    return ring.is_tx ? sender(ring).notice() : Notice{receiver(ring).descriptor(), POLLIN};
  }
  int64_t before_sleep(BoundRing& ring) override {
    if (ring.is_tx) return sender(ring).longest_sleep();
    receiver(ring).look_around(ring);
    return INT64_MAX;
  }
  void count(BoundRing& ring) override {
    if (!ring.is_tx) receiver(ring).count_lost(ring);
  }

 private:
  PacketSender& sender(const BoundRing& ring) const { return *senders_.find(ring.number)->second; }
  PacketReceiver& receiver(const BoundRing& ring) const { return *receivers_.find(ring.number)->second; }

  const Target target_;
  std::map<uint32_t, std::unique_ptr<PacketSender>> senders_;
  std::map<uint32_t, std::unique_ptr<PacketReceiver>> receivers_;
};

Refusal probe(const Target&, int* error) {
  const FileDescriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (socket.is_open()) return Refusal::none;
  *error = errno;
  if (*error == EPERM || *error == EACCES) return Refusal::no_net_raw;
  return *error == EAFNOSUPPORT ? Refusal::kernel_lacks_it : Refusal::system_refused;
}

std::unique_ptr<Driver> make(const Target& target) { return std::make_unique<AfPacket>(target); }

}  // namespace

const DriverKind kAfPacket = {"af-packet", 1, true, false, probe, make};

}  // namespace nm::nic
