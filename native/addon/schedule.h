// Schedules as JavaScript writes them.
#pragma once

#include <napi.h>

#include "traffic/schedule.h"

namespace nm::addon {

// The function scheduleTimes of the module.
void install_schedule(Napi::Env env, Napi::Object exports);

// What `schedule` and `share` of a loop's options say: { phases: [{ kind, rate, endRate, durationNs }], repeats, seed }
// and { index, of }.
ScheduleSpec read_schedule(Napi::Object options);

// Whether it is as a Schedule wants it.
bool fits(const ScheduleSpec& schedule);

}  // namespace nm::addon
