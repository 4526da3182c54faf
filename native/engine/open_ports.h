// Who has which port open: one entry for each descriptor of the namespace.
//
// Threads   The list is made under the control lock. Packets never wait for it; counters are read while they grow.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "counters.h"
#include "engine/layout.h"
#include "engine/namespace.h"
#include "status.h"

namespace nm::engine {

struct OpenPort {
  uint32_t pid = 0;  // of the process that opened it
  std::string name;  // as in its request; a monitor's is that of the port it watches
  PortKind kind = PortKind::free;
  uint32_t region = 0;
  uint32_t mode = 0;   // nr_mode
  uint64_t flags = 0;  // nr_flags
  uint32_t tx_rings = 0;
  uint32_t rx_rings = 0;
  // Sums over the rings that the descriptor has, counted since they were made, whoever used them.
  Counters sent;
  Counters received;
};

// What people call the port: a monitor as what it watches, and nothing where that is gone.
std::string shown_name(Namespace& space, const PortRecord& record);

Status list_open_ports(const std::shared_ptr<Namespace>& space, std::vector<OpenPort>* ports);

}  // namespace nm::engine
