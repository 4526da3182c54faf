// How the kernel writes down in a packet which queue of the interface it came through.
#pragma once

#include <cstdint>

#include "nic/interface.h"

namespace nm::nic {

// Calls `use` with each value that the queue mapping of a received packet may have when it came through `queue`.
template <typename Use>
void for_each_recorded(const Interface& interface, uint32_t queue, Use use) {
  if (interface.driver == "veth") {
    // What the other end wrote down when it sent: the number itself. [measured]
    use(queue);
    return;
  }
  // One more than the number, so that 0 says that nobody wrote it down. [skb_record_rx_queue()]
  use(queue + 1);
  if (queue == 0) use(0);
}

}  // namespace nm::nic
