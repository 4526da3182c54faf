// The list of open ports.
#include "engine/open_ports.h"

#include <algorithm>

#include "test/engine_rig.h"

using namespace nm;
using namespace nm::test;
using engine::OpenPort;
using engine::PortKind;

namespace {

std::vector<OpenPort> open_ports(Rig& rig) {
  std::shared_ptr<engine::Namespace> space;
  CHECK_EQUAL(engine::Namespace::open(rig.directory, &space), Status::ok);
  std::vector<OpenPort> ports;
  CHECK_EQUAL(engine::list_open_ports(space, &ports), Status::ok);
  std::sort(ports.begin(), ports.end(), [](const OpenPort& a, const OpenPort& b) {
    return std::pair(a.name, a.kind) < std::pair(b.name, b.kind);
  });
  return ports;
}

}  // namespace

TEST("a namespace without open ports lists none") {
  Rig rig;
  CHECK(open_ports(rig).empty());
}

TEST("every descriptor is listed, with the rings that it has") {
  Rig rig;
  auto a = rig.open("vale0:a");
  abi::nmreq_register one = {};
  one.nr_mode = abi::NR_REG_ONE_NIC;
  one.nr_ringid = 1;
  one.nr_tx_rings = one.nr_rx_rings = 2;
  one.nr_flags = abi::NR_RX_RINGS_ONLY;
  auto b = rig.open("vale0:b", one);
  auto master = rig.open("p{1");
  auto slave = rig.open("p}1");

  const auto ports = open_ports(rig);
  CHECK_EQUAL(ports.size(), size_t{4});
  const OpenPort& left = ports[2];
  CHECK_EQUAL(left.name, std::string("vale0:a"));
  CHECK(left.kind == PortKind::vale);
  CHECK_EQUAL(left.pid, static_cast<uint32_t>(getpid()));
  CHECK_EQUAL(left.tx_rings, 1u);
  CHECK_EQUAL(left.rx_rings, 1u);
  const OpenPort& right = ports[3];
  CHECK_EQUAL(right.name, std::string("vale0:b"));
  CHECK_EQUAL(right.mode, static_cast<uint32_t>(abi::NR_REG_ONE_NIC));
  CHECK_EQUAL(right.tx_rings, 0u);
  CHECK_EQUAL(right.rx_rings, 1u);
  CHECK(ports[0].kind == PortKind::pipe_master);
  CHECK(ports[1].kind == PortKind::pipe_slave);
}

TEST("a listed port has its rings' counters") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  send(*a, kBroadcast, station(1), 7);
  send(*a, kBroadcast, station(1), 8);
  const auto ports = open_ports(rig);
  CHECK_EQUAL(ports.size(), size_t{2});
  CHECK_EQUAL(ports[0].sent.packets, uint64_t{2});
  CHECK_EQUAL(ports[0].received.packets, uint64_t{0});
  CHECK_EQUAL(ports[1].received.packets, uint64_t{2});
  CHECK_EQUAL(ports[1].received.bytes, uint64_t{120});
}

TEST("a monitor is listed under the name of what it watches") {
  Rig rig;
  auto a = rig.open("vale0:a");
  abi::nmreq_register watch = {};
  watch.nr_flags = abi::NR_MONITOR_RX;
  auto monitor = rig.open("vale0:a", watch);
  auto ports = open_ports(rig);
  CHECK_EQUAL(ports.size(), size_t{2});
  CHECK_EQUAL(ports[1].name, std::string("vale0:a"));
  CHECK(ports[1].kind == PortKind::monitor);
}

TEST("a port that was closed is not listed") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  a.reset();
  const auto ports = open_ports(rig);
  CHECK_EQUAL(ports.size(), size_t{1});
  CHECK_EQUAL(ports[0].name, std::string("vale0:b"));
}
