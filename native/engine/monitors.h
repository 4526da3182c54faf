// Making monitors, and telling the rings that they watch. Control lock held throughout.
//
// A monitor is a port of its own, in memory of its own or, when it swaps buffers, in that of the port it watches. What
// ties the two together is a Watch in the watched port's region; who syncs a watched ring finds it there (watchers.h).
#pragma once

#include "engine/binding.h"
#include "engine/ports.h"

namespace nm::engine {

inline constexpr uint64_t kMonitorFlags = abi::NR_MONITOR_TX | abi::NR_MONITOR_RX | abi::NR_ZCOPY_MON;

// Makes a monitor of `watched`, which must be open. It sees nothing yet.
Status make_monitor(Namespace& space, const FoundPort& watched, const abi::nmreq_register& request,
                    FoundPort* made);

// From now on the monitor sees packets, as `flags` of its registration say, in the RX rings that it has bound.
void start_watch(Namespace& space, const FoundPort& monitor, uint64_t flags, RingRange bound);
void end_watch(Namespace& space, const Region& region, uint32_t monitor);

// Zero-copy monitors of port `index` hand its buffers on: their slots say where packets begin as those of the port do.
void tell_monitors_offsets(Namespace& space, const Region& region, uint32_t index);

// Port `index` was closed by its last user: what watched it sees nothing from now on, and is told so.
void orphan_monitors(Namespace& space, Region& region, uint32_t index);

// Finishes the swaps with ring `ring`, of a monitor that goes, which dead feeders left half done.
void finish_swaps_with(const Namespace& space, const Region& region, uint32_t ring);
// Lets go of a ring in whose sync `holder` died, if it did.
void free_busy_ring(const Region& region, uint32_t ring, uint32_t holder);

// After a process died in a control operation: ends the watches that lead nowhere, and tells monitors without one.
void repair_watches(Namespace& space, Region& region);

}  // namespace nm::engine
