// A capturer's options, as JavaScript gives them.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "traffic/dump.h"
#include "traffic/loop.h"

namespace nm::addon {

// A capturer of ports, or nullptr where the options are not what it relies on.
std::unique_ptr<Loop> make_capturer(const std::vector<Port*>& ports, Napi::Object options, Dump* dump);

}  // namespace nm::addon
