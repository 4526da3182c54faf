// Turning this process into another program, and asking about it what Node itself cannot.
#pragma once

#include <napi.h>

namespace nm::addon {

// exports.execute(path, args, environment, directory) and exports.hasCapabilities(path), see lib/native.ts.
void install_execute(Napi::Env env, Napi::Object exports);

}  // namespace nm::addon
