// Switches of a namespace: what is on them, and what may be changed.
#pragma once

#include <napi.h>

namespace nm::addon {

// exports.listSwitches(directory) and so on, see lib/native.ts.
void install_switches(Napi::Env env, Napi::Object exports);

}  // namespace nm::addon
