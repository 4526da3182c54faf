// A recording as JavaScript holds it: the packets of a capture file, to be sent.
#pragma once

#include <napi.h>

#include <memory>

#include "traffic/recording.h"

namespace nm::addon {

class RecordingHandle : public Napi::ObjectWrap<RecordingHandle> {
 public:
  // The function readRecording of the module.
  static void install(Napi::Env env, Napi::Object exports);

  // The recording behind a JavaScript value, nullptr when the value is none.
  static std::shared_ptr<const Recording> from(Napi::Value value);

  explicit RecordingHandle(const Napi::CallbackInfo& info);

 private:
  static Napi::Value read(const Napi::CallbackInfo& info);

  std::shared_ptr<Recording> recording_;
};

}  // namespace nm::addon
