// A traffic loop as JavaScript holds it: started on a port, looked at, told to stop, awaited.
//
// Threads   The loop has a thread of its own and the ports' devices to itself. JavaScript reads the loop's
// progress,
//           which is atomic, and hears of the end through a threadsafe function, which keeps the event loop
//           alive until then. Closing the port or ending the environment stops the loop and joins its thread
//           first.
// Memory    While the loop runs, its JavaScript object and the ports' cannot be collected.
#pragma once

#include <napi.h>
#include <uv.h>

#include <memory>
#include <optional>
#include <vector>

#include "traffic/dump.h"
#include "traffic/worker.h"

namespace nm::addon {

class PortHandle;

class LoopHandle : public Napi::ObjectWrap<LoopHandle> {
 public:
  // The functions of the module that start a loop.
  static void install(Napi::Env env, Napi::Object exports);

  explicit LoopHandle(const Napi::CallbackInfo& info);
  ~LoopHandle() override;

  // Stops the loop and waits for its thread to end. The port is free after it.
  void halt();

 private:
  using MakeLoop = std::unique_ptr<Loop> (*)(const std::vector<Port*>& ports, Napi::Object options,
                                             Dump* dump);

  static Napi::Value start_generator(const Napi::CallbackInfo& info);
  static Napi::Value start_sink(const Napi::CallbackInfo& info);
  static Napi::Value start_pinger(const Napi::CallbackInfo& info);
  static Napi::Value start_ponger(const Napi::CallbackInfo& info);
  static Napi::Value start_replay(const Napi::CallbackInfo& info);
  static Napi::Value start_capturer(const Napi::CallbackInfo& info);
  static Napi::Value start_balancer(const Napi::CallbackInfo& info);
  static Napi::Value start_forwarder(const Napi::CallbackInfo& info);
  static Napi::Value start_link(const Napi::CallbackInfo& info);
  static Napi::Value start(const Napi::CallbackInfo& info, MakeLoop make_loop);

  // Brings the end of the thread to the event loop. libuv gives it back a turn after it was closed.
  struct Notice {
    uv_async_t async{};
    napi_async_cleanup_hook_handle cleanup = nullptr;
    LoopHandle* loop = nullptr;
  };
  static void on_notice(uv_async_t* async);
  static void on_environment_end(napi_async_cleanup_hook_handle, void* notice);
  static void on_closed(uv_handle_t* handle);

  // Members of the JavaScript object.
  Napi::Value progress(const Napi::CallbackInfo& info);
  Napi::Value take_min_space(const Napi::CallbackInfo& info);
  Napi::Value take_dump(const Napi::CallbackInfo& info);
  Napi::Value histograms(const Napi::CallbackInfo& info);
  Napi::Value streams(const Napi::CallbackInfo& info);
  Napi::Value numbers(const Napi::CallbackInfo& info);
  Napi::Value counts(const Napi::CallbackInfo& info);
  Napi::Value reconfigure(const Napi::CallbackInfo& info);
  Napi::Value stop(const Napi::CallbackInfo& info);

  Status begin(Napi::Env env, const std::vector<PortHandle*>& ports, Napi::Object options,
               MakeLoop make_loop);

  void settle();
  void close_notice();

  std::unique_ptr<Dump> dump_;
  std::unique_ptr<Worker> worker_;
  // There are some while the loop runs.
  std::vector<PortHandle*> ports_;
  // Set until JavaScript has heard of the end.
  Notice* notice_ = nullptr;
  std::optional<Napi::Promise::Deferred> ended_;
  std::optional<Napi::AsyncContext> context_;
  std::vector<Napi::ObjectReference> keep_ports_;
};

}  // namespace nm::addon
