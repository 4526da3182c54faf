#include "addon/waiter.h"

#include <algorithm>
#include <utility>

#include "addon/result.h"

namespace nm::addon {
namespace {

// A sender that dies in the middle of a delivery wakes nobody, and what others delivered behind it is held up
// until somebody looks.
constexpr uint64_t kLookAgain_ms = 1000;

}  // namespace

Status Waiter::create(Napi::Env env, Device& device, Waiter** home) {
  Status status = Status::ok;
  const int descriptor = device.poll_descriptor(&status);
  if (descriptor < 0) return status;

  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return Status::system_error;

  auto* waiter = new Waiter(env, device, home);
  if (uv_poll_init(loop, &waiter->poll_, descriptor) != 0) {
    delete waiter;
    return Status::system_error;
  }
  uv_timer_init(loop, &waiter->timer_);
  waiter->poll_.data = waiter;
  waiter->timer_.data = waiter;
  waiter->open_handles_ = 2;
  napi_add_async_cleanup_hook(env, on_environment_end, waiter, &waiter->cleanup_);
  *home = waiter;
  return Status::ok;
}

Napi::Value Waiter::wait(uint32_t events, int64_t timeout_ms, Napi::Object keep) {
  Napi::Promise::Deferred deferred(env_);
  uint32_t ready = 0;
  const Status status = timeout_ms == 0 ? device_.wait(events, 0, &ready) : device_.arm(events, &ready);
  if (status != Status::ok || ready != 0 || timeout_ms == 0) {
    deferred.Resolve(result(env_, status, ready));
    return deferred.Promise();
  }

  uv_update_time(timer_.loop);
  const uint64_t now = uv_now(timer_.loop);
  const uint64_t end = timeout_ms < 0 ? UINT64_MAX : now + static_cast<uint64_t>(timeout_ms);
  pending_.emplace(Pending{deferred, Napi::Persistent(keep), events, end});
  uv_poll_start(&poll_, UV_READABLE, on_poll);
  start_timer();
  return deferred.Promise();
}

void Waiter::start_timer() {
  const uint64_t now = uv_now(timer_.loop);
  const uint64_t left = pending_->end_ms > now ? pending_->end_ms - now : 0;
  uv_timer_start(&timer_, on_timer, std::min(left, kLookAgain_ms), 0);
}

void Waiter::stop(Status reason) {
  if (busy()) settle(-static_cast<int64_t>(reason));
}

void Waiter::close() {
  stop(Status::interrupted);
  *home_ = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), on_closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), on_closed);
}

void Waiter::on_closed(uv_handle_t* handle) {
  auto* waiter = static_cast<Waiter*>(handle->data);
  if (--waiter->open_handles_ > 0) return;
  napi_remove_async_cleanup_hook(waiter->cleanup_);
  delete waiter;
}

void Waiter::on_environment_end(napi_async_cleanup_hook_handle, void* data) {
  auto* waiter = static_cast<Waiter*>(data);
  // Nobody is left to tell: JavaScript does not run any more.
  if (waiter->busy()) waiter->device_.disarm();
  waiter->pending_.reset();
  waiter->close();
}

void Waiter::on_timer(uv_timer_t* timer) {
  auto* waiter = static_cast<Waiter*>(timer->data);
  if (waiter->look_again()) return;
  if (uv_now(timer->loop) >= waiter->pending_->end_ms) return waiter->settle(0);
  waiter->start_timer();
}

void Waiter::on_poll(uv_poll_t* poll, int error, int) {
  auto* waiter = static_cast<Waiter*>(poll->data);
  if (error != 0) return waiter->stop(Status::system_error);
  waiter->look_again();
}

// The notice says only that something may be ready, so the device decides. Returns whether the wait is over.
bool Waiter::look_again() {
  device_.disarm();
  uint32_t ready = 0;
  const Status status = device_.arm(pending_->events, &ready);
  if (status == Status::ok && ready == 0) return false;
  settle(status == Status::ok ? ready : -static_cast<int64_t>(status));
  return true;
}

void Waiter::settle(int64_t result) {
  uv_poll_stop(&poll_);
  uv_timer_stop(&timer_);
  device_.disarm();

  Pending done = std::move(*pending_);
  pending_.reset();
  Napi::HandleScope handles(env_);
  // Without a callback scope the code that awaits the promise would not run before the next callback of
  // somebody else.
  Napi::CallbackScope callback(env_, context_);
  done.deferred.Resolve(Napi::Number::New(env_, static_cast<double>(result)));
}

}  // namespace nm::addon
