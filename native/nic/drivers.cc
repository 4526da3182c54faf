#include "nic/drivers.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "nic/af_packet.h"
#include "nic/af_xdp.h"
#include "nic/live_driver.h"

namespace nm::nic {

namespace {

// Whether somebody, this descriptor included, has a host ring of the port open.
bool has_host_rings(const Target& target) {
  const engine::PortRecord& record = target.record();
  const auto is_open = [&](uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
      if (target.region->ring(record.first_ring + first + i).users.load() != 0) return true;
    }
    return false;
  };
  return is_open(record.tx_rings, record.host_tx_rings) ||
         is_open(record.all_tx() + record.rx_rings, record.host_rx_rings);
}

Attempt try_driver(const DriverKind& kind, const Target& target, std::span<const engine::BoundRing> rings,
                   std::unique_ptr<Driver>* driver) {
  Attempt attempt;
  attempt.driver = kind.name;
  if (target.interface.longest_frame() > target.region->buffer_stride() && !kind.multi_slot) {
    attempt.refusal = Refusal::frames_too_long;
    return attempt;
  }
  if (kind.takes_upward && has_host_rings(target)) {
    attempt.refusal = Refusal::host_rings_unfit;
    return attempt;
  }
  attempt.refusal = kind.probe(target, &attempt.error);
  if (attempt.refusal != Refusal::none) return attempt;
  *driver = kind.make(target);
  for (const engine::BoundRing& ring : rings) {
    attempt.refusal = (*driver)->open(ring, &attempt.error);
    if (attempt.refusal == Refusal::none) continue;
    driver->reset();
    break;
  }
  return attempt;
}

// A name means the driver of that name, and all whose name begins so and goes on with a dash: "af-xdp" any of its ways.
bool is_meant(const std::string& wanted, const DriverKind& kind) {
  const std::string_view name = kind.name;
  return wanted.empty() || wanted == "auto" || name == wanted ||
         (name.starts_with(wanted) && name.substr(wanted.size()).starts_with('-'));
}

}  // namespace

// Whatever hardware can do without copies comes first. The order of the others is that of their rates on a veth. The last is for
// those who ask for it: it cannot have host rings, and loses what the kernel has joined.
std::span<const DriverKind> drivers() {
  static const DriverKind kinds[] = {kAfXdpZeroCopy, kLive, kAfXdpNative, kAfPacket, kAfXdpGeneric};
  return kinds;
}

const DriverKind* find_driver(uint32_t id) {
  const auto kinds = drivers();
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const DriverKind& kind) { return id == kind.id; });
  return found == kinds.end() ? nullptr : &*found;
}

Status open_driver(const Target& target, const std::string& wanted, std::span<const engine::BoundRing> rings,
                   std::vector<Attempt>* attempts, std::unique_ptr<Driver>* opened) {
  const auto may_be = [&](const DriverKind& kind) { return is_meant(wanted, kind); };
  if (std::none_of(drivers().begin(), drivers().end(), may_be)) return Status::no_such_driver;
  engine::PortRecord& record = target.record();
  // The driver that the last users had binds nobody.
  if (record.users <= 1) record.driver = 0;
  const DriverKind* const present = find_driver(record.driver);
  if (present != nullptr && !may_be(*present)) return Status::driver_differs;

  for (const DriverKind& kind : drivers()) {
    if (!may_be(kind) || (present != nullptr && &kind != present)) continue;
    attempts->push_back(try_driver(kind, target, rings, opened));
    if (*opened == nullptr) continue;
    record.driver = kind.id;
    return Status::ok;
  }
  return Status::no_driver;
}

}  // namespace nm::nic
