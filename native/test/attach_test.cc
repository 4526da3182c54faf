// Persistent ports on switches.
#include "test/child.h"
#include "test/control_rig.h"
#include "test/inside.h"
#include "test/region_census.h"

using namespace nm;
using namespace nm::test;

namespace {

Status status_of(Rig& rig, const std::string& name) {
  std::unique_ptr<Port> port;
  return rig.try_open(name, &port);
}

Status set_polling(Rig& rig, const std::string& name, uint16_t type = abi::NETMAP_REQ_VALE_POLLING_ENABLE) {
  abi::nmreq_vale_polling body = {};
  body.nr_mode = abi::NETMAP_POLLING_MODE_SINGLE_CPU;
  body.nr_num_polling_cpus = 1;
  return request(rig, type, name, &body);
}

}  // namespace

TEST("an attached port is opened by both names, keeps its own, and trades packets with the others") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  auto peer = rig.open("vale0:peer");
  for (const char* name : {"p", "vale0:p", "p"}) {
    auto port = rig.open(name);
    CHECK_EQUAL(std::string(port->interface()->ni_name), "p");
    send(*port, kBroadcast, station(1), 7);
    CHECK_EQUAL(take(*peer), 7);
    send(*peer, station(1), station(2), 8);
    CHECK_EQUAL(take(*port), 8);
  }
}

TEST("attaching tells the place on the switch and the memory region") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  auto first = rig.open("vale0:first");
  abi::nmreq_vale_attach body = {};
  CHECK_EQUAL(attach(rig, "vale0:p", &body), Status::ok);
  CHECK_EQUAL(body.port_index, 1u);
  CHECK_EQUAL(body.reg.nr_mem_id, rig.open("p")->granted().nr_mem_id);
  abi::nmreq_vale_detach gone = {};
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_VALE_DETACH, "vale0:p", &gone), Status::ok);
  CHECK_EQUAL(gone.port_index, 1u);
}

TEST("a persistent port that is not on the switch cannot be opened there") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(status_of(rig, "vale0:p"), Status::interface_not_attached);
  CHECK_EQUAL(status_errno(Status::interface_not_attached), EINVAL);
  CHECK_EQUAL(rig.files(), "namespace port.p region.2");
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  CHECK_EQUAL(status_of(rig, "vale1:p"), Status::interface_not_attached);
}

TEST("a switch is there while a port is attached to it, and goes with the last") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  CHECK_EQUAL(rig.files(), "namespace port.p region.2 switch.vale0");
  CHECK_EQUAL(detach(rig, "vale0:p"), Status::ok);
  CHECK_EQUAL(rig.files(), "namespace port.p region.2");
  CHECK_EQUAL(delete_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("what is on the switch already, or open, cannot be attached") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  auto open = rig.open("p");
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::port_used);
  open.reset();
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::port_attached);
  auto ephemeral = rig.open("vale0:a");
  CHECK_EQUAL(attach(rig, "vale0:a"), Status::port_attached);
  for (const Status status : {Status::port_used, Status::port_attached})
    CHECK_EQUAL(status_errno(status), EBUSY);
}

TEST("what cannot be attached is refused with netmap's error, and makes no switch") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  auto pipe = rig.open("base{1");
  CHECK_EQUAL(attach(rig, "vale0:nobody"), Status::nothing_to_attach);
  CHECK_EQUAL(attach(rig, "vale0:base"), Status::nothing_to_attach);
  CHECK_EQUAL(attach(rig, "vale0:lo"), Status::interface_unfit);
  CHECK_EQUAL(attach(rig, "p"), Status::not_on_a_switch);
  CHECK_EQUAL(attach(rig, ""), Status::not_on_a_switch);
  for (const char* name : {"vale0", "vale0:", "vale.0:p", "vale0:sixteen_letters_"}) {
    CHECK_EQUAL(attach(rig, name), Status::bad_switch_name);
  }
  CHECK_EQUAL(status_errno(Status::nothing_to_attach), EINVAL);
  CHECK_EQUAL(status_errno(Status::bad_switch_name), ENOMEM);
  CHECK(rig.files().find("switch") == std::string::npos);
}

TEST("attaching takes all rings, with or without a host stack, and no others") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  abi::nmreq_vale_attach body = {};
  body.reg.nr_mode = abi::NR_REG_ONE_NIC;
  CHECK_EQUAL(attach(rig, "vale0:p", &body), Status::bad_mode);
  body = {};
  body.reg.nr_ringid = 1;
  CHECK_EQUAL(attach(rig, "vale0:p", &body), Status::bad_mode);
  body = {};
  body.reg.nr_mode = abi::NR_REG_NIC_SW;
  CHECK_EQUAL(attach(rig, "vale0:p", &body), Status::ok);
}

TEST("an attachment names the region that the port is in, or none") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  auto other = rig.open("vale7:other");
  abi::nmreq_vale_attach body = {};
  body.reg.nr_mem_id = 99;
  CHECK_EQUAL(attach(rig, "vale0:p", &body), Status::no_such_region);
  body = {};
  body.reg.nr_mem_id = other->granted().nr_mem_id;
  CHECK_EQUAL(attach(rig, "vale0:p", &body), Status::region_chosen);
  body = {};
  body.reg.nr_mem_id = rig.open("p")->granted().nr_mem_id;
  CHECK_EQUAL(attach(rig, "vale0:p", &body), Status::ok);
}

TEST("only an attached persistent port can be detached") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  auto ephemeral = rig.open("vale0:a");
  CHECK_EQUAL(detach(rig, "vale0:a"), Status::port_ephemeral);
  CHECK_EQUAL(detach(rig, "vale0:p"), Status::no_such_port);
  CHECK_EQUAL(detach(rig, "vale9:p"), Status::no_such_port);
  CHECK_EQUAL(detach(rig, "vale0"), Status::no_such_port);
  CHECK_EQUAL(detach(rig, "p"), Status::not_on_a_switch);
  CHECK_EQUAL(status_errno(Status::port_ephemeral), EBUSY);
  CHECK_EQUAL(status_errno(Status::no_such_port), ENXIO);
}

TEST("an attached port cannot be deleted") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  CHECK_EQUAL(delete_persistent(rig, "p"), Status::port_attached);
  CHECK_EQUAL(detach(rig, "vale0:p"), Status::ok);
  CHECK_EQUAL(delete_persistent(rig, "p"), Status::ok);
}

TEST("who has a port open when it is detached goes on without peers, whoever takes its place") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  auto peer = rig.open("vale0:peer");
  auto port = rig.open("p");
  send(*peer, kBroadcast, station(2), 1);
  CHECK_EQUAL(detach(rig, "vale0:p"), Status::ok);
  CHECK_EQUAL(take(*port), 1);
  auto successor = rig.open("vale0:successor");
  send(*port, kBroadcast, station(1), 2);
  send(*peer, kBroadcast, station(2), 3);
  CHECK_EQUAL(take(*port), -1);
  CHECK_EQUAL(take(*successor), 3);
  CHECK_EQUAL(take(*peer), -1);
  Counters counters;
  CHECK_EQUAL(port->device().tx_counters(0, &counters), Status::ok);
  CHECK_EQUAL(counters.drops_no_destination, 1u);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::port_used);
  port.reset();
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  port = rig.open("p");
  send(*peer, kBroadcast, station(2), 4);
  CHECK_EQUAL(take(*port), 4);
}

TEST("a port moves from switch to switch any number of times") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale1:b");
  for (uint32_t i = 0; i < 40; i++) {
    const std::string name = i % 2 == 0 ? "vale0:p" : "vale1:p";
    CHECK_EQUAL(attach(rig, name), Status::ok);
    auto port = rig.open("p");
    send(*a, kBroadcast, station(1), i);
    send(*b, kBroadcast, station(2), 100 + i);
    CHECK_EQUAL(take(*port), i % 2 == 0 ? i : 100 + i);
    CHECK_EQUAL(take(*port), -1);
    port.reset();
    CHECK_EQUAL(detach(rig, name), Status::ok);
  }
}

TEST(
    "a port that a stopped sender is copying to can be detached, and is attached again once that one has "
    "died") {
  Rig rig;
  abi::nmreq_vale_newif made = {};
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_VALE_NEWIF, "p", &made), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  int open_now[2];
  int reserved[2];
  CHECK_EQUAL(pipe(open_now) + pipe(reserved), 0);
  char byte = 0;
  Child sender([&] {
    CHECK_EQUAL(read(open_now[0], &byte, 1), 1);
    auto mine = rig.open("vale0:sender");
    const Inside inside(rig, *mine);
    std::shared_ptr<engine::Region> region;
    CHECK_EQUAL(engine::Region::open(inside.space(), made.nr_mem_id, &region), Status::ok);
    const engine::PortRecord& record = region->port(0);
    const uint32_t ring = record.first_ring + record.all_tx();
    engine::Position start{0, 0};
    CHECK_EQUAL(engine::reserve(region->ring(ring), region->leases(ring), 1024, 3, inside.client(), &start,
                                [] { return true; }),
                3u);
    CHECK_EQUAL(write(reserved[1], "", 1), 1);
    pause();
  });
  auto port = rig.open("p");
  CHECK_EQUAL(write(open_now[1], "", 1), 1);
  CHECK_EQUAL(read(reserved[0], &byte, 1), 1);
  for (const int end : {open_now[0], open_now[1], reserved[0], reserved[1]}) close(end);

  CHECK_EQUAL(detach(rig, "vale0:p"), Status::ok);
  port.reset();
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::port_awaits_sender);
  CHECK_EQUAL(status_errno(Status::port_awaits_sender), EBUSY);
  sender.kill();
  // Nobody gets its number for as long as the ring names it.
  CHECK_EQUAL(clients_after_reaping(rig), 1u);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  CHECK_EQUAL(clients_after_reaping(rig), 0u);
  auto peer = rig.open("vale0:peer");
  port = rig.open("p");
  send(*peer, kBroadcast, station(2), 5);
  CHECK_EQUAL(take(*port), 5);
}

TEST(
    "a closed port's ring that a stopped sender may still write into is nobody else's, whatever is repaired, "
    "until "
    "that one has died") {
  Rig rig;
  abi::nmreq_register wanted = {};
  wanted.nr_mem_id = 1;
  int open_now[2];
  int reserved[2];
  CHECK_EQUAL(pipe(open_now) + pipe(reserved), 0);
  char byte = 0;
  Child sender([&] {
    CHECK_EQUAL(read(open_now[0], &byte, 1), 1);
    auto mine = rig.open("vale0:sender");
    const Inside inside(rig, *mine);
    std::shared_ptr<engine::Region> region;
    CHECK_EQUAL(engine::Region::open(inside.space(), 1, &region), Status::ok);
    const engine::PortRecord& record = region->port(1);
    const uint32_t ring = record.first_ring + record.all_tx();
    engine::Position start{0, 0};
    CHECK_EQUAL(engine::reserve(region->ring(ring), region->leases(ring), 1024, 3, inside.client(), &start,
                                [] { return true; }),
                3u);
    CHECK_EQUAL(write(reserved[1], "", 1), 1);
    pause();
  });
  auto keeper = rig.open("vale0:keeper", wanted);
  const Inside inside(rig, *keeper);
  const Usage before(inside.region());
  auto port = rig.open("vale0:port", wanted);
  CHECK_EQUAL(write(open_now[1], "", 1), 1);
  CHECK_EQUAL(read(reserved[0], &byte, 1), 1);
  for (const int end : {open_now[0], open_now[1], reserved[0], reserved[1]}) close(end);

  port.reset();
  const Usage closed(inside.region());
  CHECK_EQUAL(closed.ports, before.ports);
  CHECK_EQUAL(closed.rings, before.rings + 2);
  // As if somebody had died while changing something.
  inside.space().header().changing.store(1u << 30);
  uint32_t reaped = 0;
  CHECK_EQUAL(engine::reap(open_space(rig), &reaped), Status::ok);
  CHECK_EQUAL(inside.space().header().changing.load(), 0u);
  CHECK_EQUAL(Usage(inside.region()).rings, before.rings + 1);
  CHECK_EQUAL(Usage(inside.region()).buffers, before.buffers + 1024);

  sender.kill();
  CHECK_EQUAL(engine::reap(open_space(rig), &reaped), Status::ok);
  CHECK(Usage(inside.region()) == before);
}

TEST("vale list shows attached ports in order of attachment, and 255 for a port that the switch has not") {
  Rig rig;
  for (const char* name : {"p", "q"}) CHECK_EQUAL(make_persistent(rig, name), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:q"), Status::ok);
  auto between = rig.open("vale0:between");
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  const char* expected[] = {"vale0:q", "vale0:between", "vale0:p"};
  for (uint32_t i = 0; i < 3; i++) {
    abi::nmreq_vale_list body = {};
    body.nr_port_idx = i;
    std::unique_ptr<Device> device;
    CHECK_EQUAL(open_embedded_device(rig.directory, &device), Status::ok);
    abi::nmreq_header header = {};
    header.nr_version = abi::NETMAP_API;
    header.nr_reqtype = abi::NETMAP_REQ_VALE_LIST;
    header.nr_body = reinterpret_cast<uint64_t>(&body);
    CHECK_EQUAL(device->control(&header), Status::ok);
    CHECK_EQUAL(std::string(header.nr_name), expected[i]);
    CHECK_EQUAL(body.nr_port_idx, i);
  }
  abi::nmreq_vale_list body = {};
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_VALE_LIST, "vale0:nobody", &body), Status::ok);
  CHECK_EQUAL(body.nr_port_idx, 255u);
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_VALE_LIST, "vale0", &body), Status::no_such_switch);
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_VALE_LIST, "p", &body), Status::not_on_a_switch);
}

TEST("a port on two switches joins them: stations find each other across it") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale1:p"), Status::ok);
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale1:b");
  auto other = rig.open("vale1:other");
  send(*a, kBroadcast, station(1), 1);
  CHECK_EQUAL(take(*b), 1);
  CHECK_EQUAL(take(*other), 1);
  send(*b, station(1), station(2), 2);
  CHECK_EQUAL(take(*a), 2);
  CHECK_EQUAL(take(*other), -1);
  send(*a, station(2), station(1), 3);
  CHECK_EQUAL(take(*b), 3);
  CHECK_EQUAL(take(*other), -1);
  // Beyond the port, a whole batch with packets for each of the stations.
  for (uint32_t i = 0; i < 100; i++) put(*a, i % 2 == 0 ? station(2) : kBroadcast, station(1), i);
  CHECK_EQUAL(a->device().tx_sync(), Status::ok);
  for (uint32_t i = 0; i < 100; i++) CHECK_EQUAL(take(*b), i);
  for (uint32_t i = 1; i < 100; i += 2) CHECK_EQUAL(take(*other), i);
  CHECK_EQUAL(take(*other), -1);
}

TEST(
    "a port that joins switches cannot be opened, deleted or attached again, and is detached in reverse "
    "order") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::port_attached);
  auto port = rig.open("p");
  CHECK_EQUAL(attach(rig, "vale1:p"), Status::port_used);
  port.reset();
  CHECK_EQUAL(attach(rig, "vale1:p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale1:p"), Status::port_attached);
  CHECK_EQUAL(attach(rig, "vale2:p"), Status::port_joins_switches);
  for (const char* name : {"p", "vale0:p", "vale1:p"}) {
    CHECK_EQUAL(rig.try_open(name, &port), Status::port_joins_switches);
  }
  CHECK_EQUAL(delete_persistent(rig, "p"), Status::port_attached);
  CHECK_EQUAL(detach(rig, "vale0:p"), Status::port_joins_switches);
  CHECK_EQUAL(status_errno(Status::port_joins_switches), EBUSY);
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale1:b");
  send(*a, kBroadcast, station(1), 1);
  CHECK_EQUAL(take(*b), 1);
  CHECK_EQUAL(detach(rig, "vale1:p"), Status::ok);
  send(*a, kBroadcast, station(1), 2);
  CHECK_EQUAL(take(*b), -1);
  port = rig.open("vale0:p");
  send(*a, kBroadcast, station(1), 3);
  CHECK_EQUAL(take(*port), 3);
  port.reset();
  CHECK_EQUAL(delete_persistent(rig, "p"), Status::port_attached);
  CHECK_EQUAL(detach(rig, "vale0:p"), Status::ok);
  CHECK_EQUAL(delete_persistent(rig, "p"), Status::ok);
}

TEST("switches joined in a circle pass a packet on so many times, and no further") {
  Rig rig;
  for (const char* name : {"p", "q"}) {
    CHECK_EQUAL(make_persistent(rig, name), Status::ok);
    CHECK_EQUAL(attach(rig, std::string("vale0:") + name), Status::ok);
    CHECK_EQUAL(attach(rig, std::string("vale1:") + name), Status::ok);
  }
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale1:b");
  send(*a, kBroadcast, station(1), 1);
  uint32_t copies = 0;
  while (take(*b) == 1) copies++;
  // Round by p, and round by q.
  CHECK_EQUAL(copies, 8u);
}

TEST("packets keep their slots and headers through a port that joins switches") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale1:p"), Status::ok);
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale1:b");
  std::vector<uint8_t> bytes(5000);
  for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<uint8_t>(i * 7);
  memset(bytes.data(), 0xff, 6);
  bytes[6] = 2;
  const Ring& out = a->tx_rings()[0];
  for (uint32_t from = 0; from < bytes.size(); from += 2000) {
    abi::netmap_slot& slot = out.slot(out.head());
    const uint32_t length = std::min<uint32_t>(2000, static_cast<uint32_t>(bytes.size()) - from);
    slot.len = static_cast<uint16_t>(length);
    slot.flags = from + length < bytes.size() ? abi::NS_MOREFRAG : 0;
    memcpy(out.buffer(slot.buf_idx), &bytes[from], length);
    out.advance(out.next(out.head()));
  }
  CHECK_EQUAL(a->device().tx_sync(), Status::ok);
  CHECK_EQUAL(b->device().rx_sync(), Status::ok);
  const Ring& in = b->rx_rings()[0];
  CHECK_EQUAL(in.space(), 3u);
  std::vector<uint8_t> got;
  for (uint32_t i = 0; i < 3; i++) {
    const abi::netmap_slot& slot = in.slot((in.head() + i) % in.slots());
    const uint8_t* const from = in.buffer(slot.buf_idx);
    got.insert(got.end(), from, from + slot.len);
  }
  CHECK(got == bytes);
}

TEST("polling is for network interfaces on a switch") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:p"), Status::ok);
  auto ephemeral = rig.open("vale0:a");
  for (const uint16_t type : {abi::NETMAP_REQ_VALE_POLLING_ENABLE, abi::NETMAP_REQ_VALE_POLLING_DISABLE}) {
    CHECK_EQUAL(set_polling(rig, "vale0:p", type), Status::polling_unsupported);
    CHECK_EQUAL(set_polling(rig, "vale0:a", type), Status::polling_unsupported);
    CHECK_EQUAL(set_polling(rig, "vale0:nobody", type), Status::no_such_port);
    CHECK_EQUAL(set_polling(rig, "vale5:p", type), Status::no_such_port);
    CHECK_EQUAL(set_polling(rig, "p", type), Status::not_on_a_switch);
  }
}
