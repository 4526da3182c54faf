// Rings: who owns which slots, what a sync makes of head and cur, and what becomes of those that cannot be.
#include <vector>

#include "engine/bound_ring.h"
#include "test/engine_rig.h"

using namespace nm;
using namespace nm::test;

namespace {

constexpr int64_t kMoment_ns = 2'000'000;

abi::nmreq_register eight_slots() {
  abi::nmreq_register wanted = {};
  wanted.nr_tx_slots = wanted.nr_rx_slots = 8;
  return wanted;
}

struct Positions {
  uint32_t head, cur, tail;
};

void check_positions(const Ring& ring, Positions expected) {
  CHECK_EQUAL(ring.head(), expected.head);
  CHECK_EQUAL(ring.cur(), expected.cur);
  CHECK_EQUAL(ring.tail(), expected.tail);
}

void set(const Ring& ring, uint32_t head, uint32_t cur) {
  ring.shared()->head = head;
  ring.shared()->cur = cur;
}

uint32_t ready_now(Port& port, uint32_t events) {
  uint32_t ready = 0;
  CHECK_EQUAL(port.device().wait(events, kMoment_ns, &ready), Status::ok);
  return ready;
}

uint64_t resets(Port& port, bool of_tx) {
  Counters counters;
  CHECK_EQUAL(of_tx ? port.device().tx_counters(0, &counters) : port.device().rx_counters(0, &counters),
              Status::ok);
  return counters.ring_resets;
}

}  // namespace

TEST(
    "a new TX ring gives the program every slot but one, a new RX ring none, each slot with its own buffer") {
  Rig rig;
  auto port = rig.open("vale0:a", eight_slots());
  const Ring& tx = port->tx_rings()[0];
  const Ring& rx = port->rx_rings()[0];
  check_positions(tx, {0, 0, 7});
  check_positions(rx, {0, 0, 0});
  CHECK_EQUAL(tx.space(), 7u);
  CHECK_EQUAL(rx.space(), 0u);
  CHECK(!tx.pending());
  std::set<uint32_t> buffers;
  for (const Ring* ring : {&tx, &rx}) {
    CHECK_EQUAL(ring->shared()->num_slots, 8u);
    CHECK_EQUAL(ring->shared()->nr_buf_size, ring->buffer_size());
    for (uint32_t i = 0; i < 8; i++) {
      const abi::netmap_slot& slot = ring->slot(i);
      CHECK(slot.buf_idx >= 2);
      CHECK(slot.buf_idx < ring->buffer_count());
      CHECK(buffers.insert(slot.buf_idx).second);
      CHECK_EQUAL(slot.len, ring->buffer_size());
      CHECK_EQUAL(slot.flags, 0);
    }
  }
  CHECK_EQUAL(tx.shared()->dir, abi::NETMAP_RING_TX);
  CHECK_EQUAL(rx.shared()->dir, abi::NETMAP_RING_RX);
}

TEST("a switch takes all slots of a TX ring at once") {
  Rig rig;
  auto port = rig.open("vale0:a", eight_slots());
  for (uint32_t i = 0; i < 3; i++) CHECK(put(*port, kBroadcast, station(1), i));
  check_positions(port->tx_rings()[0], {3, 3, 7});
  port->device().tx_sync();
  check_positions(port->tx_rings()[0], {3, 3, 2});
  CHECK_EQUAL(port->tx_rings()[0].space(), 7u);
}

TEST("a pipe gives slots of a TX ring back when its reader has") {
  Rig rig;
  auto writer = rig.open("pipe{1", eight_slots());
  auto reader = rig.open("pipe}1", eight_slots());
  const Ring& ring = writer->tx_rings()[0];
  for (uint32_t i = 0; i < 3; i++) CHECK(put(*writer, 0, 0, i));
  writer->device().tx_sync();
  check_positions(ring, {3, 3, 7});
  CHECK_EQUAL(ring.space(), 4u);
  CHECK(ring.pending());
  CHECK_EQUAL(take(*reader), 0);
  CHECK_EQUAL(take(*reader), 1);
  reader->device().rx_sync();
  check_positions(ring, {3, 3, 7});
  writer->device().tx_sync();
  check_positions(ring, {3, 3, 1});
  CHECK_EQUAL(ring.space(), 6u);
}

TEST("poll with cur at the tail waits for newer packets, and keeps those between head and cur") {
  Rig rig;
  auto sender = rig.open("vale0:a", eight_slots());
  auto port = rig.open("vale0:b", eight_slots());
  const Ring& ring = port->rx_rings()[0];
  CHECK_EQUAL(ready_now(*port, kReadable), 0u);
  for (uint32_t i = 0; i < 3; i++) CHECK(put(*sender, kBroadcast, station(1), i));
  sender->device().tx_sync();
  CHECK_EQUAL(ready_now(*port, kReadable), kReadable);
  check_positions(ring, {0, 0, 3});
  set(ring, 1, 3);
  CHECK_EQUAL(ready_now(*port, kReadable), 0u);
  check_positions(ring, {1, 3, 3});
  send(*sender, kBroadcast, station(1), 3);
  CHECK_EQUAL(ready_now(*port, kReadable), kReadable);
  check_positions(ring, {1, 3, 4});
  for (const int64_t tag : {1, 2, 3, -1}) CHECK_EQUAL(take(*port), tag);
}

TEST("poll with cur at the tail of a TX ring waits for more room") {
  Rig rig;
  auto writer = rig.open("pipe{1", eight_slots());
  auto reader = rig.open("pipe}1", eight_slots());
  const Ring& ring = writer->tx_rings()[0];
  CHECK(put(*writer, 0, 0, 1));
  CHECK_EQUAL(ready_now(*writer, kWritable), kWritable);
  ring.advance_and_want_more(ring.head());
  check_positions(ring, {1, 7, 7});
  CHECK_EQUAL(ready_now(*writer, kWritable), 0u);
  CHECK_EQUAL(take(*reader), 1);
  reader->device().rx_sync();
  CHECK_EQUAL(ready_now(*writer, kWritable), kWritable);
  check_positions(ring, {1, 7, 0});
}

TEST("poll pushes what is in a TX ring unless it was asked not to") {
  for (const uint64_t flags : {uint64_t{0}, uint64_t{abi::NR_NO_TX_POLL}}) {
    Rig rig;
    abi::nmreq_register wanted = eight_slots();
    wanted.nr_flags = flags;
    auto sender = rig.open("vale0:a", wanted);
    auto receiver = rig.open("vale0:b");
    CHECK(put(*sender, kBroadcast, station(1), 1));
    CHECK_EQUAL(ready_now(*sender, kReadable), 0u);
    CHECK_EQUAL(take(*receiver), flags == 0 ? 1 : -1);
    CHECK_EQUAL(ready_now(*sender, kWritable), kWritable);
    CHECK_EQUAL(take(*receiver), flags == 0 ? -1 : 1);
  }
}

TEST("sync accepts every head and cur that the rules allow and sets the ring back for every other one") {
  // For each way in which the slots of a ring can be divided, each head and cur.
  for (const bool of_tx : {true, false}) {
    uint64_t expected_resets = 0;
    Rig rig;
    auto writer = rig.open("pipe{1", eight_slots());
    auto reader = rig.open("pipe}1", eight_slots());
    Port& port = of_tx ? *writer : *reader;
    const Ring& ring = of_tx ? writer->tx_rings()[0] : reader->rx_rings()[0];
    for (uint32_t owned = 0; owned < 8; owned++) {
      for (uint32_t head = 0; head < 11; head++) {
        for (uint32_t cur = 0; cur < 11; cur++) {
          // Empty the pipe, then leave `owned` slots to the side that is tried.
          while (take(*reader) >= 0) continue;
          reader->device().rx_sync();
          for (uint32_t i = 0; i < (of_tx ? 7 - owned : owned); i++) {
            writer->device().tx_sync();
            CHECK(put(*writer, 0, 0, i));
          }
          writer->device().tx_sync();
          reader->device().rx_sync();
          CHECK_EQUAL(ring.space(), owned);

          const uint32_t first = ring.head();
          const uint32_t tail = ring.tail();
          const uint32_t wanted_head = head < 8 ? head : head == 8 ? 8 : head == 9 ? 1000 : ~0u;
          const uint32_t wanted_cur = cur < 8 ? cur : cur == 8 ? 8 : cur == 9 ? 1000 : ~0u;
          bool allowed = false;
          for (uint32_t given = 0; given <= owned; given++) {
            for (uint32_t seen = given; seen <= owned; seen++) {
              allowed |= wanted_head == (first + given) % 8 && wanted_cur == (first + seen) % 8;
            }
          }
          set(ring, wanted_head, wanted_cur);
          CHECK_EQUAL(of_tx ? port.device().tx_sync() : port.device().rx_sync(), Status::ok);
          if (allowed) {
            CHECK_EQUAL(ring.head(), wanted_head);
            CHECK_EQUAL(ring.cur(), wanted_cur);
            ring.advance(ring.head());
          } else {
            check_positions(ring, {first, first, tail});
            expected_resets++;
          }
          CHECK_EQUAL(resets(port, of_tx), expected_resets);
        }
      }
    }
    CHECK(expected_resets > 0);
  }
}

TEST("poll reports a ring that was set back, once") {
  Rig rig;
  auto port = rig.open("vale0:a", eight_slots());
  set(port->tx_rings()[0], 0, 9);
  CHECK_EQUAL(ready_now(*port, kReadable | kWritable) & kRingError, kRingError);
  CHECK_EQUAL(ready_now(*port, kReadable) & kRingError, 0u);
  set(port->rx_rings()[0], 1, 1);
  CHECK_EQUAL(ready_now(*port, kReadable), kRingError);
  CHECK_EQUAL(ready_now(*port, kReadable), 0u);
}

TEST("a ring that was set back goes on as if nothing had been given") {
  Rig rig;
  auto sender = rig.open("vale0:a", eight_slots());
  auto receiver = rig.open("vale0:b", eight_slots());
  CHECK(put(*sender, kBroadcast, station(1), 1));
  set(sender->tx_rings()[0], 100, 1);
  sender->device().tx_sync();
  CHECK_EQUAL(take(*receiver), -1);
  send(*sender, kBroadcast, station(1), 2);
  set(receiver->rx_rings()[0], 5, 6);
  CHECK_EQUAL(take(*receiver), 2);
  CHECK_EQUAL(take(*receiver), -1);
}

TEST("sync repairs a tail that the program wrote over, and does not mind") {
  Rig rig;
  auto sender = rig.open("vale0:a", eight_slots());
  auto receiver = rig.open("vale0:b", eight_slots());
  for (const uint32_t tail : {0u, 3u, 8u, ~0u}) {
    sender->tx_rings()[0].shared()->tail = tail;
    receiver->rx_rings()[0].shared()->tail = tail;
    const uint32_t head = sender->tx_rings()[0].head();
    CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
    CHECK_EQUAL(sender->tx_rings()[0].tail(), (head + 7) % 8);
    CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
    CHECK_EQUAL(receiver->rx_rings()[0].space(), 0u);
    send(*sender, kBroadcast, station(1), 7);
    CHECK_EQUAL(take(*receiver), 7);
    receiver->device().rx_sync();
  }
  CHECK_EQUAL(resets(*sender, true), 0u);
  CHECK_EQUAL(resets(*receiver, false), 0u);
}

TEST("two descriptors of one port share its rings") {
  Rig rig;
  auto sender = rig.open("vale0:a", eight_slots());
  auto one = rig.open("vale0:b", eight_slots());
  auto other = rig.open("vale0:b");
  CHECK_EQUAL(other->granted().nr_rx_slots, 8u);
  send(*sender, kBroadcast, station(1), 1);
  send(*sender, kBroadcast, station(1), 2);
  CHECK_EQUAL(take(*one), 1);
  CHECK_EQUAL(take(*other), 2);
  one.reset();
  send(*sender, kBroadcast, station(1), 3);
  CHECK_EQUAL(take(*other), 3);
}

TEST("a device without a port refuses to sync, to map and to wait") {
  Rig rig;
  std::unique_ptr<Device> device;
  CHECK_EQUAL(open_embedded_device(rig.directory, &device), Status::ok);
  Mapping mapping;
  uint32_t ready = 0;
  Counters counters;
  Status status = Status::ok;
  CHECK_EQUAL(device->tx_sync(), Status::not_registered);
  CHECK_EQUAL(device->rx_sync(), Status::not_registered);
  CHECK_EQUAL(device->map(&mapping), Status::not_registered);
  CHECK_EQUAL(device->wait(kReadable, 0, &ready), Status::not_registered);
  CHECK_EQUAL(device->arm(kReadable, &ready), Status::not_registered);
  CHECK_EQUAL(device->tx_counters(0, &counters), Status::not_registered);
  CHECK_EQUAL(device->poll_descriptor(&status), -1);
  CHECK_EQUAL(status, Status::not_registered);
}
