// A balancer's options, as JavaScript gives them.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "traffic/dump.h"
#include "traffic/loop.h"

namespace nm::addon {

// A balancer from the first of the ports to the others, or nullptr where the options are not what it relies on.
std::unique_ptr<Loop> make_balancer(const std::vector<Port*>& ports, Napi::Object options, Dump* dump);

}  // namespace nm::addon
