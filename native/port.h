// A port: a device bound to rings, with views of those rings. What traffic loops and the addon work with.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/device.h"
#include "ring.h"

namespace nm {

// Options of the request that opens a port.
struct PortOptions {
  std::optional<abi::nmreq_opt_offsets> offsets = {};
  std::optional<abi::nmreq_opt_extmem> extmem = {};
};

class Port {
 public:
  // Registers `name` with the fields of `wanted` on `device` and maps it. On failure *port stays empty. `report` gets what
  // the drivers of a network interface said, on failure too.
  static Status open(std::unique_ptr<Device> device, const std::string& name,
                     const abi::nmreq_register& wanted, std::unique_ptr<Port>* port,
                     DriverReport* report = nullptr, PortOptions options = {});

  Device& device() { return *device_; }
  const std::string& name() const { return name_; }
  // The reply of the registration: what was granted.
  const abi::nmreq_register& granted() const { return granted_; }
  const Mapping& mapping() const { return mapping_; }
  abi::netmap_if* interface() const { return interface_; }

  // The bound rings, host rings after the others.
  const std::vector<Ring>& tx_rings() const { return tx_rings_; }
  const std::vector<Ring>& rx_rings() const { return rx_rings_; }

 private:
  Port() = default;

  std::unique_ptr<Device> device_;
  std::string name_;
  abi::nmreq_register granted_{};
  Mapping mapping_;
  abi::netmap_if* interface_ = nullptr;
  std::vector<Ring> tx_rings_;
  std::vector<Ring> rx_rings_;
};

}  // namespace nm
