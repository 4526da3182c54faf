#include "nic/drivers.h"

#include <algorithm>
#include <vector>

#include "nic/af_packet.h"

namespace nm::nic {

namespace {

Attempt try_driver(const DriverKind& kind, const Target& target, std::span<const engine::BoundRing> rings,
                   std::unique_ptr<Driver>* driver) {
  Attempt attempt;
  attempt.driver = kind.name;
  if (target.interface.longest_frame() > target.region->buffer_stride() && !kind.multi_slot) {
    attempt.refusal = Refusal::frames_too_long;
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

}  // namespace

std::span<const DriverKind> drivers() {
  static const DriverKind kinds[] = {kAfPacket};
  return kinds;
}

const DriverKind* find_driver(const std::string& name) {
  const auto kinds = drivers();
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const DriverKind& kind) { return name == kind.name; });
  return found == kinds.end() ? nullptr : &*found;
}

const DriverKind* find_driver(uint32_t id) {
  const auto kinds = drivers();
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const DriverKind& kind) { return id == kind.id; });
  return found == kinds.end() ? nullptr : &*found;
}

Status open_driver(const Target& target, const std::string& wanted, std::span<const engine::BoundRing> rings,
                   std::vector<Attempt>* attempts, std::unique_ptr<Driver>* opened) {
  const bool is_free = wanted.empty() || wanted == "auto";
  const DriverKind* const named = is_free ? nullptr : find_driver(wanted);
  if (!is_free && named == nullptr) return Status::no_such_driver;
  engine::PortRecord& record = target.record();
  // The driver that the last users had binds nobody.
  if (record.users <= 1) record.driver = 0;
  const DriverKind* const present = find_driver(record.driver);
  if (present != nullptr && named != nullptr && present != named) return Status::driver_differs;

  for (const DriverKind& kind : drivers()) {
    if ((present != nullptr && &kind != present) || (named != nullptr && &kind != named)) continue;
    attempts->push_back(try_driver(kind, target, rings, opened));
    if (*opened == nullptr) continue;
    record.driver = kind.id;
    return Status::ok;
  }
  return Status::no_driver;
}

}  // namespace nm::nic
