// Reads what JavaScript says of models: { model, values }, the model by its number.
#pragma once

#include <napi.h>

#include <cstdint>

#include "addon/read.h"

namespace nm::addon {

template <typename Spec>
void read_model(Napi::Object from, const char* name, Spec* spec) {
  const Napi::Value value = from.Get(name);
  if (!value.IsObject()) return;
  *spec = {};
  const auto object = value.As<Napi::Object>();
  read(object, "model", &spec->model);
  const Napi::Value values = object.Get("values");
  if (!values.IsArray()) return;
  for (uint32_t i = 0; i < std::size(spec->values); i++) {
    const Napi::Value number = values.As<Napi::Array>().Get(i);
    if (!number.IsNumber()) continue;
    using Number = std::remove_reference_t<decltype(spec->values[i])>;
    if constexpr (std::is_floating_point_v<Number>) {
      spec->values[i] = number.As<Napi::Number>().DoubleValue();
    } else {
      spec->values[i] = static_cast<Number>(number.As<Napi::Number>().Int64Value());
    }
  }
}

}  // namespace nm::addon
