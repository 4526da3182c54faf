// What a ring has counted, put together from the words of its two sides.
#pragma once

#include "counters.h"
#include "engine/layout.h"

namespace nm::engine {

Counters ring_counters(const RingState& ring, bool is_tx);

void add_counters(Counters* sum, const Counters& more);

}  // namespace nm::engine
