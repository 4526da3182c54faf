// A count that several loops share, as JavaScript holds it.
#pragma once

#include <napi.h>

#include <memory>

#include "traffic/budget.h"

namespace nm::addon {

class BudgetHandle : public Napi::ObjectWrap<BudgetHandle> {
 public:
  // The function shareCount of the module.
  static void install(Napi::Env env, Napi::Object exports);

  // The budget behind a JavaScript value, nullptr when the value is none.
  static std::shared_ptr<Budget> from(Napi::Value value);

  explicit BudgetHandle(const Napi::CallbackInfo& info);

 private:
  static Napi::Value share(const Napi::CallbackInfo& info);

  std::shared_ptr<Budget> budget_;
};

}  // namespace nm::addon
