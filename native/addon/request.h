// Requests of a moment: a device is opened for one, and closed.
#pragma once

#include <cstring>
#include <memory>
#include <string>

#include "abi/netmap.h"
#include "device/open.h"
#include "status.h"

namespace nm::addon {

// A request about the port `name`, which `body` belongs to.
inline Status ask(Device& device, uint16_t type, const std::string& name, void* body) {
  abi::nmreq_header header{};
  if (name.size() >= sizeof(header.nr_name)) return Status::bad_name;
  header.nr_version = abi::NETMAP_API;
  header.nr_reqtype = type;
  header.nr_body = reinterpret_cast<uint64_t>(body);
  memcpy(header.nr_name, name.data(), name.size());
  return device.control(&header);
}

// The same at a place: the kernel's device, or a namespace.
inline Status ask(const std::string& place, uint16_t type, const std::string& name, void* body) {
  std::unique_ptr<Device> device;
  const Status status = open_device(place, &device);
  return status == Status::ok ? ask(*device, type, name, body) : status;
}

}  // namespace nm::addon
