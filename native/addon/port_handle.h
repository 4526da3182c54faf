// A port as JavaScript holds it: one object over nm::Port, with calls that take and give plain numbers.
//
// lib/native.ts has the types of what is here and lib/port.ts makes it pleasant; this file adds no meaning.
#pragma once

#include <napi.h>

#include "addon/open_port.h"
#include "addon/waiter.h"

namespace nm::addon {

class LoopHandle;

class PortHandle : public Napi::ObjectWrap<PortHandle> {
 public:
  // The functions openPort and portInfo of the module.
  static void install(Napi::Env env, Napi::Object exports);

  // The handle behind a JavaScript value, nullptr when the value is none.
  static PortHandle* from(Napi::Value value);

  explicit PortHandle(const Napi::CallbackInfo& info);
  ~PortHandle() override;

  // For a traffic loop: whether nobody uses the open port now, the port, and who uses it from now on.
  bool idle() const { return usable() == Status::ok && (waiter_ == nullptr || !waiter_->busy()); }
  Port& port() const { return open_->port(); }
  void occupy(LoopHandle* loop) { loop_ = loop; }

 private:
  static Napi::Value open(const Napi::CallbackInfo& info);
  static Napi::Value info(const Napi::CallbackInfo& info);
  static Napi::Value try_device(const Napi::CallbackInfo& info);
  static Napi::Value header(const Napi::CallbackInfo& info);
  static Napi::Value set_header(const Napi::CallbackInfo& info);

  // Members of the JavaScript object.
  Napi::Value buffer_count(const Napi::CallbackInfo& info);
  Napi::Value buffers(const Napi::CallbackInfo& info);
  Napi::Value wait(const Napi::CallbackInfo& info);
  Napi::Value stop_waiting(const Napi::CallbackInfo& info);
  Napi::Value last_reset(const Napi::CallbackInfo& info);
  Napi::Value tx_counters(const Napi::CallbackInfo& info);
  Napi::Value rx_counters(const Napi::CallbackInfo& info);
  Napi::Value extra_buffers_head(const Napi::CallbackInfo& info);
  Napi::Value set_extra_buffers_head(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  template <Status (Device::*sync)()>
  static napi_value sync_call(napi_env env, napi_callback_info info);
  void add_sync(Napi::Object self, const char* name, napi_callback call);

  void describe(Napi::Env env, Napi::Object self);
  Status usable() const;
  Ring any_ring() const;

  std::optional<OpenPort> open_;
  Waiter* waiter_ = nullptr;
  LoopHandle* loop_ = nullptr;
};

}  // namespace nm::addon
