// Writing a capture file of packets that JavaScript has.
#pragma once

#include <napi.h>

namespace nm::addon {

// exports.writeCapture(path, kind, interfaceName, packets), see lib/native.ts.
void install_write_capture(Napi::Env env, Napi::Object exports);

}  // namespace nm::addon
