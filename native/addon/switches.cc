#include "addon/switches.h"

#include <memory>
#include <string>
#include <vector>

#include "addon/read.h"
#include "addon/request.h"
#include "addon/result.h"
#include "device/worker_log.h"
#include "engine/policy.h"
#include "engine/stations.h"
#include "engine/switch_list.h"

namespace nm::addon {
namespace {

using Call = Napi::Value (*)(const Napi::CallbackInfo&);

// Calls what takes so many texts first, and refuses what is none: a conversion could run a program's code, or throw.
template <size_t kTexts, Call kCall>
Napi::Value with_texts(const Napi::CallbackInfo& info) {
  for (size_t i = 0; i < kTexts; i++) {
    if (!info[i].IsString()) return failure(info.Env(), Status::bad_request);
  }
  return kCall(info);
}

std::string text(const Napi::CallbackInfo& info, size_t index) { return info[index].ToString(); }

// Writes the numbers of ports one after the other.
class NumberWriter {
 public:
  explicit NumberWriter(double* to) : to_(to) {}
  template <typename Number>
  void add(Number number) {
    *to_++ = static_cast<double>(number);
  }
  void add(const Counters& counters) {
#define row(name, text) add(counters.name);
    NM_COUNTERS(row)
#undef row
  }

 private:
  double* to_;
};

#define row(...) +1
constexpr size_t kPortNumbers = 0 NM_LISTED_PORT(row) + 2 * (0 NM_COUNTERS(row)) + 1;
#undef row

// Ports as rows of numbers and texts, see NativePortTable of lib/native.ts. An object for each would take longer than finding
// them does.
Napi::Object port_table(Napi::Env env, const std::vector<engine::ListedPort>& ports) {
  size_t pid_count = 0;
  for (const engine::ListedPort& port : ports) pid_count += port.pids.size();
  Napi::Float64Array numbers = Napi::Float64Array::New(env, ports.size() * kPortNumbers);
  Napi::Float64Array pids = Napi::Float64Array::New(env, pid_count);
  std::string texts;
  NumberWriter number(numbers.Data());
  NumberWriter pid(pids.Data());
  for (const engine::ListedPort& port : ports) {
#define row(name, from, text) number.add(port.from);
    NM_LISTED_PORT(row)
#undef row
    number.add(port.sent);
    number.add(port.received);
    number.add(port.pids.size());
    for (const std::string* text : {&port.name, &port.leads_to, &port.driver, &port.policy.mirror}) {
      texts.append(*text).push_back('\0');
    }
    for (const uint32_t one : port.pids) pid.add(one);
  }
  Napi::Object table = Napi::Object::New(env);
  table["numbers"] = numbers;
  table["texts"] = Napi::String::New(env, texts);
  table["pids"] = pids;
  return table;
}

// Calls `use` with the namespace of the first argument. `use` gives what to answer where it returns ok.
template <typename Use>
Napi::Value with_namespace(const Napi::CallbackInfo& info, Use use) {
  Napi::Value answer = Napi::Number::New(info.Env(), 0);
  std::shared_ptr<engine::Namespace> space;
  Status status = engine::Namespace::open(text(info, 0), &space);
  if (status == Status::ok) status = use(space, &answer);
  return status == Status::ok ? answer : failure(info.Env(), status);
}

// listSwitches(directory, name, onlyNames)
Napi::Value list_switches(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return with_namespace(info, [&](const std::shared_ptr<engine::Namespace>& space, Napi::Value* answer) {
    std::vector<engine::ListedSwitch> switches;
    const engine::Depth depth = info[2].ToBoolean() ? engine::Depth::names : engine::Depth::all;
    const Status status = engine::list_switches(space, text(info, 1), depth, &switches);
    Napi::Array list = Napi::Array::New(env);
    for (const engine::ListedSwitch& vale : switches) {
      Napi::Object object = Napi::Object::New(env);
      object["name"] = vale.name;
      object["index"] = vale.index;
      object["ageingSeconds"] = vale.ageing_s;
      object["ports"] = port_table(env, vale.ports);
      list.Set(list.Length(), object);
    }
    *answer = list;
    return status;
  });
}

// workerLogs(directory): the ports that there are logs of.
Napi::Value worker_logs(const Napi::CallbackInfo& info) {
  Napi::Array list = Napi::Array::New(info.Env());
  return with_namespace(info, [&](const std::shared_ptr<engine::Namespace>& space, Napi::Value* answer) {
    const std::string prefix = kWorkerLogPrefix;
    for (const std::string& file : space->files()) {
      if (file.starts_with(prefix)) list.Set(list.Length(), file.substr(prefix.size()));
    }
    *answer = list;
    return Status::ok;
  });
}

// listOtherPorts(directory)
Napi::Value list_other_ports(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return with_namespace(info, [&](const std::shared_ptr<engine::Namespace>& space, Napi::Value* answer) {
    std::vector<engine::ListedPort> ports;
    const Status status = engine::list_other_ports(space, &ports);
    *answer = port_table(env, ports);
    return status;
  });
}

Napi::Value list_stations(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return with_namespace(info, [&](const std::shared_ptr<engine::Namespace>& space, Napi::Value* answer) {
    std::vector<engine::ListedStation> stations;
    const Status status = engine::list_stations(space, text(info, 1), &stations);
    Napi::Array list = Napi::Array::New(env);
    for (const engine::ListedStation& station : stations) {
      Napi::Object object = Napi::Object::New(env);
      object["mac"] = Napi::Buffer<uint8_t>::Copy(env, reinterpret_cast<const uint8_t*>(&station.mac), 6);
      object["port"] = station.port;
      object["ageSeconds"] = station.age_s;
      object["moves"] = station.moves;
      object["isPinned"] = station.is_pinned;
      list.Set(list.Length(), object);
    }
    *answer = list;
    return status;
  });
}

// listPorts(place): what netmap itself tells of every port on a switch, whichever device it is.
Napi::Value list_ports(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::unique_ptr<Device> device;
  Status status = open_device(text(info, 0), &device);
  Napi::Array list = Napi::Array::New(env);
  abi::nmreq_vale_list body{};
  while (status == Status::ok) {
    abi::nmreq_header header = request_header(abi::NETMAP_REQ_VALE_LIST, "", &body);
    // It gives the port of these numbers, or the next that there is.
    status = device->control(&header);
    if (status == Status::no_more_ports) return list;
    if (status != Status::ok) break;
    header.nr_name[sizeof(header.nr_name) - 1] = '\0';
    Napi::Object object = Napi::Object::New(env);
    object["name"] = Napi::String::New(env, header.nr_name);
    object["switchIndex"] = static_cast<uint32_t>(body.nr_bridge_idx);
    object["place"] = body.nr_port_idx;
    list.Set(list.Length(), object);
    body.nr_port_idx++;
  }
  return failure(env, status);
}

// flushStations(directory, switch, port): how many were forgotten.
Napi::Value flush_stations(const Napi::CallbackInfo& info) {
  return with_namespace(info, [&](const std::shared_ptr<engine::Namespace>& space, Napi::Value* answer) {
    uint32_t flushed = 0;
    const Status status = engine::flush_stations(space, text(info, 1), text(info, 2), &flushed);
    *answer = Napi::Number::New(info.Env(), flushed);
    return status;
  });
}

engine::Mac mac_argument(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsTypedArray()) return 0;
  const auto bytes = info[index].As<Napi::Uint8Array>();
  return bytes.ElementLength() == 6 ? engine::mac_at(bytes.Data()) : 0;
}

// pinStation(directory, port, mac)
Napi::Value pin_station(const Napi::CallbackInfo& info) {
  return with_namespace(info, [&](const std::shared_ptr<engine::Namespace>& space, Napi::Value*) {
    return engine::pin_station(space, text(info, 1), mac_argument(info, 2));
  });
}

// unpinStation(directory, switch, mac)
Napi::Value unpin_station(const Napi::CallbackInfo& info) {
  return with_namespace(info, [&](const std::shared_ptr<engine::Namespace>& space, Napi::Value*) {
    return engine::unpin_station(space, text(info, 1), mac_argument(info, 2));
  });
}

// setAgeing(directory, switch, seconds)
Napi::Value set_ageing(const Napi::CallbackInfo& info) {
  return with_namespace(info, [&](const std::shared_ptr<engine::Namespace>& space, Napi::Value*) {
    return engine::set_ageing(space, text(info, 1), info[2].ToNumber().Uint32Value());
  });
}

// setPolicy(directory, port, policy)
Napi::Value set_policy(const Napi::CallbackInfo& info) {
  return with_namespace(info, [&](const std::shared_ptr<engine::Namespace>& space, Napi::Value*) {
    if (!info[2].IsObject()) return Status::bad_request;
    const Napi::Object from = info[2].As<Napi::Object>();
    engine::Policy policy;
    read(from, "waits", &policy.waits);
    read(from, "rate", &policy.rate);
    read(from, "rateIsBits", &policy.rate_is_bits);
    read(from, "macLimit", &policy.mac_limit);
    read(from, "group", &policy.group);
    policy.mirror = from.Get("mirror").ToString().Utf8Value();
    return engine::set_policy(space, text(info, 1), policy);
  });
}

// attachPort(directory, name, mode, memId): the port's place.
Napi::Value attach_port(const Napi::CallbackInfo& info) {
  abi::nmreq_vale_attach body{};
  body.reg.nr_mode = info[2].ToNumber().Uint32Value();
  body.reg.nr_mem_id = static_cast<uint16_t>(info[3].ToNumber().Uint32Value());
  const Status status = ask(text(info, 0), abi::NETMAP_REQ_VALE_ATTACH, text(info, 1), &body);
  return result(info.Env(), status, body.port_index);
}

// detachPort(directory, name): the place that it had.
Napi::Value detach_port(const Napi::CallbackInfo& info) {
  abi::nmreq_vale_detach body{};
  const Status status = ask(text(info, 0), abi::NETMAP_REQ_VALE_DETACH, text(info, 1), &body);
  return result(info.Env(), status, body.port_index);
}

// createPort(directory, name, wanted): what the new persistent port has.
Napi::Value create_port(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  abi::nmreq_vale_newif body{};
  if (info[2].IsObject()) {
    const Napi::Object from = info[2].As<Napi::Object>();
    read(from, "txSlots", &body.nr_tx_slots);
    read(from, "rxSlots", &body.nr_rx_slots);
    read(from, "txRings", &body.nr_tx_rings);
    read(from, "rxRings", &body.nr_rx_rings);
    read(from, "memId", &body.nr_mem_id);
  }
  const Status status = ask(text(info, 0), abi::NETMAP_REQ_VALE_NEWIF, text(info, 1), &body);
  if (status != Status::ok) return failure(env, status);
  Napi::Object object = Napi::Object::New(env);
  object["txSlots"] = body.nr_tx_slots;
  object["rxSlots"] = body.nr_rx_slots;
  object["txRings"] = static_cast<uint32_t>(body.nr_tx_rings);
  object["rxRings"] = static_cast<uint32_t>(body.nr_rx_rings);
  object["memId"] = static_cast<uint32_t>(body.nr_mem_id);
  return object;
}

// destroyPort(directory, name)
Napi::Value destroy_port(const Napi::CallbackInfo& info) {
  return result(info.Env(), ask(text(info, 0), abi::NETMAP_REQ_VALE_DELIF, text(info, 1), nullptr));
}

// setPolling(directory, name, on, mode, firstCpu, cpus)
Napi::Value set_polling(const Napi::CallbackInfo& info) {
  abi::nmreq_vale_polling body{};
  body.nr_mode = info[3].ToNumber().Uint32Value();
  body.nr_first_cpu_id = info[4].ToNumber().Uint32Value();
  body.nr_num_polling_cpus = info[5].ToNumber().Uint32Value();
  const uint16_t type =
      info[2].ToBoolean() ? abi::NETMAP_REQ_VALE_POLLING_ENABLE : abi::NETMAP_REQ_VALE_POLLING_DISABLE;
  return result(info.Env(), ask(text(info, 0), type, text(info, 1), &body));
}

}  // namespace

void install_switches(Napi::Env env, Napi::Object exports) {
  const auto offer = [&](const char* name, Call call) {
    exports[name] = Napi::Function::New(env, call, name);
  };
  offer("listSwitches", with_texts<2, list_switches>);
  offer("workerLogs", with_texts<1, worker_logs>);
  offer("listPorts", with_texts<1, list_ports>);
  offer("listOtherPorts", with_texts<1, list_other_ports>);
  offer("listStations", with_texts<2, list_stations>);
  offer("flushStations", with_texts<3, flush_stations>);
  offer("pinStation", with_texts<2, pin_station>);
  offer("unpinStation", with_texts<2, unpin_station>);
  offer("setAgeing", with_texts<2, set_ageing>);
  offer("setPolicy", with_texts<2, set_policy>);
  offer("attachPort", with_texts<2, attach_port>);
  offer("detachPort", with_texts<2, detach_port>);
  offer("createPort", with_texts<2, create_port>);
  offer("destroyPort", with_texts<2, destroy_port>);
  offer("setPolling", with_texts<2, set_polling>);
}

}  // namespace nm::addon
