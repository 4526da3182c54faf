// Taking persistent ports and network interfaces onto switches and off them again, and what may be asked of a port that is
// on one.
//
// An interface needs somebody to move its packets: a process of its own, the switch worker (device/switch_worker.h). It has
// the interface open, and a port of the interface's name on the switch, both exclusively, and is asked to end by a word in
// shared memory.
//
// A port on two switches joins them: what a station of one sends to a station of the other goes through it, straight
// into that one's ring (ValeSender::pass_on). Nobody can open it meanwhile.
//
// Threads   Everything here holds the namespace's control lock, but for the waiting.
// Failure   The place on the switch is made first and goes first; what the port says about it follows. Whoever finds
//           them disagreeing repairs: a place that its port knows nothing of is none, and the other way round.
#pragma once

#include <memory>
#include <string>

#include "engine/namespace.h"

namespace nm::engine {

// Serves VALE_ATTACH: puts the port after the colon of `name` on the switch before it. Of a network interface, *interface gets
// the name, and all that is done is to look: a switch worker is to do the rest.
Status attach(const std::shared_ptr<Namespace>& space, const std::string& name,
              abi::nmreq_vale_attach* request, std::string* interface);

// A registration of some process, which may end at any time.
struct Registration {
  uint32_t client = 0;  // 0: none
  uint32_t generation = 0;
};

// Serves VALE_DETACH. Whoever has the port open keeps it; it has no peers then. Of a network interface, *worker gets the
// registration of the one who moves its packets, who was asked to end.
Status detach(const std::shared_ptr<Namespace>& space, const std::string& name,
              abi::nmreq_vale_detach* request, Registration* worker);

// Waits until the registration is no more, and cleans up after it. worker_stuck when it is still there after some seconds.
Status wait_for_end(const std::shared_ptr<Namespace>& space, const Registration& worker);

// Waits for `timeout_ns` at most, or until somebody asks something of the client: whether that it end. Needs no lock.
bool wait_to_be_asked(Client& client, int64_t timeout_ns);

// Tells the places of a persistent port on its switches whether it joins them, as its record says.
void join_switches(Namespace& space, const PortRecord& record);

// The processors [first, first + count) on which a switch worker polls; none: it sleeps where there are no packets. One word.
struct Polling {
  uint32_t first = 0;
  uint32_t count = 0;

  uint64_t pack() const { return uint64_t{first} << 32 | count; }
  static Polling unpack(uint64_t word) {
    return {static_cast<uint32_t>(word >> 32), static_cast<uint32_t>(word)};
  }
};

// Serve VALE_POLLING_ENABLE and VALE_POLLING_DISABLE, which are for network interfaces on a switch.
Status enable_polling(const std::shared_ptr<Namespace>& space, const std::string& name,
                      const abi::nmreq_vale_polling& wanted);
Status disable_polling(const std::shared_ptr<Namespace>& space, const std::string& name);

}  // namespace nm::engine
