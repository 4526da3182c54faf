// What is known of network interfaces.

#include "nic/interface.h"

#include "nic/drivers.h"
#include "test/check.h"

namespace nm::nic {

TEST("the loopback interface is found and recognised") {
  Interface lo;
  CHECK_EQUAL(read_interface("lo", &lo), Status::ok);
  CHECK(lo.is_loopback && !lo.is_ethernet);
  CHECK(lo.index != 0 && lo.mtu != 0);
  CHECK(lo.tx_queues == 1 && lo.rx_queues == 1);
  CHECK_EQUAL(lo.network, this_network());
}

TEST("a name that no interface has, or could have, is not found") {
  Interface none;
  for (const char* name : {"", "nmnone0", "a name that is far too long"}) {
    CHECK_EQUAL(read_interface(name, &none), Status::no_such_interface);
  }
}

TEST("drivers have names and numbers of their own") {
  for (const DriverKind& kind : drivers()) {
    CHECK(kind.id != 0);
    CHECK(find_driver(kind.id) == &kind);
  }
  CHECK(find_driver(0u) == nullptr);
}

}  // namespace nm::nic
