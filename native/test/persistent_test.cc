// Persistent ports: made, opened and deleted by name.
#include "test/child.h"
#include "test/control_rig.h"
#include "test/inside.h"

using namespace nm;
using namespace nm::test;

namespace {

Status status_of(Rig& rig, const std::string& name, abi::nmreq_register wanted = {}) {
  std::unique_ptr<Port> port;
  return rig.try_open(name, &port, wanted);
}

}  // namespace

TEST("a persistent port has the shape that was asked for, and tells what it got") {
  Rig rig;
  abi::nmreq_vale_newif wanted = {};
  wanted.nr_tx_rings = 2;
  wanted.nr_rx_slots = 64;
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_VALE_NEWIF, "p", &wanted), Status::ok);
  CHECK_EQUAL(wanted.nr_tx_rings, 2u);
  CHECK_EQUAL(wanted.nr_rx_rings, 1u);
  CHECK_EQUAL(wanted.nr_tx_slots, 1024u);
  CHECK_EQUAL(wanted.nr_rx_slots, 64u);
  auto port = rig.open("p");
  CHECK_EQUAL(port->granted().nr_mem_id, wanted.nr_mem_id);
  CHECK_EQUAL(port->granted().nr_tx_rings, 2u);
  CHECK_EQUAL(port->granted().nr_rx_slots, 64u);
  CHECK_EQUAL(port->granted().nr_host_tx_rings, 0u);
  CHECK_EQUAL(std::string(port->interface()->ni_name), "p");
}

TEST("a persistent port outlives the process that made it and is deleted by another") {
  Rig rig;
  Child([&] { CHECK_EQUAL(make_persistent(rig, "p"), Status::ok); }).join();
  rig.open("p").reset();
  Child([&] { CHECK_EQUAL(delete_persistent(rig, "p"), Status::ok); }).join();
  CHECK_EQUAL(status_of(rig, "p"), Status::no_such_interface);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("a persistent port that is on no switch discards what it sends and counts it") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  auto port = rig.open("p");
  for (uint32_t i = 0; i < 3; i++) send(*port, kBroadcast, station(1), i);
  CHECK_EQUAL(port->tx_rings()[0].space(), 1023u);
  Counters counters;
  CHECK_EQUAL(port->device().tx_counters(0, &counters), Status::ok);
  CHECK_EQUAL(counters.packets, 3u);
  CHECK_EQUAL(counters.drops_no_destination, 3u);
}

TEST("a persistent port has no host rings") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  for (const uint32_t mode : {abi::NR_REG_SW, abi::NR_REG_NIC_SW, abi::NR_REG_ONE_SW}) {
    abi::nmreq_register wanted = {};
    wanted.nr_mode = mode;
    CHECK_EQUAL(status_of(rig, "p", wanted), Status::bad_mode);
  }
}

TEST(
    "a name that exists cannot be made again, be it a persistent port's, a pipe parent's or an interface's") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(make_persistent(rig, "p"), Status::interface_exists);
  auto pipe = rig.open("base{1");
  CHECK_EQUAL(make_persistent(rig, "base"), Status::interface_exists);
  CHECK_EQUAL(make_persistent(rig, "lo"), Status::interface_exists);
  CHECK_EQUAL(status_errno(Status::interface_exists), EEXIST);
}

TEST("names that mean another kind of port, and those that no interface could have, are refused") {
  Rig rig;
  for (const char* name :
       {"", "vale0", "vale0:p", "valley", "sixteen_letters_", "a/b", "a:b", "a{1", "a b", ".."}) {
    CHECK_EQUAL(make_persistent(rig, name), Status::bad_interface_name);
  }
  CHECK_EQUAL(make_persistent(rig, "fifteen_letters"), Status::ok);
  CHECK_EQUAL(rig.files(), "namespace port.fifteen_letters region.2");
}

TEST("a persistent port takes the memory region that is asked for, which must exist") {
  Rig rig;
  abi::nmreq_vale_newif wanted = {};
  wanted.nr_mem_id = 77;
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_VALE_NEWIF, "p", &wanted), Status::no_such_region);
  auto owner = rig.open("vale0:owner");
  wanted.nr_mem_id = owner->granted().nr_mem_id;
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_VALE_NEWIF, "p", &wanted), Status::ok);
  CHECK_EQUAL(wanted.nr_mem_id, owner->granted().nr_mem_id);
  CHECK_EQUAL(rig.open("p")->granted().nr_mem_id, owner->granted().nr_mem_id);
  owner.reset();
  rig.open("p").reset();
  CHECK_EQUAL(delete_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("rings and slots beyond the limits are refused, and leave nothing behind") {
  Rig rig;
  abi::nmreq_vale_newif wanted = {};
  wanted.nr_rx_rings = 17;
  CHECK_EQUAL(make_persistent(rig, "p", wanted), Status::bad_geometry);
  wanted = {};
  wanted.nr_tx_slots = 4097;
  CHECK_EQUAL(make_persistent(rig, "p", wanted), Status::bad_geometry);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("a persistent port cannot be deleted while it is open, or while a pipe hangs on it") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  auto port = rig.open("p");
  CHECK_EQUAL(delete_persistent(rig, "p"), Status::port_used);
  port.reset();
  auto pipe = rig.open("p{1");
  CHECK_EQUAL(delete_persistent(rig, "p"), Status::port_used);
  CHECK_EQUAL(status_errno(Status::port_used), EBUSY);
  pipe.reset();
  CHECK_EQUAL(delete_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("a pipe on a persistent port lies in its memory, and goes without it") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  auto port = rig.open("p");
  auto pipe = rig.open("p{1");
  CHECK_EQUAL(pipe->granted().nr_mem_id, port->granted().nr_mem_id);
  pipe.reset();
  port.reset();
  CHECK_EQUAL(status_of(rig, "p"), Status::ok);
}

TEST("only persistent ports can be deleted") {
  Rig rig;
  auto pipe = rig.open("base{1");
  auto ephemeral = rig.open("vale0:a");
  CHECK_EQUAL(delete_persistent(rig, "base"), Status::not_a_persistent_port);
  CHECK_EQUAL(delete_persistent(rig, "lo"), Status::not_a_persistent_port);
  CHECK_EQUAL(delete_persistent(rig, "nobody"), Status::no_such_interface);
  CHECK_EQUAL(delete_persistent(rig, "vale0:a"), Status::no_such_interface);
}

TEST("port info and header requests know a persistent port, and leave it alone") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  abi::nmreq_port_info_get info = {};
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_PORT_INFO_GET, "p", &info), Status::ok);
  CHECK_EQUAL(info.nr_rx_slots, 1024u);
  abi::nmreq_port_hdr header = {};
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_PORT_HDR_GET, "p", &header), Status::ok);
  CHECK_EQUAL(rig.files(), "namespace port.p region.2");
}

TEST("two descriptors share a persistent port, and exclusive use keeps the second out under either name") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  abi::nmreq_register exclusive = {};
  exclusive.nr_flags = abi::NR_EXCLUSIVE;
  auto first = rig.open("vale0:p", exclusive);
  CHECK_EQUAL(status_of(rig, "p"), Status::port_exclusive);
  CHECK_EQUAL(status_of(rig, "vale0:p", exclusive), Status::port_exclusive);
  first.reset();
  first = rig.open("p");
  CHECK_EQUAL(status_of(rig, "vale0:p"), Status::ok);
}

TEST("who opens a persistent port next does not get the packets that its last user left unread") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  auto sender = rig.open("vale0:sender");
  auto port = rig.open("p");
  for (uint32_t i = 0; i < 5; i++) send(*sender, kBroadcast, station(1), i);
  CHECK_EQUAL(take(*port), 0);
  port.reset();
  send(*sender, kBroadcast, station(1), 10);
  port = rig.open("p");
  CHECK_EQUAL(take(*port), -1);
  CHECK_EQUAL(port->rx_rings()[0].space(), 0u);
  for (uint32_t i = 0; i < 1023; i++) send(*sender, kBroadcast, station(1), i);
  for (uint32_t i = 0; i < 1023; i++) CHECK_EQUAL(take(*port), i);
}
