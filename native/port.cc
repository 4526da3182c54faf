#include "port.h"

#include "request_header.h"

namespace nm {

namespace {

// Puts an option, if there is one, in front of the request's list.
template <typename Option>
void add_option(abi::nmreq_header* header, uint32_t type, std::optional<Option>* option) {
  if (!option->has_value()) return;
  (*option)->nro_opt.nro_reqtype = type;
  (*option)->nro_opt.nro_next = header->nr_options;
  header->nr_options = reinterpret_cast<uint64_t>(&**option);
}

}  // namespace

Status Port::open(std::unique_ptr<Device> device, const std::string& name, const abi::nmreq_register& wanted,
                  std::unique_ptr<Port>* result, DriverReport* report, PortOptions options) {
  if (name.size() >= sizeof(abi::nmreq_header::nr_name)) return Status::bad_name;
  std::unique_ptr<Port> port(new Port);
  port->name_ = name;
  port->granted_ = wanted;
  abi::nmreq_header header = request_header(abi::NETMAP_REQ_REGISTER, name, &port->granted_);
  add_option(&header, abi::NETMAP_REQ_OPT_OFFSETS, &options.offsets);
  add_option(&header, abi::NETMAP_REQ_OPT_EXTMEM, &options.extmem);
  Status status = device->control(&header);
  if (report != nullptr) *report = device->driver_report();
  if (status == Status::ok) status = device->map(&port->mapping_);
  if (status != Status::ok) return status;

  uint8_t* const base = port->mapping_.base;
  port->interface_ = reinterpret_cast<abi::netmap_if*>(base + port->granted_.nr_offset);
  const abi::netmap_if& shared = *port->interface_;
  const abi::nmreq_register& granted = port->granted_;
  const auto most_offset = static_cast<uint32_t>(options.offsets ? options.offsets->nro_max_offset : 0);
  const auto add = [&](std::vector<Ring>& rings, uint32_t entry, uint32_t slots) {
    const int64_t offset = shared.ring_ofs[entry];
    if (offset == 0) return;
    auto* ring = reinterpret_cast<abi::netmap_ring*>(reinterpret_cast<uint8_t*>(port->interface_) + offset);
    uint8_t* buffers = reinterpret_cast<uint8_t*>(ring) + ring->buf_ofs;
    rings.emplace_back(ring, slots, buffers, port->mapping_.buffer_count, ring->nr_buf_size,
                       port->mapping_.buffer_count_now, most_offset);
  };
  const uint32_t all_tx = shared.ni_tx_rings + shared.ni_host_tx_rings;
  const uint32_t all_rx = shared.ni_rx_rings + shared.ni_host_rx_rings;
  for (uint32_t i = 0; i < all_tx; i++) add(port->tx_rings_, i, granted.nr_tx_slots);
  for (uint32_t i = 0; i < all_rx; i++) add(port->rx_rings_, all_tx + i, granted.nr_rx_slots);
  port->device_ = std::move(device);
  *result = std::move(port);
  return Status::ok;
}

}  // namespace nm
