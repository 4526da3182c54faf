#include "addon/recorder_handle.h"

#include <errno.h>

#include <string>
#include <utility>

#include "addon/read.h"

namespace nm::addon {
namespace {

constexpr napi_type_tag kRecorderTag = {0x6e6d207265636f72, 0x6465722020202020};

std::string text_of(Napi::Object from, const char* name) {
  const Napi::Value value = from.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

RecorderOptions read_recorder_options(Napi::Object from) {
  RecorderOptions options;
  read(from, "kind", &options.kind);
  options.application = text_of(from, "application");
  options.path = text_of(from, "path");
  options.path_end = text_of(from, "pathEnd");
  read(from, "descriptor", &options.descriptor);
  read(from, "memory", &options.memory);
  read(from, "inputs", &options.inputs);
  const Napi::Object rotation = read_object(from, "rotation");
  read(rotation, "bytes", &options.rotation.bytes);
  read(rotation, "timeNs", &options.rotation.time_ns);
  read(rotation, "packets", &options.rotation.packets);
  read(rotation, "files", &options.rotation.files);
  const Napi::Value interfaces = from.Get("interfaces");
  if (!interfaces.IsArray()) return options;
  const Napi::Array array = interfaces.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value value = array.Get(i);
    if (!value.IsObject()) continue;
    const Napi::Object one = value.As<Napi::Object>();
    CaptureInterface interface = {text_of(one, "name"), text_of(one, "description"), text_of(one, "filter"),
                                  0};
    read(one, "snaplen", &interface.snaplen);
    options.interfaces.push_back(std::move(interface));
  }
  return options;
}

}  // namespace

void RecorderHandle::install(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor =
      DefineClass(env, "NativeRecorder", {InstanceMethod<&RecorderHandle::figures>("figures")});
  auto* reference = new Napi::FunctionReference(Napi::Persistent(constructor));
  env.AddCleanupHook([reference] { delete reference; });
  exports["startRecorder"] = Napi::Function::New(env, start, "startRecorder", reference);
}

RecorderHandle::RecorderHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kRecorderTag);
}

std::shared_ptr<Recorder> RecorderHandle::from(Napi::Value value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kRecorderTag)) return nullptr;
  return Unwrap(value.As<Napi::Object>())->recorder_;
}

// startRecorder(options): a NativeRecorder, or minus an errno.
Napi::Value RecorderHandle::start(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsObject()) return Napi::Number::New(env, -EINVAL);
  int error = 0;
  std::shared_ptr<Recorder> recorder =
      Recorder::start(read_recorder_options(info[0].As<Napi::Object>()), &error);
  if (recorder == nullptr) return Napi::Number::New(env, -error);
  auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  Napi::Object self = constructor->New({});
  Unwrap(self)->recorder_ = std::move(recorder);
  return self;
}

// Bytes and files written, packets that were not, and an errno.
Napi::Value RecorderHandle::figures(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object object = Napi::Object::New(env);
  if (recorder_ == nullptr) return object;
  object["bytes"] = Napi::Number::New(env, static_cast<double>(recorder_->written()));
  object["files"] = Napi::Number::New(env, static_cast<double>(recorder_->files()));
  object["discarded"] = Napi::Number::New(env, static_cast<double>(recorder_->discarded()));
  object["error"] = Napi::Number::New(env, recorder_->error());
  return object;
}

}  // namespace nm::addon
