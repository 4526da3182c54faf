// What the machine and a namespace hold, for those who look and change nothing.
#pragma once

#include <napi.h>

namespace nm::addon {

// exports.openPorts(directory), exports.interfaceCondition(name) and exports.kernelFeatures(), see lib/native.ts.
void install_machine(Napi::Env env, Napi::Object exports);

}  // namespace nm::addon
