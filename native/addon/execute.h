// Turning this process into another program, which Node itself cannot.
#pragma once

#include <napi.h>

namespace nm::addon {

// exports.execute(path, args, environment, directory), see lib/native.ts.
void install_execute(Napi::Env env, Napi::Object exports);

}  // namespace nm::addon
