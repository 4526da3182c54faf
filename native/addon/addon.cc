// The Node addon: what the native core offers JavaScript. lib/native.ts has the types.
//
// Calls are per port and per batch, never per packet. Statuses cross as numbers; words are added in
// TypeScript. Only the files of this folder know of Node.
#include <napi.h>

#include "addon/budget_handle.h"
#include "addon/execute.h"
#include "addon/filter_handle.h"
#include "addon/loop_handle.h"
#include "addon/machine.h"
#include "addon/pipe.h"
#include "addon/port_handle.h"
#include "addon/recorder_handle.h"
#include "addon/recording_handle.h"
#include "addon/replay.h"
#include "addon/schedule.h"
#include "addon/survey.h"
#include "addon/switches.h"
#include "addon/write_capture.h"

namespace {

Napi::Object install(Napi::Env env, Napi::Object exports) {
  nm::addon::PortHandle::install(env, exports);
  nm::addon::LoopHandle::install(env, exports);
  nm::addon::RecordingHandle::install(env, exports);
  nm::addon::BudgetHandle::install(env, exports);
  nm::addon::FilterHandle::install(env, exports);
  nm::addon::RecorderHandle::install(env, exports);
  nm::addon::install_execute(env, exports);
  nm::addon::install_schedule(env, exports);
  nm::addon::install_pipe(env, exports);
  nm::addon::install_rehearsal(env, exports);
  nm::addon::install_survey(env, exports);
  nm::addon::install_machine(env, exports);
  nm::addon::install_switches(env, exports);
  nm::addon::install_write_capture(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(nm, install)
