// Work that a thread of libuv's does while JavaScript goes on: looked at, told to stop, awaited.
//
// A job has run(), and stop() and offset() for any thread meanwhile. JavaScript gets { ended, offset(), stop() }: `ended`
// resolves to what `result(env, job)` makes of the job.
#pragma once

#include <napi.h>

#include <memory>
#include <utility>

namespace nm::addon {

template <typename Job>
class Background final : public Napi::AsyncWorker {
 public:
  using Result = Napi::Object (*)(Napi::Env env, const Job& job);

  static Napi::Object start(Napi::Env env, const char* name, std::shared_ptr<Job> job, Result result) {
    auto* const worker = new Background(env, name, job, result);
    Napi::Object object = Napi::Object::New(env);
    object["ended"] = worker->ended_.Promise();
    object["offset"] = Napi::Function::New(env, [job](const Napi::CallbackInfo& info) {
      return Napi::Number::New(info.Env(), static_cast<double>(job->offset()));
    });
    object["stop"] = Napi::Function::New(env, [job](const Napi::CallbackInfo&) { job->stop(); });
    worker->Queue();
    return object;
  }

 private:
  Background(Napi::Env env, const char* name, std::shared_ptr<Job> job, Result result)
      : AsyncWorker(env, name), job_(std::move(job)), result_(result), ended_(env) {}

  void Execute() override { job_->run(); }
  void OnOK() override { ended_.Resolve(result_(Env(), *job_)); }

  const std::shared_ptr<Job> job_;
  const Result result_;
  Napi::Promise::Deferred ended_;
};

}  // namespace nm::addon
