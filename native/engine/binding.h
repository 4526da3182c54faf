// A descriptor's hold on a port: which rings it got, and how they are taken and given back.
//
// Control lock held throughout.
#pragma once

#include <memory>

#include "engine/engine.h"
#include "engine/ports.h"

namespace nm::engine {

// Calls `visit(ring index, is_tx)` for each ring of `port` in the two ranges.
template <typename Visit>
void for_each_ring(const PortRecord& record, RingRange tx, RingRange rx, Visit visit) {
  for (uint32_t i = tx.first; i < tx.end; i++) visit(record.first_ring + i, true);
  for (uint32_t i = rx.first; i < rx.end; i++) visit(record.first_ring + record.all_tx() + i, false);
}

// Gives a new client the rings of `port` that `request` selects, and fills in the reply.
Status bind_port(const std::shared_ptr<Namespace>& space, const FoundPort& port,
                 const RegisterOptions& options, abi::nmreq_register* request, Binding* binding);

// Undoes what a client's registration did, and says `then` in its `used` word. Everything it needs is in
// shared memory, so a reaper can do it for the dead.
void unbind_client(Namespace& space, uint32_t id, uint32_t then);

// Gives back the extra buffers that still hang on a netmap_if. The chain is in memory that anybody may have
// written.
void free_extra_buffers(Region& region, abi::netmap_if* shared);

// Whether a record, found where a process may have died while it wrote it, describes a port.
bool record_is_sane(const Region& region, const PortRecord& record);

}  // namespace nm::engine
