#include "addon/budget_handle.h"

namespace nm::addon {
namespace {

constexpr napi_type_tag kBudgetTag = {0x6e6d206275646765, 0x7420202020202020};

}  // namespace

void BudgetHandle::install(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = DefineClass(env, "NativeBudget", {});
  auto* reference = new Napi::FunctionReference(Napi::Persistent(constructor));
  env.AddCleanupHook([reference] { delete reference; });
  exports["shareCount"] = Napi::Function::New(env, share, "shareCount", reference);
}

BudgetHandle::BudgetHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kBudgetTag);
}

std::shared_ptr<Budget> BudgetHandle::from(Napi::Value value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kBudgetTag)) return nullptr;
  return Unwrap(value.As<Napi::Object>())->budget_;
}

// shareCount(packets): a NativeBudget.
Napi::Value BudgetHandle::share(const Napi::CallbackInfo& info) {
  const int64_t packets = info[0].IsNumber() ? info[0].As<Napi::Number>().Int64Value() : 0;
  auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  Napi::Object self = constructor->New({});
  Unwrap(self)->budget_ = std::make_shared<Budget>(packets > 0 ? static_cast<uint64_t>(packets) : 0);
  return self;
}

}  // namespace nm::addon
