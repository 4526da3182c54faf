// Pipes: what one end sends the other receives, in the same buffers, and nothing is lost.
#include <vector>

#include "test/child.h"
#include "test/engine_rig.h"
#include "test/stamped.h"

using namespace nm;
using namespace nm::test;

namespace {

abi::nmreq_register with_slots(uint32_t tx, uint32_t rx) {
  abi::nmreq_register wanted = {};
  wanted.nr_tx_slots = tx;
  wanted.nr_rx_slots = rx;
  return wanted;
}

abi::nmreq_register with_mode(uint32_t mode, uint16_t ring = 0) {
  abi::nmreq_register wanted = {};
  wanted.nr_mode = mode;
  wanted.nr_ringid = ring;
  return wanted;
}

abi::nmreq_register exclusively() {
  abi::nmreq_register wanted = {};
  wanted.nr_flags = abi::NR_EXCLUSIVE;
  return wanted;
}

struct Ends {
  Ends(Rig& rig, uint32_t slots) : a(rig.open("pipe{1", with_slots(slots, slots))), b(rig.open("pipe}1")) {}
  std::unique_ptr<Port> a;
  std::unique_ptr<Port> b;
};

// Gives back what was taken, and lets the sender see it.
void settle(Port& sender, Port& receiver) {
  CHECK_EQUAL(receiver.device().rx_sync(), Status::ok);
  CHECK_EQUAL(sender.device().tx_sync(), Status::ok);
}

Status status_of(Rig& rig, const std::string& name, abi::nmreq_register wanted = {}) {
  std::unique_ptr<Port> port;
  return rig.try_open(name, &port, wanted);
}

}  // namespace

TEST("a pipe carries packets in order and unharmed, both ways, in batches of any size") {
  check::Random random;
  Rig rig;
  Ends ends(rig, 16);
  Port* ports[] = {ends.a.get(), ends.b.get()};
  uint64_t sent[2] = {};
  uint64_t received[2] = {};
  for (int step = 0; step < 20000; step++) {
    const uint32_t from = static_cast<uint32_t>(random.below(2));
    for (uint64_t batch = random.below(20); batch > 0; batch--) {
      if (put_stamped(*ports[from], 0, station(from), sent[from])) sent[from]++;
    }
    CHECK_EQUAL(ports[from]->device().tx_sync(), Status::ok);
    const uint32_t to = static_cast<uint32_t>(random.below(2));
    CHECK_EQUAL(ports[to]->device().rx_sync(), Status::ok);
    const Ring& ring = ports[to]->rx_rings()[0];
    for (uint64_t batch = random.below(20); batch > 0 && ring.space() != 0; batch--) {
      uint64_t sequence;
      CHECK(read_stamped(*ports[to], station(1 - to), &sequence));
      CHECK_EQUAL(sequence, received[to]++);
      ring.advance(ring.next(ring.head()));
    }
  }
  CHECK(received[0] > 10000);
  CHECK(received[1] > 10000);
}

TEST("a pipe may have any number of slots") {
  Rig rig;
  for (const uint32_t slots : {2u, 3u, 5u, 100u, 1000u, 1023u, 4095u, 4096u}) {
    Ends ends(rig, slots);
    CHECK_EQUAL(ends.a->tx_rings()[0].space(), slots - 1);
    CHECK_EQUAL(take(*ends.b), -1);
    for (uint32_t i = 0; i < 2 * slots; i++) {
      send(*ends.a, 0, 0, i);
      CHECK_EQUAL(take(*ends.b), i);
      settle(*ends.a, *ends.b);
    }
  }
}

TEST("a pipe holds one slot less than its ring, then waits for its reader") {
  Rig rig;
  Ends ends(rig, 8);
  for (uint32_t i = 0; i < 7; i++) {
    CHECK(put(*ends.a, 0, 0, i));
    CHECK_EQUAL(ends.a->device().tx_sync(), Status::ok);
  }
  CHECK(!put(*ends.a, 0, 0, 7));
  CHECK_EQUAL(take(*ends.b), 0);
  CHECK_EQUAL(ends.a->device().tx_sync(), Status::ok);
  CHECK(!put(*ends.a, 0, 0, 7));
  settle(*ends.a, *ends.b);
  CHECK(put(*ends.a, 0, 0, 7));
  CHECK(!put(*ends.a, 0, 0, 8));
  CHECK_EQUAL(ends.a->device().tx_sync(), Status::ok);
  for (uint32_t i = 1; i <= 7; i++) CHECK_EQUAL(take(*ends.b), i);
  CHECK_EQUAL(take(*ends.b), -1);
}

TEST("a pipe shows a packet of several slots when its last slot has come, and counts all of it") {
  Rig rig;
  Ends ends(rig, 16);
  CHECK(put(*ends.a, 0, 0, 1));
  for (uint32_t i = 2; i < 5; i++) CHECK(put(*ends.a, 0, 0, i, 100, abi::NS_MOREFRAG));
  CHECK_EQUAL(ends.a->device().tx_sync(), Status::ok);
  CHECK_EQUAL(take(*ends.b), 1);
  CHECK_EQUAL(take(*ends.b), -1);
  CHECK(put(*ends.a, 0, 0, 5, 100, abi::NS_MOREFRAG));
  CHECK_EQUAL(ends.a->device().tx_sync(), Status::ok);
  CHECK_EQUAL(take(*ends.b), -1);
  CHECK(put(*ends.a, 0, 0, 6, 100));
  CHECK_EQUAL(ends.a->device().tx_sync(), Status::ok);
  CHECK_EQUAL(ends.b->device().rx_sync(), Status::ok);
  const Ring& ring = ends.b->rx_rings()[0];
  CHECK_EQUAL(ring.space(), 5u);
  for (uint32_t i = 2; i <= 6; i++) {
    CHECK_EQUAL(ring.slot(ring.head()).flags, i < 6 ? abi::NS_MOREFRAG : 0);
    CHECK_EQUAL(take(*ends.b), i);
  }
  for (const bool of_tx : {true, false}) {
    Counters counters;
    CHECK_EQUAL(
        of_tx ? ends.a->device().tx_counters(0, &counters) : ends.b->device().rx_counters(0, &counters),
        Status::ok);
    CHECK_EQUAL(counters.packets, 2u);
    CHECK_EQUAL(counters.bytes, 60u + 5 * 100);
  }
}

TEST("a pipe copies nothing: the receiver gets the sender's very buffer") {
  Rig rig;
  Ends ends(rig, 8);
  CHECK_EQUAL(ends.a->granted().nr_mem_id, ends.b->granted().nr_mem_id);
  const uint32_t buffer = ends.a->tx_rings()[0].slot(0).buf_idx;
  send(*ends.a, 0, 0, 1);
  CHECK_EQUAL(ends.b->device().rx_sync(), Status::ok);
  CHECK_EQUAL(ends.b->rx_rings()[0].slot(0).buf_idx, buffer);
}

TEST("a buffer that either side puts into a slot really moves to the other") {
  check::Random random;
  Rig rig;
  abi::nmreq_register wanted = with_slots(8, 8);
  wanted.nr_extra_bufs = 6;
  auto sender = rig.open("pipe{1", wanted);
  auto receiver = rig.open("pipe}1", wanted);
  const Ring& tx = sender->tx_rings()[0];
  const Ring& rx = receiver->rx_rings()[0];
  // What each side has in its hands beside the slots.
  std::vector<uint32_t> spare[2];
  for (uint32_t side = 0; side < 2; side++) {
    const Port& port = side == 0 ? *sender : *receiver;
    for (uint32_t index = port.interface()->ni_bufs_head; index != 0;) {
      spare[side].push_back(index);
      memcpy(&index, tx.buffer(index), sizeof(index));
    }
    CHECK_EQUAL(spare[side].size(), 6u);
  }
  std::set<uint32_t> all;
  for (uint32_t i = 0; i < 8; i++) all.insert(tx.slot(i).buf_idx);
  for (const auto& buffers : spare) all.insert(buffers.begin(), buffers.end());
  CHECK_EQUAL(all.size(), 20u);

  const auto exchange = [&](const Ring& ring, uint32_t side) {
    abi::netmap_slot& slot = ring.slot(ring.head());
    uint32_t& other = spare[side][random.below(6)];
    std::swap(slot.buf_idx, other);
    slot.flags = abi::NS_BUF_CHANGED;
  };
  for (uint32_t sent = 0, received = 0; received < 5000;) {
    while (tx.space() != 0 && random.below(4) != 0) {
      const uint32_t at = tx.head();
      if (random.below(2) == 0) exchange(tx, 0);
      const uint16_t flags = tx.slot(at).flags & abi::NS_BUF_CHANGED;
      CHECK(put(*sender, 0, 0, sent++, 60, flags));
    }
    CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
    CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
    while (rx.space() != 0 && random.below(4) != 0) {
      const abi::netmap_slot& slot = rx.slot(rx.head());
      uint32_t tag;
      memcpy(&tag, rx.buffer(slot.buf_idx) + 14, sizeof(tag));
      CHECK_EQUAL(tag, received++);
      CHECK_EQUAL(slot.flags & abi::NS_BUF_CHANGED, 0);
      if (random.below(2) == 0) exchange(rx, 1);
      rx.advance(rx.next(rx.head()));
    }
    settle(*sender, *receiver);
    // Slots that both sides are done with hold one buffer each, and none has got lost or doubled.
    if (rx.space() != 0) continue;
    std::set<uint32_t> now;
    for (uint32_t i = 0; i < 8; i++) now.insert(tx.slot(i).buf_idx);
    for (const auto& buffers : spare) now.insert(buffers.begin(), buffers.end());
    CHECK(now == all);
  }
}

TEST("a pipe keeps what was sent while its reader goes and another one comes") {
  Rig rig;
  Ends ends(rig, 16);
  for (uint32_t i = 0; i < 6; i++) send(*ends.a, 0, 0, i);
  CHECK_EQUAL(take(*ends.b), 0);
  CHECK_EQUAL(take(*ends.b), 1);
  ends.b->device().rx_sync();
  ends.b.reset();
  for (uint32_t i = 6; i < 9; i++) send(*ends.a, 0, 0, i);
  ends.b = rig.open("pipe}1");
  for (uint32_t i = 2; i < 9; i++) CHECK_EQUAL(take(*ends.b), i);
  CHECK_EQUAL(take(*ends.b), -1);
}

TEST("a pipe keeps what was sent while its writer goes and another one comes") {
  Rig rig;
  Ends ends(rig, 8);
  for (uint32_t i = 0; i < 5; i++) send(*ends.a, 0, 0, i);
  CHECK(put(*ends.a, 0, 0, 99, 60, abi::NS_MOREFRAG));
  ends.a->device().tx_sync();
  ends.a.reset();
  CHECK_EQUAL(take(*ends.b), 0);
  CHECK_EQUAL(take(*ends.b), 1);
  ends.b->device().rx_sync();
  ends.a = rig.open("pipe{1");
  // The packet without an end went with its writer.
  CHECK_EQUAL(ends.a->tx_rings()[0].space(), 4u);
  for (uint32_t i = 5; i < 9; i++) send(*ends.a, 0, 0, i);
  CHECK(!put(*ends.a, 0, 0, 9));
  for (uint32_t i = 2; i < 9; i++) CHECK_EQUAL(take(*ends.b), i);
  CHECK_EQUAL(take(*ends.b), -1);
}

TEST("a writer that comes finds the buffers that were swapped in and given back while nobody wrote") {
  Rig rig;
  abi::nmreq_register wanted = with_slots(8, 8);
  auto sender = rig.open("pipe{1", wanted);
  wanted.nr_extra_bufs = 3;
  auto receiver = rig.open("pipe}1", wanted);
  const Ring& rx = receiver->rx_rings()[0];
  std::set<uint32_t> own;
  for (uint32_t i = 0; i < 8; i++) own.insert(sender->tx_rings()[0].slot(i).buf_idx);
  for (uint32_t i = 0; i < 5; i++) send(*sender, 0, 0, i);
  sender.reset();

  CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
  std::vector<uint32_t> given;
  for (uint32_t index = receiver->interface()->ni_bufs_head; index != 0;) {
    given.push_back(index);
    memcpy(&index, rx.buffer(index), sizeof(index));
  }
  CHECK_EQUAL(given.size(), 3u);
  std::set<uint32_t> kept;
  for (const uint32_t buffer : given) {
    abi::netmap_slot& slot = rx.slot(rx.head());
    kept.insert(slot.buf_idx);
    slot.buf_idx = buffer;
    slot.flags = abi::NS_BUF_CHANGED;
    rx.advance(rx.next(rx.head()));
  }
  CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);

  sender = rig.open("pipe{1");
  const Ring& tx = sender->tx_rings()[0];
  CHECK_EQUAL(tx.space(), 5u);
  for (uint32_t i = 0; i < 8; i++) {
    const uint32_t buffer = tx.slot(i).buf_idx;
    CHECK(i < 3 ? buffer == given[i] : own.count(buffer) == 1 && kept.count(buffer) == 0);
  }
}

TEST("a pipe whose ends are both closed is gone with all that was in it") {
  Rig rig;
  {
    Ends ends(rig, 8);
    send(*ends.a, 0, 0, 1);
    CHECK_EQUAL(rig.files(), "namespace port.pipe region.2");
  }
  CHECK_EQUAL(rig.files(), "namespace");
  Ends ends(rig, 8);
  CHECK_EQUAL(take(*ends.b), -1);
}

TEST("either end of a pipe may come first, and the first one decides its shape") {
  Rig rig;
  abi::nmreq_register wanted = with_slots(16, 32);
  wanted.nr_tx_rings = 3;
  wanted.nr_rx_rings = 2;
  for (const bool slave_first : {false, true}) {
    auto first = rig.open(slave_first ? "shape}x" : "shape{x", wanted);
    auto second = rig.open(slave_first ? "shape{x" : "shape}x", with_slots(64, 64));
    CHECK_EQUAL(second->granted().nr_tx_slots, 32u);
    CHECK_EQUAL(second->granted().nr_rx_slots, 16u);
    CHECK_EQUAL(second->granted().nr_tx_rings, 2u);
    CHECK_EQUAL(second->granted().nr_rx_rings, 3u);
    for (uint32_t ring = 0; ring < 3; ring++) CHECK(put(*first, 0, 0, 10 + ring, 60, 0, ring));
    for (uint32_t ring = 0; ring < 2; ring++) CHECK(put(*second, 0, 0, 20 + ring, 60, 0, ring));
    first->device().tx_sync();
    second->device().tx_sync();
    for (uint32_t ring = 0; ring < 3; ring++) CHECK_EQUAL(take(*second, ring), 10 + ring);
    for (uint32_t ring = 0; ring < 2; ring++) CHECK_EQUAL(take(*first, ring), 20 + ring);
  }
}

TEST("pipes of one parent are told apart by their names") {
  Rig rig;
  for (const std::string id : {"1", "01", "abc", "a.b", "with space", "/"}) {
    auto a = rig.open("pipe{" + id);
    auto b = rig.open("pipe}" + id);
    auto other = rig.open("pipe}other");
    auto same_id = rig.open("epip}" + id);
    send(*a, 0, 0, 5);
    CHECK_EQUAL(take(*b), 5);
    CHECK_EQUAL(take(*other), -1);
    CHECK_EQUAL(take(*same_id), -1);
  }
  for (const std::string name : {"{1", "}1", "pipe{", "pipe}"})
    CHECK_EQUAL(status_of(rig, name), Status::bad_name);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("a parent holds 64 pipes and then says so") {
  Rig rig;
  std::vector<std::unique_ptr<Port>> ports;
  for (uint32_t i = 0; i < 64; i++) ports.push_back(rig.open("pipe{" + std::to_string(i), with_slots(4, 4)));
  CHECK_EQUAL(status_of(rig, "pipe{64"), Status::pipes_full);
  CHECK_EQUAL(status_of(rig, "pipe}64"), Status::pipes_full);
  auto other_end = rig.open("pipe}63");
  auto other_parent = rig.open("epip{64", with_slots(4, 4));
  ports[7].reset();
  ports[7] = rig.open("pipe{64", with_slots(4, 4));
  CHECK_EQUAL(status_of(rig, "pipe{7"), Status::pipes_full);
  send(*ports[63], 0, 0, 3);
  CHECK_EQUAL(take(*other_end), 3);
}

TEST("a pipe has up to 256 rings of up to 4096 slots") {
  Rig rig;
  abi::nmreq_register wanted = with_slots(4, 4);
  wanted.nr_tx_rings = wanted.nr_rx_rings = 256;
  auto a = rig.open("pipe{1", wanted);
  auto b = rig.open("pipe}1");
  for (uint32_t ring = 0; ring < 256; ring++) CHECK(put(*a, 0, 0, ring, 60, 0, ring));
  a->device().tx_sync();
  for (uint32_t ring = 0; ring < 256; ring++) CHECK_EQUAL(take(*b, ring), ring);
  wanted.nr_tx_rings = 257;
  CHECK_EQUAL(status_of(rig, "many{1", wanted), Status::bad_geometry);
  CHECK_EQUAL(status_of(rig, "long{1", with_slots(4097, 4)), Status::bad_geometry);
  CHECK_EQUAL(rig.open("long{1", with_slots(4096, 4))->tx_rings()[0].space(), 4095u);
}

TEST("a pipe on a port of a switch lives in that port's memory, and keeps the port on the switch") {
  Rig rig;
  auto parent = rig.open("vale0:a");
  auto a = rig.open("vale0:a{1");
  auto b = rig.open("vale0:a}1");
  auto neighbour = rig.open("vale0:n");
  CHECK_EQUAL(a->granted().nr_mem_id, parent->granted().nr_mem_id);
  send(*a, kBroadcast, station(1), 1);
  CHECK_EQUAL(take(*b), 1);
  CHECK_EQUAL(take(*neighbour), -1);
  parent.reset();
  send(*a, kBroadcast, station(1), 2);
  CHECK_EQUAL(take(*b), 2);
  parent = rig.open("vale0:a");
  CHECK_EQUAL(a->granted().nr_mem_id, parent->granted().nr_mem_id);
  send(*neighbour, kBroadcast, station(9), 3);
  CHECK_EQUAL(take(*parent), 3);
  // A buffer that came by the pipe goes out by the switch, without a copy.
  send(*a, kBroadcast, station(1), 4);
  b->device().rx_sync();
  abi::netmap_slot& from = b->rx_rings()[0].slot(b->rx_rings()[0].head());
  abi::netmap_slot& to = parent->tx_rings()[0].slot(0);
  std::swap(from.buf_idx, to.buf_idx);
  to.len = from.len;
  from.flags = to.flags = abi::NS_BUF_CHANGED;
  parent->tx_rings()[0].advance(1);
  parent->device().tx_sync();
  CHECK_EQUAL(take(*neighbour), 4);
}

TEST("a pipe refuses modes that it has no rings for") {
  Rig rig;
  for (const uint32_t mode : {abi::NR_REG_SW, abi::NR_REG_NIC_SW, abi::NR_REG_PIPE_MASTER,
                              abi::NR_REG_PIPE_SLAVE, abi::NR_REG_ONE_SW}) {
    CHECK_EQUAL(status_of(rig, "pipe{1", with_mode(mode)), Status::bad_mode);
  }
  CHECK_EQUAL(status_of(rig, "pipe{1", with_mode(abi::NR_REG_ONE_NIC, 1)), Status::bad_ring);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("descriptors may each have one ring of a pipe") {
  Rig rig;
  abi::nmreq_register first = with_mode(abi::NR_REG_ONE_NIC, 0);
  first.nr_tx_rings = first.nr_rx_rings = 2;
  auto a0 = rig.open("pipe{1", first);
  auto a1 = rig.open("pipe{1", with_mode(abi::NR_REG_ONE_NIC, 1));
  auto b1 = rig.open("pipe}1", with_mode(abi::NR_REG_ONE_NIC, 1));
  auto b0 = rig.open("pipe}1", with_mode(abi::NR_REG_ONE_NIC, 0));
  send(*a0, 0, 0, 10);
  send(*a1, 0, 0, 11);
  CHECK_EQUAL(take(*b0), 10);
  CHECK_EQUAL(take(*b1), 11);
  CHECK_EQUAL(take(*b0), -1);
}

TEST("exclusive use of a pipe is per end") {
  Rig rig;
  auto a = rig.open("pipe{1", exclusively());
  auto b = rig.open("pipe}1", exclusively());
  CHECK_EQUAL(status_of(rig, "pipe{1"), Status::port_exclusive);
  CHECK_EQUAL(status_of(rig, "pipe}1", exclusively()), Status::port_exclusive);
  b.reset();
  b = rig.open("pipe}1");
  CHECK_EQUAL(status_of(rig, "pipe}1", exclusively()), Status::port_in_use);
  send(*a, 0, 0, 1);
  CHECK_EQUAL(take(*b), 1);
}

TEST("a pipe carries packets between processes, and blocks its writer while the reader is slow") {
  constexpr uint32_t kPackets = 20000;
  Rig rig;
  auto reader = rig.open("pipe}1", with_slots(64, 64));
  Child writer([&] {
    auto port = rig.open("pipe{1");
    for (uint32_t i = 0; i < kPackets;) {
      uint32_t ready = 0;
      while (i < kPackets && put_stamped(*port, 0, station(1), i)) i++;
      CHECK_EQUAL(port->device().wait(kWritable, 10 * kSecond_ns, &ready), Status::ok);
      CHECK_EQUAL(ready, kWritable);
    }
  });
  const Ring& ring = reader->rx_rings()[0];
  for (uint32_t received = 0; received < kPackets;) {
    uint32_t ready = 0;
    CHECK_EQUAL(reader->device().wait(kReadable, 10 * kSecond_ns, &ready), Status::ok);
    CHECK_EQUAL(ready, kReadable);
    for (uint32_t batch = 0; batch < 20 && ring.space() != 0; batch++) {
      uint64_t sequence;
      CHECK(read_stamped(*reader, station(1), &sequence));
      CHECK_EQUAL(sequence, received++);
      ring.advance(ring.next(ring.head()));
    }
    if (received % 1000 == 0) usleep(500);
  }
  writer.join();
}
