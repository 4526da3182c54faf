// What a port of a switch is told to do beside learning and flooding, as netmap's does.
//
//   waits      packets for it wait in their sender's ring while it has no room, instead of being lost. Nobody else waits:
//              not who sends to other ports, and no packet that is flooded. A sender's packets behind one that waits do, for a
//              ring has one order. Who sends from another switch, through a port that joins the two, does not wait.
//   rate       what it sends beyond it is lost; a burst of 10 ms may be saved up
//   MAC limit  packets from more stations than that are lost
//   group      ports of one isolation group do not reach each other, and reach all others
//   mirror     another port of the switch gets a copy of what it sends and gets, as far as that has room
//
// The words lie in the switch's file (layout.h, PortPolicy), and are for the port as long as it is on the switch. Senders look
// at them once per batch; a place whose SwitchPort says `policy` 0 costs them nothing.
//
// Threads   set_policy() holds the namespace's control lock. Senders may see a change with their next batch, or half of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/namespace.h"
#include "engine/switch.h"

namespace nm::engine {

struct Policy {
  bool waits = false;
  uint64_t rate = 0;  // packets or bits a second, 0: any
  bool rate_is_bits = false;
  uint32_t mac_limit = 0;  // 0: any
  uint32_t group = 0;      // 0: none
  std::string mirror;      // the name of a port of the switch, without the switch's; empty: none
};

// What the port at `place` is told.
Policy policy_of(const Switch& vale, uint32_t place);

// Tells the port `name`, "vale0:a", all of it. no_such_mirror: the mirror is no other port of the switch.
Status set_policy(const std::shared_ptr<Namespace>& space, const std::string& name, const Policy& policy);

}  // namespace nm::engine
