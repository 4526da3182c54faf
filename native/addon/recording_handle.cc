#include "addon/recording_handle.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>

namespace nm::addon {
namespace {

constexpr napi_type_tag kTag = {0x6e6d207265636f72, 0x64696e6720202020};

}  // namespace

void RecordingHandle::install(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = DefineClass(env, "NativeRecording", {});
  auto* reference = new Napi::FunctionReference(Napi::Persistent(constructor));
  env.AddCleanupHook([reference] { delete reference; });
  exports["readRecording"] = Napi::Function::New(env, read, "readRecording", reference);
}

RecordingHandle::RecordingHandle(const Napi::CallbackInfo& info)
    : ObjectWrap(info), recording_(std::make_shared<Recording>()) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

std::shared_ptr<const Recording> RecordingHandle::from(Napi::Value value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) return nullptr;
  return Unwrap(value.As<Napi::Object>())->recording_;
}

// readRecording(path): a NativeRecording with what it holds, and what came of reading the file; or minus an errno.
Napi::Value RecordingHandle::read(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsString()) return Napi::Number::New(env, -EINVAL);
  const std::string path = info[0].As<Napi::String>();
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return Napi::Number::New(env, -errno);

  auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  Napi::Object self = constructor->New({});
  Recording& recording = *Unwrap(self)->recording_;
  CaptureFault fault;
  const Recording::Outcome outcome = recording.read(descriptor, &fault);
  close(descriptor);

  self["outcome"] = Napi::Number::New(env, static_cast<uint32_t>(outcome));
  self["fault"] = Napi::Number::New(env, static_cast<uint32_t>(fault.kind));
  self["offset"] = Napi::Number::New(env, static_cast<double>(fault.offset));
  self["found"] = Napi::Number::New(env, static_cast<double>(fault.found));
  self["packets"] = Napi::Number::New(env, static_cast<double>(recording.packets().size()));
  self["bytes"] = Napi::Number::New(env, static_cast<double>(recording.length()));
  self["longest"] = Napi::Number::New(env, recording.longest());
  return self;
}

}  // namespace nm::addon
