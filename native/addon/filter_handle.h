// A packet filter as JavaScript holds it, to be given to traffic loops.
#pragma once

#include <napi.h>

#include <memory>

#include "traffic/filter.h"

namespace nm::addon {

class FilterHandle : public Napi::ObjectWrap<FilterHandle> {
 public:
  // The function compileFilter of the module.
  static void install(Napi::Env env, Napi::Object exports);

  // The filter behind a JavaScript value, nullptr when the value is none.
  static std::shared_ptr<const Filter> from(Napi::Value value);

  explicit FilterHandle(const Napi::CallbackInfo& info);

 private:
  static Napi::Value compile(const Napi::CallbackInfo& info);

  std::shared_ptr<const Filter> filter_;
};

}  // namespace nm::addon
