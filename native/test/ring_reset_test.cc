// Rings that a device sets back: which one it was, and that a loop on it ends.
#include <atomic>
#include <thread>

#include "device/said_rings.h"
#include "test/engine_rig.h"
#include "test/polled_device.h"
#include "traffic/forwarder.h"
#include "traffic/generator.h"
#include "traffic/sink.h"

using namespace nm;
using namespace nm::test;

namespace {

constexpr uint32_t kNowhere = 99'999;

void set(const Ring& ring, uint32_t head, uint32_t cur) {
  __atomic_store_n(&ring.shared()->head, head, __ATOMIC_RELAXED);
  __atomic_store_n(&ring.shared()->cur, cur, __ATOMIC_RELAXED);
}

void check_reset(const RingReset& reset, bool is_tx, uint32_t ring, uint32_t head, uint32_t cur) {
  CHECK_EQUAL(reset.is_tx, is_tx);
  CHECK_EQUAL(reset.ring, ring);
  CHECK_EQUAL(reset.head, head);
  CHECK_EQUAL(reset.cur, cur);
}

void check_reset(Port& port, bool is_tx, uint32_t ring, uint32_t head, uint32_t cur) {
  CHECK(port.device().last_reset().has_value());
  check_reset(*port.device().last_reset(), is_tx, ring, head, cur);
}

abi::nmreq_register two_rings() {
  abi::nmreq_register wanted = {};
  wanted.nr_tx_rings = wanted.nr_rx_rings = 2;
  return wanted;
}

// Two rings of 8 slots in each direction, as a module would have agreed to them.
struct Said {
  abi::netmap_ring rings[4] = {};
  SaidRings said;

  Said() {
    for (uint32_t i = 0; i < 4; i++) {
      rings[i].head = rings[i].cur = 6;
      rings[i].tail = 2;
      said.add(&rings[i], 8, i < 2, i % 2);
    }
  }
  void say(uint32_t ring, uint32_t head, uint32_t cur) {
    rings[ring].head = head;
    rings[ring].cur = cur;
    said.note();
  }
};

}  // namespace

TEST("a sink ends when its ring is set back, and the device says which ring it was and what it held") {
  Rig rig;
  auto port = rig.open("vale0:a", two_rings());
  set(port->rx_rings()[1], kNowhere, 3);
  Sink sink(*port, {});
  CHECK_EQUAL(sink.run(), Status::ring_reset);
  check_reset(*port, false, 1, kNowhere, 3);
}

// A word written over between two syncs may be put right by what the generator writes next: whoever scribbles goes on.
TEST("a generator that waits for room ends when its ring is set back") {
  Rig rig;
  auto port = rig.open("p{1");
  GeneratorOptions options;
  Generator generator(*port, options);
  std::atomic<bool> ended{false};
  std::thread scribbler([&] {
    while (port->tx_rings()[0].space() != 0) std::this_thread::yield();
    while (!ended) {
      set(port->tx_rings()[0], kNowhere, kNowhere);
      std::this_thread::yield();
    }
  });
  const Status status = generator.run();
  ended = true;
  scribbler.join();
  CHECK_EQUAL(status, Status::ring_reset);
  CHECK(port->device().last_reset()->is_tx);
}

TEST("a forwarder ends when a ring of any of its ports is set back, and that port's device knows") {
  Rig rig;
  auto left = rig.open("vale0:a");
  auto right = rig.open("vale1:a");
  set(right->rx_rings()[0], 1, 0);
  ForwarderOptions options;
  options.lanes = {{0, 1, {}}, {1, 0, {}}};
  Forwarder forwarder({left.get(), right.get()}, options);
  CHECK_EQUAL(forwarder.run(), Status::ring_reset);
  CHECK(!left->device().last_reset());
  check_reset(*right, false, 0, 1, 0);
}

TEST("a ring that was set back before a loop began does not end it") {
  Rig rig;
  auto port = rig.open("vale0:a");
  set(port->rx_rings()[0], kNowhere, 0);
  CHECK_EQUAL(port->device().rx_sync(), Status::ok);
  check_reset(*port, false, 0, kNowhere, 0);
  SinkOptions options;
  options.duration_ns = 1'000'000;
  Sink sink(*port, options);
  CHECK_EQUAL(sink.run(), Status::ok);
}

TEST("a loop that leaves its syncs to poll(2) ends when that says that a ring was set back") {
  check::SyncCounts counts;
  counts.sets_back_at_poll = 3;
  auto wire = std::make_shared<check::FakeWire>(1000);
  for (int i = 0; i < 1000; i++) wire->send({0, std::vector<uint8_t>(60)});
  const auto port = check::polled_port(nullptr, wire, &counts);
  Sink sink(*port, {});
  CHECK_EQUAL(sink.run(), Status::ring_reset);
  CHECK_EQUAL(counts.polls, 3u);
}

TEST("the ring is found that said what cannot be of the slots that it had") {
  const struct {
    uint32_t head, cur;
    bool possible;
  } words[] = {{6, 6, true},  {7, 2, true},         {2, 2, true},  {0, 1, true},
               {3, 3, false}, {5, 6, false},        {7, 6, false}, {6, 3, false},
               {8, 6, false}, {6, kNowhere, false}, {2, 1, false}, {kNowhere, 6, false}};
  for (const auto& [head, cur, possible] : words) {
    for (uint32_t ring = 0; ring < 4; ring++) {
      Said rings;
      rings.say(ring, head, cur);
      if (possible) {
        CHECK_EQUAL(rings.said.find_wrong().ring, RingReset::kUnknown);
      } else {
        check_reset(rings.said.find_wrong(), ring < 2, ring % 2, head, cur);
      }
    }
  }
}

TEST("what a ring says is measured by what was agreed at the last sync") {
  Said rings;
  rings.say(1, 0, 0);
  rings.rings[1].tail = 4;
  rings.said.agree();
  rings.say(1, 6, 6);
  check_reset(rings.said.find_wrong(), true, 1, 6, 6);
  rings.say(1, 3, 4);
  CHECK_EQUAL(rings.said.find_wrong().ring, RingReset::kUnknown);
}

TEST("where only one ring is bound it was that one, whatever it held") {
  abi::netmap_ring ring = {};
  SaidRings said;
  said.add(&ring, 8, false, 3);
  said.note();
  check_reset(said.find_wrong(), false, 3, RingReset::kUnknown, RingReset::kUnknown);
}

TEST("only slots beyond the end of a ring are sure to be refused by a sync of its direction") {
  Said rings;
  rings.say(1, 3, 3);
  CHECK(!rings.said.find_impossible(true));
  rings.say(1, 6, 8);
  CHECK(!rings.said.find_impossible(false));
  check_reset(*rings.said.find_impossible(true), true, 1, 6, 8);
}

TEST("a tail that somebody wrote over blames no ring") {
  Said rings;
  rings.rings[0].tail = kNowhere;
  rings.said.agree();
  rings.say(0, 7, 7);
  CHECK_EQUAL(rings.said.find_wrong().ring, RingReset::kUnknown);
}
