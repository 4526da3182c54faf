// Reads numbers and the like out of a JavaScript object. What is missing, or of another type, keeps its
// default.
#pragma once

#include <napi.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>

namespace nm::addon {

template <typename Field>
void read(Napi::Object from, const char* name, Field* field) {
  const Napi::Value value = from.Get(name);
  if (!value.IsNumber()) return;
  const auto number = value.As<Napi::Number>();
  if constexpr (std::is_floating_point_v<Field>) {
    *field = number.DoubleValue();
  } else {
    *field = static_cast<Field>(number.Int64Value());
  }
}

inline void read(Napi::Object from, const char* name, bool* field) {
  const Napi::Value value = from.Get(name);
  if (value.IsBoolean()) *field = value.As<Napi::Boolean>();
}

template <size_t kSize>
void read(Napi::Object from, const char* name, std::array<uint8_t, kSize>* field) {
  const Napi::Value value = from.Get(name);
  if (!value.IsTypedArray()) return;
  const auto bytes = value.As<Napi::Uint8Array>();
  if (bytes.TypedArrayType() != napi_uint8_array || bytes.ElementLength() != kSize) return;
  std::copy_n(bytes.Data(), kSize, field->begin());
}

// The object of that name, empty when there is none.
inline Napi::Object read_object(Napi::Object from, const char* name) {
  const Napi::Value value = from.Get(name);
  return value.IsObject() ? value.As<Napi::Object>() : Napi::Object::New(from.Env());
}

}  // namespace nm::addon
