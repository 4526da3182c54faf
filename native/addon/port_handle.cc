#include "addon/port_handle.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "addon/loop_handle.h"
#include "addon/mapped_file.h"
#include "addon/read.h"
#include "addon/request.h"
#include "addon/result.h"
#include "device/open.h"

namespace nm::addon {
namespace {

// Marks our objects, so that a call which is given something else can tell.
constexpr napi_type_tag kTypeTag{0x6e6d2d706f72742d, 0x68616e646c652d31};

abi::nmreq_register read_register(Napi::Object request) {
  abi::nmreq_register wanted{};
  read(request, "txSlots", &wanted.nr_tx_slots);
  read(request, "rxSlots", &wanted.nr_rx_slots);
  read(request, "txRings", &wanted.nr_tx_rings);
  read(request, "rxRings", &wanted.nr_rx_rings);
  read(request, "hostTxRings", &wanted.nr_host_tx_rings);
  read(request, "hostRxRings", &wanted.nr_host_rx_rings);
  read(request, "memId", &wanted.nr_mem_id);
  read(request, "ringid", &wanted.nr_ringid);
  read(request, "mode", &wanted.nr_mode);
  read(request, "extraBuffers", &wanted.nr_extra_bufs);
  read(request, "flags", &wanted.nr_flags);
  return wanted;
}

// The file that is to be the port's memory, and the sizes of its pools.
Status read_memory(Napi::Object request, MappedFile* file, PortOptions* options) {
  const Napi::Value wanted = request.Get("extmem");
  if (!wanted.IsObject()) return Status::ok;
  const auto from = wanted.As<Napi::Object>();
  const Napi::Value path = from.Get("file");
  if (!path.IsString() || !file->open(path.As<Napi::String>())) return Status::external_unreachable;
  abi::nmreq_opt_extmem& option = options->extmem.emplace();
  option.nro_usrptr = file->address();
  option.nro_info.nr_memsize = file->size();
  read(from, "if_num", &option.nro_info.nr_if_pool_objtotal);
  read(from, "if_size", &option.nro_info.nr_if_pool_objsize);
  read(from, "ring_num", &option.nro_info.nr_ring_pool_objtotal);
  read(from, "ring_size", &option.nro_info.nr_ring_pool_objsize);
  read(from, "buf_num", &option.nro_info.nr_buf_pool_objtotal);
  read(from, "buf_size", &option.nro_info.nr_buf_pool_objsize);
  return Status::ok;
}

// Where packets begin in their buffers.
void read_offset(Napi::Object request, PortOptions* options) {
  const Napi::Value wanted = request.Get("offset");
  if (!wanted.IsObject()) return;
  abi::nmreq_opt_offsets& option = options->offsets.emplace();
  read(wanted.As<Napi::Object>(), "initial", &option.nro_initial_offset);
  read(wanted.As<Napi::Object>(), "bits", &option.nro_offset_bits);
  option.nro_max_offset = option.nro_initial_offset;
}

Napi::Number number(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

// What a registration and a PORT_INFO_GET both tell of a port.
template <typename Reply>
Napi::Object geometry(Napi::Env env, const Reply& reply) {
  Napi::Object object = Napi::Object::New(env);
  object["memSize"] = number(env, reply.nr_memsize);
  object["memId"] = number(env, reply.nr_mem_id);
  object["txSlots"] = number(env, reply.nr_tx_slots);
  object["rxSlots"] = number(env, reply.nr_rx_slots);
  object["txRings"] = number(env, reply.nr_tx_rings);
  object["rxRings"] = number(env, reply.nr_rx_rings);
  object["hostTxRings"] = number(env, reply.nr_host_tx_rings);
  object["hostRxRings"] = number(env, reply.nr_host_rx_rings);
  return object;
}

// How a network interface was opened: which drivers were tried, and what came of it.
Napi::Object driver_report(Napi::Env env, const DriverReport& report) {
  Napi::Array attempts = Napi::Array::New(env, report.attempts.size());
  for (uint32_t i = 0; i < report.attempts.size(); i++) {
    Napi::Object attempt = Napi::Object::New(env);
    attempt["driver"] = Napi::String::New(env, report.attempts[i].driver);
    attempt["refusal"] = number(env, report.attempts[i].refusal);
    attempt["error"] = number(env, static_cast<uint64_t>(report.attempts[i].error));
    attempts[i] = attempt;
  }
  Napi::Object object = Napi::Object::New(env);
  object["attempts"] = attempts;
  object["mode"] = Napi::String::New(env, report.mode);
  return object;
}

Napi::Array rings(Napi::Env env, OpenPort& open, const std::vector<Ring>& rings) {
  Napi::Array array = Napi::Array::New(env, rings.size());
  for (uint32_t i = 0; i < rings.size(); i++) {
    const Ring& ring = rings[i];
    const size_t size = sizeof(abi::netmap_ring) + ring.slots() * sizeof(abi::netmap_slot);
    Napi::Object object = Napi::Object::New(env);
    object["number"] = number(env, ring.shared()->ringid);
    object["slots"] = number(env, ring.slots());
    object["memory"] = open.expose(env, ring.shared(), size);
    array[i] = object;
  }
  return array;
}

// One number per counter, in the order of counters.h.
Napi::Value counters_result(Napi::Env env, Status status, const Counters& counters) {
  if (status != Status::ok) return failure(env, status);
  Napi::Array values = Napi::Array::New(env);
#define row(name, text) values[values.Length()] = number(env, counters.name);
  NM_COUNTERS(row)
#undef row
  return values;
}

// A request about the header of a port: (directory, name, ...).
Status ask_header(const Napi::CallbackInfo& info, uint16_t type, abi::nmreq_port_hdr* body) {
  if (!info[0].IsString() || !info[1].IsString()) return Status::bad_request;
  return ask(info[0].As<Napi::String>().Utf8Value(), type, info[1].As<Napi::String>(), body);
}

}  // namespace

void PortHandle::install(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor =
      DefineClass(env, "NativePort",
                  {
                      InstanceMethod<&PortHandle::buffer_count>("bufferCount"),
                      InstanceMethod<&PortHandle::buffers>("buffers"),
                      InstanceMethod<&PortHandle::wait>("wait"),
                      InstanceMethod<&PortHandle::stop_waiting>("stopWaiting"),
                      InstanceMethod<&PortHandle::last_reset>("lastReset"),
                      InstanceMethod<&PortHandle::tx_counters>("txCounters"),
                      InstanceMethod<&PortHandle::rx_counters>("rxCounters"),
                      InstanceMethod<&PortHandle::extra_buffers_head>("extraBuffersHead"),
                      InstanceMethod<&PortHandle::set_extra_buffers_head>("setExtraBuffersHead"),
                      InstanceMethod<&PortHandle::close>("close"),
                  });
  auto* reference = new Napi::FunctionReference(Napi::Persistent(constructor));
  env.AddCleanupHook([reference] { delete reference; });
  exports["openPort"] = Napi::Function::New(env, open, "openPort", reference);
  exports["portInfo"] = Napi::Function::New<info>(env, "portInfo");
  exports["tryDevice"] = Napi::Function::New<try_device>(env, "tryDevice");
  exports["portHeader"] = Napi::Function::New<header>(env, "portHeader");
  exports["setPortHeader"] = Napi::Function::New<set_header>(env, "setPortHeader");
}

// openPort(place, request, tell): a NativePort, or minus a status. `tell` is called with how a network interface was
// opened, or why not.
Napi::Value PortHandle::open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsObject()) return failure(env, Status::bad_request);
  const auto request = info[1].As<Napi::Object>();
  const Napi::Value name = request.Get("name");
  if (!name.IsString()) return failure(env, Status::bad_request);

  std::unique_ptr<Device> device;
  Status status = open_device(info[0].As<Napi::String>(), &device);
  if (status != Status::ok) return failure(env, status);

  const Napi::Value driver = request.Get("driver");
  if (driver.IsString()) device->choose_driver(driver.As<Napi::String>());

  // Only until the port is open: the engine has the file itself then.
  MappedFile memory;
  PortOptions options;
  status = read_memory(request, &memory, &options);
  if (status != Status::ok) return failure(env, status);
  read_offset(request, &options);

  std::unique_ptr<Port> port;
  DriverReport report;
  status =
      Port::open(std::move(device), name.As<Napi::String>(), read_register(request), &port, &report, options);
  if (!report.attempts.empty() && info[2].IsFunction()) {
    info[2].As<Napi::Function>().Call({driver_report(env, report)});
    if (env.IsExceptionPending()) return env.Undefined();
  }
  if (status != Status::ok) return failure(env, status);

  auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  Napi::Object self = constructor->New({});
  PortHandle* handle = Unwrap(self);
  handle->open_.emplace(std::move(port));
  handle->describe(env, self);
  return self;
}

// portInfo(place, name): the geometry of a port that exists, or minus a status.
Napi::Value PortHandle::info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsString()) return failure(env, Status::bad_request);
  std::unique_ptr<Device> device;
  Status status = open_device(info[0].As<Napi::String>(), &device);
  if (status != Status::ok) return failure(env, status);

  const std::string name = info[1].As<Napi::String>();
  // Asking for the geometry would make the port for a moment. Asking for its header never does.
  abi::nmreq_port_hdr existing{};
  status = ask(*device, abi::NETMAP_REQ_PORT_HDR_GET, name, &existing);
  abi::nmreq_port_info_get body{};
  if (status == Status::ok) status = ask(*device, abi::NETMAP_REQ_PORT_INFO_GET, name, &body);
  if (status != Status::ok) return failure(env, status);
  return geometry(env, body);
}

// tryDevice(place): 0 where a device opens there, or minus a status.
Napi::Value PortHandle::try_device(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) return failure(info.Env(), Status::bad_request);
  std::unique_ptr<Device> device;
  return result(info.Env(), open_device(info[0].As<Napi::String>(), &device));
}

// portHeader(place, name): bytes of the virtio-net header that packets of a switch's port have, or minus a status.
Napi::Value PortHandle::header(const Napi::CallbackInfo& info) {
  abi::nmreq_port_hdr body{};
  const Status status = ask_header(info, abi::NETMAP_REQ_PORT_HDR_GET, &body);
  return result(info.Env(), status, body.nr_hdr_len);
}

// setPortHeader(place, name, bytes): 0, or minus a status.
Napi::Value PortHandle::set_header(const Napi::CallbackInfo& info) {
  if (!info[2].IsNumber()) return failure(info.Env(), Status::bad_request);
  abi::nmreq_port_hdr body{};
  body.nr_hdr_len = info[2].As<Napi::Number>().Uint32Value();
  return result(info.Env(), ask_header(info, abi::NETMAP_REQ_PORT_HDR_SET, &body));
}

PortHandle* PortHandle::from(Napi::Value value) {
  if (!value.IsObject()) return nullptr;
  const auto object = value.As<Napi::Object>();
  return object.CheckTypeTag(&kTypeTag) ? Unwrap(object) : nullptr;
}

PortHandle::PortHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kTypeTag);
}

PortHandle::~PortHandle() {
  if (loop_ != nullptr) loop_->halt();
  if (waiter_ != nullptr) waiter_->close();
}

void PortHandle::describe(Napi::Env env, Napi::Object self) {
  const Port& port = open_->port();
  Napi::Object granted = geometry(env, port.granted());
  granted["ringid"] = number(env, port.granted().nr_ringid);
  granted["mode"] = number(env, port.granted().nr_mode);
  granted["flags"] = number(env, port.granted().nr_flags);
  granted["extraBuffers"] = number(env, port.granted().nr_extra_bufs);
  self["granted"] = granted;
  self["tx"] = rings(env, *open_, port.tx_rings());
  self["rx"] = rings(env, *open_, port.rx_rings());

  self["bufferSize"] = number(env, any_ring().stride());
  add_sync(self, "txSync", sync_call<&Device::tx_sync>);
  add_sync(self, "rxSync", sync_call<&Device::rx_sync>);
}

// Whether JavaScript may use the device now: a loop that runs has it to itself.
Status PortHandle::usable() const {
  if (!open_) return Status::not_registered;
  return loop_ == nullptr ? Status::ok : Status::port_in_use;
}

// Every ring of a region has the same buffers. A null port may have no ring at all.
Ring PortHandle::any_ring() const {
  const Port& port = open_->port();
  if (!port.tx_rings().empty()) return port.tx_rings().front();
  return port.rx_rings().empty() ? Ring() : port.rx_rings().front();
}

Napi::Value PortHandle::buffer_count(const Napi::CallbackInfo& info) {
  if (!open_) return failure(info.Env(), Status::not_registered);
  Mapping mapping;
  const Status status = open_->port().device().map(&mapping);
  return result(info.Env(), status, mapping.buffer_count);
}

// The memory of the buffers that there are now. Those of before keep their memory.
Napi::Value PortHandle::buffers(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!open_) return failure(env, Status::not_registered);
  const Ring ring = any_ring();
  Mapping mapping;
  const Status status = open_->port().device().map(&mapping);
  if (status != Status::ok) return failure(env, status);
  const size_t size = static_cast<size_t>(mapping.buffer_count) * ring.stride();
  if (size == 0) return Napi::ArrayBuffer::New(env, 0);
  return open_->expose(env, ring.buffer(0), size);
}

// Syncs are called for every batch. A method has to find the handle behind its object first, which takes 60 ns more
// than a function that carries the handle. [measured]
template <Status (Device::*sync)()>
napi_value PortHandle::sync_call(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  const auto* self = static_cast<PortHandle*>(data);
  const Status usable = self->usable();
  const Status status = usable == Status::ok ? (self->open_->port().device().*sync)() : usable;
  napi_value result = nullptr;
  napi_create_int32(env, -static_cast<int32_t>(status), &result);
  return result;
}

// The object keeps the function, and the function the object: neither goes without the other.
void PortHandle::add_sync(Napi::Object self, const char* name, napi_callback call) {
  const napi_env env = self.Env();
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, call, this, &function);
  const auto fixed = static_cast<napi_property_attributes>(napi_default);
  Napi::Object(env, function).DefineProperty(Napi::PropertyDescriptor::Value("port", self, fixed));
  self.DefineProperty(Napi::PropertyDescriptor::Value(name, Napi::Value(env, function), fixed));
}

// wait(events, timeoutMs): see Waiter::wait.
Napi::Value PortHandle::wait(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (usable() != Status::ok) return failure(env, usable());
  if (!info[0].IsNumber() || !info[1].IsNumber()) return failure(env, Status::bad_request);
  if (waiter_ == nullptr) {
    const Status status = Waiter::create(env, open_->port().device(), &waiter_);
    if (status != Status::ok) return failure(env, status);
  }
  if (waiter_->busy()) return failure(env, Status::bad_request);
  const int64_t timeout_ms = info[1].As<Napi::Number>().Int64Value();
  return waiter_->wait(info[0].As<Napi::Number>().Uint32Value(), timeout_ms, Value());
}

Napi::Value PortHandle::stop_waiting(const Napi::CallbackInfo& info) {
  if (waiter_ != nullptr) waiter_->stop(Status::interrupted);
  return info.Env().Undefined();
}

// lastReset(): the ring that was set back last, if one was.
Napi::Value PortHandle::last_reset(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (usable() != Status::ok) return env.Undefined();
  const std::optional<RingReset>& reset = open_->port().device().last_reset();
  if (!reset) return env.Undefined();
  Napi::Object object = Napi::Object::New(env);
  object["kind"] = Napi::String::New(env, reset->is_tx ? "tx" : "rx");
  if (reset->ring != RingReset::kUnknown) object["ring"] = number(env, reset->ring);
  if (reset->head != RingReset::kUnknown) {
    object["head"] = number(env, reset->head);
    object["cur"] = number(env, reset->cur);
  }
  return object;
}

Napi::Value PortHandle::tx_counters(const Napi::CallbackInfo& info) {
  if (!open_) return failure(info.Env(), Status::not_registered);
  Counters counters;
  const uint32_t ring = info[0].As<Napi::Number>().Uint32Value();
  return counters_result(info.Env(), open_->port().device().tx_counters(ring, &counters), counters);
}

Napi::Value PortHandle::rx_counters(const Napi::CallbackInfo& info) {
  if (!open_) return failure(info.Env(), Status::not_registered);
  Counters counters;
  const uint32_t ring = info[0].As<Napi::Number>().Uint32Value();
  return counters_result(info.Env(), open_->port().device().rx_counters(ring, &counters), counters);
}

// The index of the first extra buffer, 0 for none. Each extra buffer begins with the index of the next.
Napi::Value PortHandle::extra_buffers_head(const Napi::CallbackInfo& info) {
  if (!open_) return failure(info.Env(), Status::not_registered);
  return number(info.Env(), open_->port().interface()->ni_bufs_head);
}

Napi::Value PortHandle::set_extra_buffers_head(const Napi::CallbackInfo& info) {
  if (!open_) return failure(info.Env(), Status::not_registered);
  open_->port().interface()->ni_bufs_head = info[0].As<Napi::Number>().Uint32Value();
  return result(info.Env(), Status::ok);
}

Napi::Value PortHandle::close(const Napi::CallbackInfo& info) {
  if (loop_ != nullptr) loop_->halt();
  if (waiter_ != nullptr) waiter_->close();
  if (open_) open_->close();
  open_.reset();
  return info.Env().Undefined();
}

}  // namespace nm::addon
