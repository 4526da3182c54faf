// Waiting for a port from an event loop: a promise that one uv_poll and one uv_timer settle, no thread.
//
//   wait --> arm the device --> ready at once? resolve
//              |
//              v                          poll: look again, resolve when something is ready
//            uv_poll + uv_timer --------> timer: resolve with 0
//                                         stop(): resolve with minus `interrupted`
//
// Threads   All of it runs on the thread of the event loop.
// Memory    A Waiter owns itself: libuv hands its handles back a turn after they are closed, and only then it
// goes.
//           An environment that ends (a worker that is terminated) closes it through a cleanup hook.
#pragma once

#include <napi.h>
#include <uv.h>

#include <optional>

#include "device/device.h"

namespace nm::addon {

class Waiter {
 public:
  // Makes *home a Waiter for `device`, which must stay until close(). *home becomes nullptr when the Waiter
  // closes, be it by itself.
  static Status create(Napi::Env env, Device& device, Waiter** home);

  bool busy() const { return pending_.has_value(); }

  // A promise of the events that are ready, of 0 when `timeout_ms` passed first (negative: no limit), or of
  // minus a status. Not while busy(). `keep` is held while the promise is pending.
  Napi::Value wait(uint32_t events, int64_t timeout_ms, Napi::Object keep);

  // Settles a pending promise with minus `reason`.
  void stop(Status reason);

  // Stops with `interrupted`, lets go of the device and leaves home.
  void close();

 private:
  struct Pending {
    Napi::Promise::Deferred deferred;
    Napi::ObjectReference keep;
    uint32_t events;
    uint64_t end_ms;  // by uv_now, UINT64_MAX: no end
  };

  Waiter(Napi::Env env, Device& device, Waiter** home)
      : env_(env), device_(device), home_(home), context_(env, "nm:wait") {}
  ~Waiter() = default;

  static void on_poll(uv_poll_t* poll, int status, int events);
  static void on_timer(uv_timer_t* timer);
  static void on_closed(uv_handle_t* handle);
  static void on_environment_end(napi_async_cleanup_hook_handle handle, void* waiter);

  void start_timer();
  bool look_again();
  void settle(int64_t result);

  Napi::Env env_;
  Device& device_;
  Waiter** home_;
  Napi::AsyncContext context_;
  uv_poll_t poll_{};
  uv_timer_t timer_{};
  int open_handles_ = 0;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  std::optional<Pending> pending_;
};

}  // namespace nm::addon
