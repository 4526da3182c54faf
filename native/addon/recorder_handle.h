// A recorder as JavaScript holds it, to be given to the traffic loops that bring its packets.
#pragma once

#include <napi.h>

#include <memory>

#include "capture/recorder.h"

namespace nm::addon {

class RecorderHandle : public Napi::ObjectWrap<RecorderHandle> {
 public:
  // The function startRecorder of the module.
  static void install(Napi::Env env, Napi::Object exports);

  // The recorder behind a JavaScript value, nullptr when the value is none.
  static std::shared_ptr<Recorder> from(Napi::Value value);

  explicit RecorderHandle(const Napi::CallbackInfo& info);

 private:
  static Napi::Value start(const Napi::CallbackInfo& info);

  Napi::Value figures(const Napi::CallbackInfo& info);

  std::shared_ptr<Recorder> recorder_;
};

}  // namespace nm::addon
