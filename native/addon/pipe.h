// A pipe of the operating system, for bytes that JavaScript makes and a native loop reads.
#pragma once

#include <napi.h>

namespace nm::addon {

// The function makePipe of the module.
void install_pipe(Napi::Env env, Napi::Object exports);

}  // namespace nm::addon
