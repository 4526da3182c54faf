// Counters as JavaScript has them: numbers in the order of `counterMeanings`.
#pragma once

#include <napi.h>

#include "counters.h"

namespace nm::addon {

inline Napi::Array counter_list(Napi::Env env, const Counters& counters) {
  Napi::Array list = Napi::Array::New(env);
  uint32_t count = 0;
#define row(name, text) list.Set(count++, static_cast<double>(counters.name));
  NM_COUNTERS(row)
#undef row
  return list;
}

}  // namespace nm::addon
