// A ring as the descriptor that is bound to it syncs it.
//
// sync_begin() and sync_end() frame every sync: only one descriptor syncs a ring at a time, and what the user
// wrote into it is read once, checked, and only the copy is used.
#pragma once

#include <atomic>

#include "clock.h"
#include "engine/layout.h"
#include "engine/namespace.h"
#include "engine/region.h"
#include "engine/reservation.h"
#include "engine/watchers.h"

namespace nm::engine {

class DataPath;

// What the user wants: slots before head are given back, and it has seen those before cur.
struct UserView {
  uint32_t head;
  uint32_t cur;
};

struct BoundRing {
  const Region* region = nullptr;
  uint32_t index = 0;  // in the region
  RingState* state = nullptr;
  abi::netmap_ring* shared = nullptr;
  LeaseTable leases = nullptr;
  uint32_t slots = 0;
  uint32_t number = 0;  // among the port's rings of its direction
  bool is_tx = false;
  DataPath* path = nullptr;
  std::unique_ptr<Watchers> watchers;  // null while nobody watches

  // A pipe's other end.
  uint32_t peer_index = 0;
  RingState* peer_state = nullptr;
  abi::netmap_ring* peer_shared = nullptr;
  uint64_t partial_bytes = 0;  // in the slots of a packet whose end has not come

  // Since when a reservation at the tail is unfinished, or somebody else is in a sync; 0 is not so.
  int64_t stuck_since_ns = 0;
  Position stuck_at{0, 0};
  uint32_t idle_syncs = 0;
  int64_t busy_since_ns = 0;

  // What the user said when the ring was set back last.
  UserView refused{0, 0};
};

// Ring `number` of one direction of a port, not yet bound to a data path.
BoundRing bound_ring(const Region& region, const PortRecord& record, bool is_tx, uint32_t number);

// Whether ring `number` of one direction leads to the host, not to the hardware.
inline bool is_host_ring(const PortRecord& record, bool is_tx, uint32_t number) {
  return number >= (is_tx ? record.tx_rings : record.rx_rings);
}

enum class SyncBegin { ready, busy, reset };

// Takes the ring for a sync by client `me` and reads the user's view. `busy`: another descriptor is syncing
// it, skip it. `reset`: head or cur were not where they may be; the ring was set back to what the engine last
// agreed to and counted.
SyncBegin sync_begin(const Namespace& space, BoundRing& ring, uint32_t me, UserView* user);

// Shows the user its new tail and lets the ring go.
void sync_end(BoundRing& ring);

// The same for a user whose words are not in the ring (csb.h): `said` is what they say, and the ring is not written.
SyncBegin sync_begin(const Namespace& space, BoundRing& ring, uint32_t me, UserView said, UserView* user);
void sync_release(BoundRing& ring);

// The engine reckons with differences of times, which have a sign.
inline int64_t monotonic_ns() { return static_cast<int64_t>(nm::monotonic_ns()); }

}  // namespace nm::engine
