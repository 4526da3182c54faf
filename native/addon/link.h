// Links, as JavaScript describes them: see NativeLinkOptions in lib/native.ts.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "traffic/link.h"

namespace nm::addon {

LinkSpec read_link(Napi::Object from);

// A link from the first port to the second, or nullptr when there can be none. Its models must be made of values that can
// be; how the device is used is the ports' affair.
std::unique_ptr<Loop> make_link(const std::vector<Port*>& ports, Napi::Object options, Dump* dump);

}  // namespace nm::addon
