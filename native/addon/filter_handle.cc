#include "addon/filter_handle.h"

#include <string>

#include "addon/result.h"

namespace nm::addon {
namespace {

constexpr napi_type_tag kFilterTag = {0x6e6d2066696c7465, 0x7220202020202020};

}  // namespace

void FilterHandle::install(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = DefineClass(env, "NativeFilter", {});
  auto* reference = new Napi::FunctionReference(Napi::Persistent(constructor));
  env.AddCleanupHook([reference] { delete reference; });
  exports["compileFilter"] = Napi::Function::New(env, compile, "compileFilter", reference);
}

FilterHandle::FilterHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kFilterTag);
}

std::shared_ptr<const Filter> FilterHandle::from(Napi::Value value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kFilterTag)) return nullptr;
  return Unwrap(value.As<Napi::Object>())->filter_;
}

// compileFilter(expression, library): a NativeFilter with what came of it.
Napi::Value FilterHandle::compile(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsString()) return failure(env, Status::bad_request);
  const std::string expression = info[0].As<Napi::String>();
  const std::string library = info[1].As<Napi::String>();

  auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  Napi::Object self = constructor->New({});
  std::string reason;
  const FilterOutcome outcome = Filter::compile(expression, library, &Unwrap(self)->filter_, &reason);
  self["outcome"] = Napi::Number::New(env, static_cast<uint32_t>(outcome));
  self["reason"] = Napi::String::New(env, reason);
  return self;
}

}  // namespace nm::addon
