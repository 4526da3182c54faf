#include "addon/machine.h"

#include <string>
#include <vector>

#include "addon/counter_list.h"
#include "addon/result.h"
#include "engine/open_ports.h"
#include "nic/condition.h"
#include "nic/interface.h"
#include "nic/kernel_features.h"

namespace nm::addon {
namespace {

Napi::Object open_port(Napi::Env env, const engine::OpenPort& port) {
  Napi::Object object = Napi::Object::New(env);
  object["pid"] = port.pid;
  object["name"] = port.name;
  object["kind"] = static_cast<uint32_t>(port.kind);
  object["memId"] = port.region;
  object["mode"] = port.mode;
  object["flags"] = static_cast<double>(port.flags);
  object["txRings"] = port.tx_rings;
  object["rxRings"] = port.rx_rings;
  object["sent"] = counter_list(env, port.sent);
  object["received"] = counter_list(env, port.received);
  return object;
}

Napi::Value open_ports(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString()) return failure(env, Status::bad_request);
  std::shared_ptr<engine::Namespace> space;
  std::vector<engine::OpenPort> ports;
  Status status = engine::Namespace::open(info[0].ToString(), &space);
  if (status == Status::ok) status = engine::list_open_ports(space, &ports);
  if (status != Status::ok) return failure(env, status);
  Napi::Array list = Napi::Array::New(env);
  for (const engine::OpenPort& port : ports) list.Set(list.Length(), open_port(env, port));
  return list;
}

Napi::Value switch_value(Napi::Env env, nic::Switch value) {
  return value == nic::Switch::unknown ? env.Null() : Napi::Boolean::New(env, value == nic::Switch::on);
}

Napi::Value interface_condition(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString()) return failure(env, Status::bad_request);
  const std::string name = info[0].ToString();
  nic::Interface interface;
  nic::Condition condition;
  Status status = nic::read_interface(name, &interface);
  if (status == Status::ok) status = nic::read_condition(name, &condition);
  if (status != Status::ok) return failure(env, status);

  Napi::Object object = Napi::Object::New(env);
  object["index"] = interface.index;
  object["driver"] = interface.driver;
  object["mtu"] = interface.mtu;
  object["txQueues"] = interface.tx_queues;
  object["rxQueues"] = interface.rx_queues;
  object["speedMbps"] = interface.speed_mbps;
  object["isEthernet"] = interface.is_ethernet;
  object["isLoopback"] = interface.is_loopback;
  object["isUp"] = interface.is_up;
  object["hasCarrier"] = interface.has_carrier;
  object["kind"] = condition.kind;
  object["promiscuous"] = condition.promiscuous;
  object["master"] = condition.master;
  object["peer"] = condition.peer;
  object["peerNetwork"] = condition.peer_network;
  object["xdpMode"] = condition.xdp_mode;
  object["xdpProgram"] = condition.xdp_program;
  object["txSlots"] = condition.tx_slots;
  object["rxSlots"] = condition.rx_slots;
  object["mostTxSlots"] = condition.most_tx_slots;
  object["mostRxSlots"] = condition.most_rx_slots;
  object["queues"] = condition.queues;
  object["mostQueues"] = condition.most_queues;
  object["halfDuplex"] = condition.half_duplex;
  object["gro"] = switch_value(env, condition.gro);
  object["lro"] = switch_value(env, condition.lro);
  object["gso"] = switch_value(env, condition.gso);
  object["tso"] = switch_value(env, condition.tso);
  object["rxChecksums"] = switch_value(env, condition.rx_checksums);
  object["txChecksums"] = switch_value(env, condition.tx_checksums);
  object["vlanStrip"] = switch_value(env, condition.vlan_strip);
  object["rxPause"] = switch_value(env, condition.rx_pause);
  object["txPause"] = switch_value(env, condition.tx_pause);
  return object;
}

// Of each row of NM_KERNEL_FEATURES: 0 where it is there, else the errno, or -1 where the kernel gave none.
Napi::Value kernel_features(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const nic::KernelFeatures features = nic::kernel_features();
  Napi::Array list = Napi::Array::New(env);
  const auto add = [&](const nic::KernelFeature& feature) {
    list.Set(list.Length(), feature.present ? 0 : feature.error != 0 ? feature.error : -1);
  };
#define row(name, text) add(features.name);
  NM_KERNEL_FEATURES(row)
#undef row
  return list;
}

}  // namespace

void install_machine(Napi::Env env, Napi::Object exports) {
  exports["openPorts"] = Napi::Function::New(env, open_ports, "openPorts");
  exports["kernelFeatures"] = Napi::Function::New(env, kernel_features, "kernelFeatures");
  exports["interfaceCondition"] = Napi::Function::New(env, interface_condition, "interfaceCondition");
}

}  // namespace nm::addon
