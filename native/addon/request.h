// Requests of a moment: a device is opened for one, and closed.
#pragma once

#include <memory>
#include <string>

#include "abi/netmap.h"
#include "device/open.h"
#include "request_header.h"
#include "status.h"

namespace nm::addon {

// A request about the port `name`, which `body` belongs to.
inline Status ask(Device& device, uint16_t type, const std::string& name, void* body) {
  if (name.size() >= sizeof(abi::nmreq_header::nr_name)) return Status::bad_name;
  abi::nmreq_header header = request_header(type, name, body);
  return device.control(&header);
}

// The same at a place: the kernel's device, or a namespace.
inline Status ask(const std::string& place, uint16_t type, const std::string& name, void* body) {
  std::unique_ptr<Device> device;
  const Status status = open_device(place, &device);
  return status == Status::ok ? ask(*device, type, name, body) : status;
}

}  // namespace nm::addon
