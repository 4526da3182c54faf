#include "addon/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace nm::addon {
namespace {

// makePipe(): the descriptors of the end to read and the end to write, or minus an errno.
Napi::Value make_pipe(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Napi::Number::New(env, -errno);
  // As much at a time as the system lets everybody have.
  constexpr int kSize = 1 << 20;
  fcntl(ends[1], F_SETPIPE_SZ, kSize);
  Napi::Array array = Napi::Array::New(env);
  array[0u] = Napi::Number::New(env, ends[0]);
  array[1u] = Napi::Number::New(env, ends[1]);
  return array;
}

}  // namespace

void install_pipe(Napi::Env env, Napi::Object exports) {
  exports["makePipe"] = Napi::Function::New(env, make_pipe, "makePipe");
}

}  // namespace nm::addon
