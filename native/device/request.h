// Reads a netmap request the way netmap does: version, type, body, then the chain of options.
#pragma once

#include "abi/netmap.h"
#include "status.h"

namespace nm {

// Checks header and options before anything is done. `body_size` is 0 for a request without one. Each
// option's status is set: the options of this chain are all unsupported unless `supported(type)` says
// otherwise.
Status check_request(abi::nmreq_header* header, uint64_t body_size, bool (*supported)(uint32_t option_type));

}  // namespace nm
