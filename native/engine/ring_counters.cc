#include "engine/ring_counters.h"

namespace nm::engine {

Counters ring_counters(const RingState& ring, bool is_tx) {
  Counters counters;
  // What arrives is counted by who brings it, what is sent by who sends it.
  counters.packets = is_tx ? uint64_t{ring.packets} : ring.delivered_packets.load(std::memory_order_relaxed);
  counters.bytes = is_tx ? uint64_t{ring.bytes} : ring.delivered_bytes.load(std::memory_order_relaxed);
  counters.syncs = ring.syncs;
  counters.ring_resets = ring.ring_resets;
  counters.drops_full = ring.drops_full.load(std::memory_order_relaxed);
  counters.drops_too_long = ring.drops_too_long.load(std::memory_order_relaxed);
  counters.drops_no_destination = ring.drops_no_destination;
  counters.drops_bad_slot =
      ring.drops_bad_slot + ring.drops_bad_receiver_slot.load(std::memory_order_relaxed);
  counters.drops_too_short = ring.drops_too_short;
  counters.drops_too_many_slots = ring.drops_too_many_slots;
  counters.drops_bad_header = ring.drops_bad_header;
  counters.drops_refused = ring.drops_refused;
  counters.drops_isolated = ring.drops_isolated;
  counters.drops_rate_limit = ring.drops_rate_limit;
  counters.drops_mac_limit = ring.drops_mac_limit;
  counters.held_back = ring.held_back;
  counters.drops_dead_sender = ring.drops_dead_sender.load(std::memory_order_relaxed);
  counters.wakeups = ring.wakeups.load(std::memory_order_relaxed);
  return counters;
}

void add_counters(Counters* sum, const Counters& more) {
#define row(name, text) sum->name += more.name;
  NM_COUNTERS(row)
#undef row
}

}  // namespace nm::engine
