// Makes the loop that replays a capture, or rehearses that, from the options that JavaScript gives.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "traffic/dump.h"
#include "traffic/loop.h"

namespace nm::addon {

// nullptr when the options cannot be.
std::unique_ptr<Loop> make_replay(const std::vector<Port*>& ports, Napi::Object options, Dump* dump);

// The function rehearse of the module.
void install_rehearsal(Napi::Env env, Napi::Object exports);

}  // namespace nm::addon
