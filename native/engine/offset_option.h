// The OFFSETS option of a registration: what is asked for, what a ring can have. Control lock held throughout.
//
// An agreement belongs to a ring, and holds until its port has no users. The two rings of a pipe's direction have one
// together, for the same slots go through both.
#pragma once

#include "engine/binding.h"
#include "engine/ports.h"

namespace nm::engine {

// Whether the port, and its rings in [tx] and [rx], can have what is asked for. Sets the option's status.
Status check_offsets(const FoundPort& port, RingRange tx, RingRange rx, abi::nmreq_opt_offsets* wanted);

// Gives ring `index` what check_offsets() found to be possible, and tells the caller what holds now. In a ring that has
// no users yet all slots get the initial offset.
void set_offsets(const FoundPort& port, uint32_t index, bool is_tx, abi::nmreq_opt_offsets* wanted);

// The first user of a port finds no offsets in its rings.
void forget_offsets(const FoundPort& port);

}  // namespace nm::engine
