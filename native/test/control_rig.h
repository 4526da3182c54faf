// Requests about ports of switches, each through a descriptor of its own.
#pragma once

#include <memory>
#include <string>

#include "request_header.h"
#include "test/engine_rig.h"

namespace nm::test {

template <typename Body>
Status request(Rig& rig, uint16_t type, const std::string& name, Body* body) {
  std::unique_ptr<Device> device;
  CHECK_EQUAL(open_embedded_device(rig.directory, &device), Status::ok);
  abi::nmreq_header header = request_header(type, name, body);
  return device->control(&header);
}

inline Status make_persistent(Rig& rig, const std::string& name, abi::nmreq_vale_newif wanted = {}) {
  return request(rig, abi::NETMAP_REQ_VALE_NEWIF, name, &wanted);
}

inline Status delete_persistent(Rig& rig, const std::string& name) {
  return request<void>(rig, abi::NETMAP_REQ_VALE_DELIF, name, nullptr);
}

inline Status attach(Rig& rig, const std::string& name, abi::nmreq_vale_attach* body) {
  if (body->reg.nr_mode == 0) body->reg.nr_mode = abi::NR_REG_ALL_NIC;
  return request(rig, abi::NETMAP_REQ_VALE_ATTACH, name, body);
}
inline Status attach(Rig& rig, const std::string& name) {
  abi::nmreq_vale_attach body = {};
  return attach(rig, name, &body);
}

inline Status detach(Rig& rig, const std::string& name) {
  abi::nmreq_vale_detach body = {};
  return request(rig, abi::NETMAP_REQ_VALE_DETACH, name, &body);
}

}  // namespace nm::test
