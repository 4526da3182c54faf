// How a status crosses into JavaScript: what a call has to say is a number from 0 on, a failure is minus its
// status.
#pragma once

#include <napi.h>

#include "status.h"

namespace nm::addon {

inline Napi::Number failure(Napi::Env env, Status status) {
  return Napi::Number::New(env, -static_cast<double>(status));
}

inline Napi::Number result(Napi::Env env, Status status, double value = 0) {
  return status == Status::ok ? Napi::Number::New(env, value) : failure(env, status);
}

}  // namespace nm::addon
