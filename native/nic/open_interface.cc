#include "nic/open_interface.h"

namespace nm::nic {

namespace {

using engine::BoundRing;
using engine::Client;
using engine::PortRecord;

std::vector<uint32_t> hardware_rings(engine::RingRange range, uint32_t hardware) {
  std::vector<uint32_t> numbers;
  for (uint32_t i = range.first; i < range.end && i < hardware; i++) numbers.push_back(i);
  return numbers;
}

}  // namespace

Status OpenInterface::open(const engine::Binding& binding, DriverChoice* choice,
                           std::shared_ptr<OpenInterface>* opened) {
  const Client& client = binding.space->client(binding.client);
  Target target{binding.space, binding.region, binding.port, binding.client, {}};
  const PortRecord& record = binding.record();
  Status status = record.network == this_network() ? read_interface(record.interface_index, &target.interface)
                                                   : Status::no_such_interface;
  std::shared_ptr<OpenInterface> interface(new OpenInterface);
  if (status == Status::ok) status = interface->open_hardware(target, client, choice);
  if (status == Status::ok) *opened = std::move(interface);
  return status;
}

Status OpenInterface::open_hardware(const Target& target, const Client& client, DriverChoice* choice) {
  const PortRecord& record = target.record();
  std::vector<BoundRing> rings;
  for (const uint32_t i : hardware_rings(tx_range(client), record.tx_rings)) {
    rings.push_back(bound_ring(*target.region, record, true, i));
  }
  for (const uint32_t i : hardware_rings(rx_range(client), record.rx_rings)) {
    rings.push_back(bound_ring(*target.region, record, false, i));
  }
  if (rings.empty()) return Status::ok;
  const Status status = open_driver(target, choice->wanted, rings, &choice->attempts, &driver_);
  if (status != Status::ok) return status;
  choice->mode = driver_->mode();
  Attempt& taken = choice->attempts.back();
  taken.refusal = keep_host_out(target, client, &taken.error);
  return taken.refusal == Refusal::none ? Status::ok : Status::no_driver;
}

// netmap cuts the host off queue by queue. What the host sends is not bound to a queue, so that goes on while the program has
// not all of them.
Refusal OpenInterface::keep_host_out(const Target& target, const Client& client, int* error) {
  const PortRecord& record = target.record();
  const std::vector<uint32_t> received = hardware_rings(rx_range(client), record.rx_rings);
  Refusal refusal = Refusal::none;
  if (!received.empty() && !driver_->takes_from_host()) {
    refusal = cut_off_.receiving(target.interface, received, error);
  }
  const bool sends_all = hardware_rings(tx_range(client), record.tx_rings).size() == record.tx_rings;
  if (refusal == Refusal::none && sends_all) refusal = cut_off_.sending(target.interface, error);
  return refusal;
}

}  // namespace nm::nic
