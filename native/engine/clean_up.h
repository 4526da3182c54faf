// Putting right what processes left behind that died.
//
//   reaping     a client whose life line is gone is unbound in its name
//   repairing   after a process died inside a control operation: all counts are derived again from who is
//               alive and which ports were finished
//
// Control lock held throughout.
#pragma once

#include "engine/namespace.h"

namespace nm::engine {

// What every control operation does first, once it has asked for the lock: repairs if that is called for, and
// reaps, all the dead when `thorough` and a share of them otherwise. `reaped`, if not null, gets how many.
Status enter(Namespace& space, ControlLock& lock, bool thorough, uint32_t* reaped);

// The repairing alone, for an operation that must not reap.
void repair_if_interrupted(Namespace& space, ControlLock& lock);

}  // namespace nm::engine
