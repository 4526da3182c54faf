// Taking persistent ports onto switches and off them again, and what may be asked of a port that is on one.
//
// A port on two switches joins them: what a station of one sends to a station of the other goes through it, straight
// into that one's ring (ValeSender::pass_on). Nobody can open it meanwhile.
//
// Threads   Everything here holds the namespace's control lock.
// Failure   The place on the switch is made first and goes first; what the port says about it follows. Whoever finds
//           them disagreeing repairs: a place that its port knows nothing of is none, and the other way round.
#pragma once

#include <memory>
#include <string>

#include "engine/namespace.h"

namespace nm::engine {

// Serves VALE_ATTACH: puts the port after the colon of `name` on the switch before it.
Status attach(const std::shared_ptr<Namespace>& space, const std::string& name,
              abi::nmreq_vale_attach* request);

// Serves VALE_DETACH. Whoever has the port open keeps it; it has no peers then.
Status detach(const std::shared_ptr<Namespace>& space, const std::string& name,
              abi::nmreq_vale_detach* request);

// Tells the places of a persistent port on its switches whether it joins them, as its record says.
void join_switches(Namespace& space, const PortRecord& record);

// Serves VALE_POLLING_ENABLE and VALE_POLLING_DISABLE, which are for network interfaces on a switch.
Status set_polling(const std::shared_ptr<Namespace>& space, const std::string& name);

}  // namespace nm::engine
