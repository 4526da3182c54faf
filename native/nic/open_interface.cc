#include "nic/open_interface.h"

#include "engine/tap_port.h"
#include "nic/tap_driver.h"

namespace nm::nic {

namespace {

using engine::BoundRing;
using engine::Client;
using engine::PortRecord;

// The rings of a range, in two: those of the hardware and those of the host.
struct Split {
  std::vector<uint32_t> hardware;
  std::vector<uint32_t> host;
};

Split split(engine::RingRange range, const PortRecord& record, bool is_tx) {
  Split numbers;
  for (uint32_t i = range.first; i < range.end; i++) {
    (engine::is_host_ring(record, is_tx, i) ? numbers.host : numbers.hardware).push_back(i);
  }
  return numbers;
}

std::vector<BoundRing> bound_rings(const Target& target, const std::vector<uint32_t>& tx,
                                   const std::vector<uint32_t>& rx) {
  std::vector<BoundRing> rings;
  for (const uint32_t i : tx) rings.push_back(bound_ring(*target.region, target.record(), true, i));
  for (const uint32_t i : rx) rings.push_back(bound_ring(*target.region, target.record(), false, i));
  return rings;
}

}  // namespace

Status OpenInterface::open(const engine::Binding& binding, DriverChoice* choice,
                           std::shared_ptr<OpenInterface>* opened) {
  const Client& client = binding.space->client(binding.client);
  Target target{binding.space, binding.region, binding.port, binding.client, {}};
  const PortRecord& record = binding.record();
  if (record.kind == engine::PortKind::tap) return open_tap(&target, client, choice, opened);
  Status status = record.network == this_network() ? read_interface(record.interface_index, &target.interface)
                                                   : Status::no_such_interface;
  std::shared_ptr<OpenInterface> interface(new OpenInterface);
  if (status == Status::ok) status = interface->open_hardware(target, client, choice);
  if (status == Status::ok) status = interface->open_host(target, client, choice);
  if (status == Status::ok) *opened = std::move(interface);
  return status;
}

// Its driver makes the interface, and nobody has to be kept out of it: the host is on the other side.
Status OpenInterface::open_tap(Target* target, const Client& client, DriverChoice* choice,
                               std::shared_ptr<OpenInterface>* opened) {
  const PortRecord& record = target->record();
  if (record.network != this_network()) return Status::no_such_interface;
  target->interface.name = engine::tap_device(record);
  std::shared_ptr<OpenInterface> interface(new OpenInterface);
  interface->driver_ = make_tap_driver(*target);
  Attempt attempt;
  attempt.driver = kTapDriver;
  for (const BoundRing& ring : bound_rings(*target, split(tx_range(client), record, true).hardware,
                                           split(rx_range(client), record, false).hardware)) {
    attempt.refusal = interface->driver_->open(ring, &attempt.error);
    if (attempt.refusal != Refusal::none) break;
  }
  choice->attempts.push_back(attempt);
  if (attempt.refusal != Refusal::none) return Status::no_driver;
  choice->mode = interface->driver_->mode();
  *opened = std::move(interface);
  return Status::ok;
}

Status OpenInterface::open_hardware(const Target& target, const Client& client, DriverChoice* choice) {
  const PortRecord& record = target.record();
  const std::vector<BoundRing> rings = bound_rings(target, split(tx_range(client), record, true).hardware,
                                                   split(rx_range(client), record, false).hardware);
  if (rings.empty()) return Status::ok;
  const Status status = open_driver(target, choice->wanted, rings, &choice->attempts, &driver_);
  if (status != Status::ok) return status;
  choice->mode = driver_->mode();
  Attempt& taken = choice->attempts.back();
  taken.refusal = keep_host_out(target, client, &taken.error);
  return taken.refusal == Refusal::none ? Status::ok : Status::no_driver;
}

Status OpenInterface::open_host(const Target& target, const Client& client, DriverChoice* choice) {
  const PortRecord& record = target.record();
  host_ = std::make_unique<HostStack>(target);
  for (const BoundRing& ring : bound_rings(target, split(tx_range(client), record, true).host,
                                           split(rx_range(client), record, false).host)) {
    Attempt attempt;
    attempt.driver = "host rings";
    attempt.refusal = host_->open(ring, &attempt.error);
    if (attempt.refusal == Refusal::none) continue;
    choice->attempts.push_back(attempt);
    return Status::no_driver;
  }
  return Status::ok;
}

// netmap cuts the host off queue by queue. What the host sends is not bound to a queue, so that goes on while the program has
// not all of them.
Refusal OpenInterface::keep_host_out(const Target& target, const Client& client, int* error) {
  const PortRecord& record = target.record();
  const std::vector<uint32_t> received = split(rx_range(client), record, false).hardware;
  Refusal refusal = Refusal::none;
  if (!received.empty() && !driver_->takes_from_host()) {
    refusal = cut_off_.receiving(target.interface, received, error);
  }
  const bool sends_all = split(tx_range(client), record, true).hardware.size() == record.tx_rings;
  if (refusal == Refusal::none && sends_all) refusal = cut_off_.sending(target.interface, error);
  return refusal;
}

}  // namespace nm::nic
