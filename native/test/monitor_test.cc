// Monitors: what they see and when, that they never hold up or hurt the port they watch, and that all they used
// comes back.
#include <algorithm>
#include <atomic>
#include <bit>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "test/child.h"
#include "test/engine_rig.h"
#include "test/inside.h"
#include "test/region_census.h"

using namespace nm;
using namespace nm::test;

namespace {

constexpr uint64_t kT = abi::NR_MONITOR_TX;
constexpr uint64_t kR = abi::NR_MONITOR_RX;
constexpr uint64_t kZ = abi::NR_ZCOPY_MON;

abi::nmreq_register with_flags(uint64_t flags, uint32_t slots = 0) {
  abi::nmreq_register wanted = {};
  wanted.nr_flags = flags;
  wanted.nr_rx_slots = slots;
  return wanted;
}

abi::nmreq_register with_slots(uint32_t slots) {
  abi::nmreq_register wanted = {};
  wanted.nr_tx_slots = wanted.nr_rx_slots = slots;
  return wanted;
}

abi::nmreq_register with_rings(uint16_t tx, uint16_t rx) {
  abi::nmreq_register wanted = with_slots(8);
  wanted.nr_tx_rings = tx;
  wanted.nr_rx_rings = rx;
  return wanted;
}

// Two ports of a switch, small enough for every edge to be met.
struct Pair {
  explicit Pair(Rig& rig, uint32_t slots = 32)
      : a(rig.open("vale0:a", with_slots(slots))), b(rig.open("vale0:b", with_slots(slots))) {}
  void send(uint32_t tag, uint32_t length = 60) { test::send(*a, kBroadcast, station(1), tag, length); }
  std::unique_ptr<Port> a, b;
};

struct Seen {
  uint32_t tag;
  bool sent;
  bool operator==(const Seen&) const = default;
};

// Takes all that the ring shows after a sync, however that ends.
std::vector<Seen> look(Port& port, uint32_t ring_number = 0) {
  port.device().rx_sync();
  const Ring& ring = port.rx_rings()[ring_number];
  std::vector<Seen> seen;
  for (; ring.space() != 0; ring.advance(ring.next(ring.head()))) {
    const Descriptor slot = ring.descriptor(ring.head());
    uint32_t tag = ~0u;
    if (slot.len >= 18) memcpy(&tag, ring.buffer(slot.buf_idx) + 14, sizeof(tag));
    seen.push_back({tag, (slot.flags & abi::NS_TXMON) != 0});
  }
  port.device().rx_sync();
  return seen;
}

std::vector<Seen> sent(std::vector<uint32_t> tags) {
  std::vector<Seen> all;
  for (const uint32_t tag : tags) all.push_back({tag, true});
  return all;
}

std::vector<Seen> received(std::vector<uint32_t> tags) {
  std::vector<Seen> all;
  for (const uint32_t tag : tags) all.push_back({tag, false});
  return all;
}

const std::vector<Seen> kNothing;

Counters counters_of(Port& port) {
  Counters counters;
  CHECK_EQUAL(port.device().rx_counters(0, &counters), Status::ok);
  return counters;
}

Status status_of(Rig& rig, const std::string& name, uint64_t flags) {
  std::unique_ptr<Port> port;
  return rig.try_open(name, &port, with_flags(flags));
}

}  // namespace

TEST("a copy monitor sees what arrives at its port before the port looks, and the port still gets it") {
  Rig rig;
  Pair pair(rig);
  auto monitor = rig.open("vale0:b", with_flags(kR));
  pair.send(7);
  CHECK(look(*monitor) == received({7}));
  CHECK_EQUAL(take(*pair.b), 7);
  CHECK_EQUAL(pair.b->device().rx_sync(), Status::ok);
  CHECK(look(*monitor) == kNothing);
  CHECK_EQUAL(counters_of(*monitor).packets, 1u);
  CHECK_EQUAL(counters_of(*monitor).bytes, 60u);
}

TEST("a copy monitor sees what its port sends, marked as sent, and nothing of the other direction") {
  Rig rig;
  Pair pair(rig);
  auto sender = rig.open("vale0:a", with_flags(kT));
  auto receiver = rig.open("vale0:a", with_flags(kR));
  auto both = rig.open("vale0:a", with_flags(kT | kR));
  pair.send(1);
  CHECK(look(*sender) == sent({1}));
  CHECK(look(*both) == sent({1}));
  test::send(*pair.b, kBroadcast, station(2), 2);
  CHECK_EQUAL(take(*pair.a), 2);
  CHECK(look(*sender) == kNothing);
  CHECK(look(*receiver) == received({2}));
  CHECK(look(*both) == received({2}));
  CHECK_EQUAL(take(*pair.b), 1);
}

TEST(
    "a zero-copy monitor of a switch port sees what is sent at once, and what is received when it is "
    "released") {
  Rig rig;
  Pair pair(rig);
  auto sender = rig.open("vale0:a", with_flags(kZ));
  auto receiver = rig.open("vale0:b", with_flags(kZ));
  CHECK_EQUAL(sender->granted().nr_mem_id, pair.a->granted().nr_mem_id);
  const uint32_t before = pair.a->tx_rings()[0].slot(0).buf_idx;
  pair.send(1);
  CHECK(look(*sender) == sent({1}));
  CHECK(pair.a->tx_rings()[0].slot(0).buf_idx != before);
  CHECK((pair.a->tx_rings()[0].slot(0).flags & abi::NS_BUF_CHANGED) != 0);

  CHECK_EQUAL(take(*pair.b), 1);
  CHECK(look(*receiver) == kNothing);
  CHECK_EQUAL(pair.b->device().rx_sync(), Status::ok);
  CHECK(look(*receiver) == received({1}));
}

TEST("a monitor of a pipe end sees both directions of that end, whichever end it is") {
  for (const char* name : {"pipe{1", "pipe}1"}) {
    for (const uint64_t flags : {kT | kR, kZ}) {
      Rig rig;
      auto end = rig.open(name, with_slots(16));
      auto other = rig.open(name[4] == '{' ? "pipe}1" : "pipe{1");
      auto monitor = rig.open(name, with_flags(flags));
      const bool copies = flags != kZ;
      for (uint32_t round = 0; round < 40; round++) {
        test::send(*end, 0, 0, round);
        CHECK(look(*monitor) == (copies ? sent({round}) : kNothing));
        CHECK_EQUAL(take(*other), round);
        CHECK_EQUAL(other->device().rx_sync(), Status::ok);
        CHECK(look(*monitor) == kNothing);
        // Our sync learns that the slot came back.
        CHECK_EQUAL(end->device().tx_sync(), Status::ok);
        CHECK(look(*monitor) == (copies ? kNothing : sent({round})));

        test::send(*other, 0, 0, round + 1000);
        CHECK(look(*monitor) == (copies ? received({round + 1000}) : kNothing));
        CHECK_EQUAL(take(*end), round + 1000);
        CHECK_EQUAL(end->device().rx_sync(), Status::ok);
        CHECK(look(*monitor) == (copies ? kNothing : received({round + 1000})));
        CHECK_EQUAL(other->device().tx_sync(), Status::ok);
      }
      CHECK_EQUAL(count_buffers(rig, *end).doubled, 0u);
    }
  }
}

TEST("a zero-copy monitor that names no direction sees both, and its reply says so") {
  Rig rig;
  Pair pair(rig);
  CHECK_EQUAL(rig.open("vale0:a", with_flags(kZ))->granted().nr_flags, kZ | kT | kR);
  CHECK_EQUAL(rig.open("vale0:a", with_flags(kZ | kT))->granted().nr_flags, kZ | kT);
  CHECK_EQUAL(rig.open("vale0:a", with_flags(kR))->granted().nr_flags, kR);
}

TEST("a monitor needs a port that is open") {
  Rig rig;
  for (const uint64_t flags : {kT, kR, kZ, kT | kR, kZ | kT}) {
    for (const char* name : {"vale0:a", "pipe{1", "vale0:a{1"}) {
      CHECK_EQUAL(status_of(rig, name, flags), Status::watched_not_open);
    }
  }
  CHECK_EQUAL(status_of(rig, "no-such-if", kR), Status::no_such_interface);
  auto slave = rig.open("vale0:a}1");
  CHECK_EQUAL(status_of(rig, "vale0:a{1", kR), Status::watched_not_open);
  CHECK_EQUAL(status_of(rig, "vale0:a", kR), Status::watched_not_open);
  CHECK_EQUAL(status_of(rig, "vale0:a}1", kR), Status::ok);
  abi::nmreq_register wanted = with_flags(kR);
  wanted.nr_mode = abi::NR_REG_NIC_SW;
  std::unique_ptr<Port> port;
  CHECK_EQUAL(rig.try_open("vale0:a}1", &port, wanted), Status::bad_mode);
  slave.reset();
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("a monitor whose port is closed says so, shows what it had, and keeps its memory") {
  for (const uint64_t flags : {kT | kR, kZ}) {
    Rig rig;
    auto a = rig.open("vale0:a", with_slots(16));
    auto monitor = rig.open("vale0:a", with_flags(flags));
    test::send(*a, kBroadcast, station(1), 5);
    a.reset();
    uint32_t ready = 0;
    CHECK_EQUAL(monitor->device().wait(kReadable, -1, &ready), Status::ok);
    CHECK((ready & kRingError) != 0);
    CHECK_EQUAL(monitor->device().rx_sync(), Status::port_gone);
    CHECK(look(*monitor) == sent({5}));
    // A port of the same name is another one.
    a = rig.open("vale0:a", with_slots(16));
    test::send(*a, kBroadcast, station(1), 6);
    CHECK(look(*monitor) == kNothing);
    CHECK_EQUAL(monitor->device().rx_sync(), Status::port_gone);
    a.reset();
    monitor.reset();
    CHECK_EQUAL(rig.files(), "namespace");
  }
}

TEST("a monitor that sleeps is woken by a packet, and when its port is closed") {
  Rig rig;
  auto a = rig.open("vale0:a");
  std::atomic<bool> woken{false};
  std::thread sleeper([&] {
    auto monitor = rig.open("vale0:a", with_flags(kT));
    woken.store(true);
    uint32_t ready = 0;
    CHECK_EQUAL(monitor->device().wait(kReadable, 20 * kSecond_ns, &ready), Status::ok);
    CHECK_EQUAL(ready, kReadable);
    CHECK(look(*monitor) == sent({3}));
    woken.store(true);
    CHECK_EQUAL(monitor->device().wait(kReadable, 20 * kSecond_ns, &ready), Status::ok);
    CHECK_EQUAL(ready, kRingError);
  });
  const int64_t start = engine::monotonic_ns();
  const auto wait_for_it = [&] {
    while (!woken.exchange(false)) usleep(100);
    usleep(5000);
  };
  wait_for_it();
  test::send(*a, kBroadcast, station(1), 3);
  wait_for_it();
  a.reset();
  sleeper.join();
  CHECK(engine::monotonic_ns() - start < 10 * kSecond_ns);
}

TEST("a monitor without room keeps the newest packets of a batch, counts the others, and holds nobody up") {
  for (const uint64_t flags : {kT, kZ | kT}) {
    Rig rig;
    Pair pair(rig, 64);
    auto monitor = rig.open("vale0:a", with_flags(flags, 8));
    for (uint32_t tag = 0; tag < 20; tag++) CHECK(put(*pair.a, kBroadcast, station(1), tag));
    CHECK_EQUAL(pair.a->device().tx_sync(), Status::ok);
    pair.send(20);
    CHECK(look(*monitor) == sent({13, 14, 15, 16, 17, 18, 19}));
    CHECK_EQUAL(counters_of(*monitor).drops_full, 14u);
    CHECK_EQUAL(counters_of(*monitor).packets, 7u);
    for (uint32_t tag = 0; tag <= 20; tag++) CHECK_EQUAL(take(*pair.b), tag);
    pair.send(21);
    CHECK(look(*monitor) == sent({21}));
    CHECK_EQUAL(count_buffers(rig, *pair.a).doubled, 0u);
  }
}

TEST("a monitor gets a packet of several slots whole or not at all") {
  Rig rig;
  Pair pair(rig, 64);
  auto monitor = rig.open("vale0:a", with_flags(kT, 8));
  // Packets of 3 slots: two of them fit.
  for (uint32_t tag = 0; tag < 12; tag++) {
    CHECK(put(*pair.a, kBroadcast, station(1), tag, 60, tag % 3 != 2 ? abi::NS_MOREFRAG : 0));
  }
  CHECK_EQUAL(pair.a->device().tx_sync(), Status::ok);
  CHECK_EQUAL(monitor->device().rx_sync(), Status::ok);
  const Ring& ring = monitor->rx_rings()[0];
  CHECK_EQUAL(ring.space(), 6u);
  for (uint32_t i = 0; i < 6; i++) {
    CHECK_EQUAL((ring.slot(i).flags & abi::NS_MOREFRAG) != 0, i % 3 != 2);
  }
  CHECK_EQUAL(counters_of(*monitor).drops_full, 2u);
  CHECK(look(*monitor) == sent({6, 7, 8, 9, 10, 11}));
}

TEST("a copy monitor cuts packets to its buffers") {
  Rig rig;
  Pair pair(rig);
  setenv("NM_BUF_SIZE", "128", 1);
  auto monitor = rig.open("vale0:a", with_flags(kT));
  unsetenv("NM_BUF_SIZE");
  pair.send(1, 1500);
  CHECK_EQUAL(monitor->device().rx_sync(), Status::ok);
  CHECK_EQUAL(monitor->rx_rings()[0].slot(0).len, 128);
  CHECK_EQUAL(monitor->rx_rings()[0].buffer_size(), 128u);
  CHECK(look(*monitor) == sent({1}));
  CHECK_EQUAL(take(*pair.b), 1);
}

TEST("a monitor's copies come from where an indirect slot points") {
  for (const uint64_t flags : {kT, kZ | kT}) {
    Rig rig;
    Pair pair(rig);
    auto monitor = rig.open("vale0:a", with_flags(flags));
    uint8_t frame[60];
    memset(frame, 0xff, sizeof(frame));
    const uint32_t tag = 99;
    memcpy(frame + 14, &tag, sizeof(tag));
    CHECK(put(*pair.a, kBroadcast, station(1), 1, 60, abi::NS_INDIRECT));
    pair.a->tx_rings()[0].slot(0).ptr = reinterpret_cast<uint64_t>(frame);
    CHECK_EQUAL(pair.a->device().tx_sync(), Status::ok);
    CHECK(look(*monitor) == sent({99}));
    CHECK_EQUAL(take(*pair.b), 99);
  }
}

TEST(
    "copy monitors of a ring all see everything; of zero-copy ones the next gets what the one before gave "
    "back") {
  Rig rig;
  Pair pair(rig);
  auto copy1 = rig.open("vale0:a", with_flags(kT));
  auto first = rig.open("vale0:a", with_flags(kZ));
  auto second = rig.open("vale0:a", with_flags(kZ | kT));
  auto third = rig.open("vale0:a", with_flags(kZ | kR));
  auto copy2 = rig.open("vale0:a", with_flags(kT | kR));
  pair.send(1);
  test::send(*pair.b, kBroadcast, station(2), 2);
  CHECK_EQUAL(take(*pair.a), 2);
  CHECK_EQUAL(pair.a->device().rx_sync(), Status::ok);
  CHECK(look(*copy1) == sent({1}));
  CHECK(look(*copy2) == (std::vector<Seen>{{1, true}, {2, false}}));
  CHECK(look(*second) == kNothing);
  CHECK(look(*first) == (std::vector<Seen>{{1, true}, {2, false}}));
  CHECK(look(*second) == sent({1}));
  CHECK(look(*third) == received({2}));
  CHECK_EQUAL(count_buffers(rig, *pair.a).doubled, 0u);

  // The one in the middle goes, then the first: those behind move up.
  first.reset();
  pair.send(3);
  CHECK(look(*second) == sent({3}));
  test::send(*pair.b, kBroadcast, station(2), 4);
  CHECK_EQUAL(take(*pair.a), 4);
  CHECK_EQUAL(pair.a->device().rx_sync(), Status::ok);
  CHECK(look(*third) == received({4}));
  CHECK_EQUAL(count_buffers(rig, *pair.a).doubled, 0u);
}

TEST("a monitor has a ring for each ring of its port, and sees the rings that it has bound") {
  for (const uint64_t flags : {kT, kZ}) {
    Rig rig;
    auto a = rig.open("vale0:a", with_rings(3, 2));
    auto all = rig.open("vale0:a", with_flags(flags));
    CHECK_EQUAL(all->granted().nr_rx_rings, 3u);
    CHECK_EQUAL(all->granted().nr_rx_slots, 8u);
    CHECK_EQUAL(all->rx_rings().size(), 3u);
    abi::nmreq_register one = with_flags(flags);
    one.nr_mode = abi::NR_REG_ONE_NIC;
    one.nr_ringid = 2;
    auto last = rig.open("vale0:a", one);
    CHECK_EQUAL(last->rx_rings().size(), 1u);
    one.nr_ringid = 3;
    std::unique_ptr<Port> none;
    CHECK_EQUAL(rig.try_open("vale0:a", &none, one), Status::bad_ring);
    for (uint32_t ring = 0; ring < 3; ring++) put(*a, kBroadcast, station(1), ring, 60, 0, ring);
    CHECK_EQUAL(a->device().tx_sync(), Status::ok);
    for (uint32_t ring = 0; ring < 3; ring++) CHECK(look(*all, ring) == sent({ring}));
    CHECK(look(*last) == sent({2}));
  }
}

TEST("a monitor cannot send, and says so") {
  Rig rig;
  Pair pair(rig);
  auto monitor = rig.open("vale0:a", with_flags(kR));
  CHECK_EQUAL(monitor->tx_rings().size(), 1u);
  CHECK_EQUAL(monitor->device().tx_sync(), Status::monitor_receives_only);
  uint32_t ready = 0;
  CHECK_EQUAL(monitor->device().wait(kWritable, 0, &ready), Status::ok);
  CHECK((ready & kRingError) != 0);
  CHECK_EQUAL(monitor->device().wait(kReadable, 0, &ready), Status::ok);
  CHECK_EQUAL(ready, 0u);
}

TEST("each monitor is a port of its own, which nobody can watch or share") {
  Rig rig;
  Pair pair(rig);
  auto alone = rig.open("vale0:a", with_flags(kT | abi::NR_EXCLUSIVE));
  auto another = rig.open("vale0:a", with_flags(kT | abi::NR_EXCLUSIVE));
  pair.send(1);
  CHECK(look(*alone) == sent({1}));
  CHECK(look(*another) == sent({1}));
}

TEST("a region holds so many monitors, and then says that it is full") {
  Rig rig;
  auto a = rig.open("vale0:a", with_slots(4));
  std::vector<std::unique_ptr<Port>> monitors;
  for (uint32_t i = 0; i < engine::kRegionWatches; i++) {
    monitors.push_back(rig.open("vale0:a", with_flags(i % 2 == 0 ? kZ : kT | kR, 4)));
  }
  CHECK_EQUAL(status_of(rig, "vale0:a", kR), Status::monitors_full);
  monitors.pop_back();
  CHECK_EQUAL(status_of(rig, "vale0:a", kR), Status::ok);
  test::send(*a, kBroadcast, station(1), 8);
  CHECK(look(*monitors.front()) == sent({8}));
  CHECK(look(*monitors[1]) == sent({8}));
}

TEST("monitors that come and go in any order, before and after their port, leave nothing behind") {
  check::Random random;
  Rig rig;
  auto pipe = rig.open("pipe{1", with_slots(16));
  auto other = rig.open("pipe}1");
  const Usage before(Inside(rig, *pipe).region());
  std::vector<std::unique_ptr<Port>> monitors;
  std::unique_ptr<Port> extra[2];
  for (uint32_t step = 0; step < 3000; step++) {
    const std::string end = random.below(2) == 0 ? "{" : "}";
    switch (random.below(6)) {
      case 0:
        if (monitors.size() < 6) {
          const uint64_t flags[] = {kT, kR, kT | kR, kZ, kZ | kT, kZ | kR};
          const std::string name =
              extra[0] && extra[1] && random.below(2) == 0 ? "pipe" + end + "2" : "pipe" + end + "1";
          monitors.push_back(rig.open(name, with_flags(flags[random.below(6)], 1u << random.between(1, 5))));
        }
        break;
      case 1:
        if (!monitors.empty())
          monitors.erase(monitors.begin() + static_cast<long>(random.below(monitors.size())));
        break;
      case 2:
        for (uint32_t i = 0; i < 2; i++) {
          if (extra[i] != nullptr) {
            extra[i].reset();
          } else {
            extra[i] = rig.open(i == 0 ? "pipe{2" : "pipe}2", with_slots(8));
          }
        }
        break;
      case 3:
        if (!monitors.empty()) look(*monitors[random.below(monitors.size())]);
        break;
      default:
        for (Port* port : {pipe.get(), other.get(), extra[0].get(), extra[1].get()}) {
          if (port == nullptr) continue;
          for (uint64_t batch = random.below(8); batch > 0; batch--) put(*port, 0, 0, step);
          CHECK_EQUAL(port->device().tx_sync(), Status::ok);
          look(*port);
        }
    }
    CHECK_EQUAL(count_buffers(rig, *pipe).doubled, 0u);
    CHECK_EQUAL(count_buffers(rig, *pipe).lost, 0u);
  }
  monitors.clear();
  extra[0].reset();
  extra[1].reset();
  const Usage after(Inside(rig, *pipe).region());
  CHECK(after == before);
  // Nobody copies or swaps for monitors that are gone.
  test::send(*pipe, 0, 0, 1);
  CHECK_EQUAL(Inside(rig, *pipe).region().ring(Inside(rig, *pipe).record().first_ring).watched.load(), 0u);
}

TEST("a monitor that writes nonsense into its slots loses its own packets only") {
  for (const uint64_t flags : {kT | kR, kZ}) {
    Rig rig;
    Pair pair(rig);
    auto monitor = rig.open("vale0:b", with_flags(flags));
    const Ring& ring = monitor->rx_rings()[0];
    uint64_t bad = 0;
    for (const uint32_t index : {0u, 1u, ring.buffer_count(), ~0u, 1u << 31}) {
      for (uint32_t i = 0; i < ring.slots(); i++) ring.slot(i).buf_idx = index;
      for (uint32_t tag = 0; tag < 5; tag++) pair.send(tag);
      for (uint32_t tag = 0; tag < 5; tag++) CHECK_EQUAL(take(*pair.b), tag);
      CHECK_EQUAL(pair.b->device().rx_sync(), Status::ok);
      CHECK_EQUAL(look(*monitor).size(), 5u);
      CHECK_EQUAL(counters_of(*monitor).drops_bad_slot, bad += 5);
    }
  }
}

TEST("a port that writes nonsense into its slots shows its monitors empty slots") {
  for (const uint64_t flags : {kT, kZ | kT}) {
    Rig rig;
    Pair pair(rig);
    auto monitor = rig.open("vale0:a", with_flags(flags));
    const Ring& ring = pair.a->tx_rings()[0];
    for (const uint32_t index : {0u, 1u, ring.buffer_count(), ~0u}) {
      CHECK(put(*pair.a, kBroadcast, station(1), 1));
      abi::netmap_slot& slot = ring.slot(ring.head() == 0 ? ring.slots() - 1 : ring.head() - 1);
      const uint32_t good = slot.buf_idx;
      slot.buf_idx = index;
      CHECK_EQUAL(pair.a->device().tx_sync(), Status::ok);
      slot.buf_idx = good;
      pair.send(2);
      CHECK(look(*monitor) == sent({~0u, 2}));
    }
  }
}

TEST(
    "threads that send and receive on one port feed its monitors at the same time, and each packet is seen "
    "or counted") {
  for (const uint64_t flags : {kT | kR, kZ}) {
    Rig rig;
    auto one = rig.open("vale0:a", with_slots(64));
    auto same = rig.open("vale0:a");
    auto b = rig.open("vale0:b", with_slots(64));
    auto monitor = rig.open("vale0:a", with_flags(flags, 64));
    auto second = rig.open("vale0:a", with_flags(flags, 16));
    std::atomic<uint32_t> running{3};
    std::atomic<uint64_t> out{0}, in{0};
    std::vector<std::thread> threads;
    const auto for_a_while = [&](auto body) {
      threads.emplace_back([&, body] {
        const int64_t end = engine::monotonic_ns() + kSecond_ns / 3;
        while (engine::monotonic_ns() < end) body();
        running.fetch_sub(1);
      });
    };
    for_a_while([&] {
      for (uint32_t i = 0; i < 5 && put(*one, kBroadcast, station(1), 1); i++) out.fetch_add(1);
      CHECK_EQUAL(one->device().tx_sync(), Status::ok);
    });
    for_a_while([&] {
      CHECK_EQUAL(same->device().rx_sync(), Status::ok);
      const Ring& ring = same->rx_rings()[0];
      in.fetch_add(ring.space());
      ring.advance(ring.tail());
      CHECK_EQUAL(same->device().rx_sync(), Status::ok);
    });
    for_a_while([&] {
      for (uint32_t i = 0; i < 3; i++) put(*b, kBroadcast, station(2), 2);
      CHECK_EQUAL(b->device().tx_sync(), Status::ok);
      look(*b);
    });
    uint64_t seen_out = 0;
    uint64_t seen_in = 0;
    uint64_t odd = 0;
    const auto watch = [&] {
      look(*second);
      for (const Seen& seen : look(*monitor)) {
        (seen.sent ? seen_out : seen_in)++;
        odd += seen.tag != (seen.sent ? 1u : 2u);
      }
    };
    while (running.load() != 0) watch();
    for (std::thread& thread : threads) thread.join();
    const Ring& left = same->rx_rings()[0];
    CHECK_EQUAL(same->device().rx_sync(), Status::ok);
    in.fetch_add(left.space());
    left.advance(left.tail());
    CHECK_EQUAL(same->device().rx_sync(), Status::ok);
    watch();
    CHECK_EQUAL(odd, 0u);
    CHECK_EQUAL(seen_out + seen_in + counters_of(*monitor).drops_full, out.load() + in.load());
    CHECK_EQUAL(count_buffers(rig, *one).doubled, 0u);
    CHECK_EQUAL(count_buffers(rig, *one).lost, 0u);
  }
}

TEST("several senders show what each brings to the monitor of one receiver, in its order") {
  Rig rig;
  auto receiver = rig.open("vale0:r", with_slots(64));
  auto monitor = rig.open("vale0:r", with_flags(kR, 1024));
  std::vector<std::unique_ptr<Port>> senders;
  for (const char* name : {"vale0:a", "vale0:b", "vale0:c"})
    senders.push_back(rig.open(name, with_slots(64)));
  std::atomic<uint32_t> running{3};
  std::vector<std::thread> threads;
  for (uint32_t who = 0; who < 3; who++) {
    threads.emplace_back([&, who] {
      for (uint32_t i = 0; i < 2000; i++) {
        put(*senders[who], station(9), station(who + 1), who << 16 | i);
        CHECK_EQUAL(senders[who]->device().tx_sync(), Status::ok);
        senders[who]->device().rx_sync();
        const Ring& echo = senders[who]->rx_rings()[0];
        echo.advance(echo.tail());
      }
      running.fetch_sub(1);
    });
  }
  uint64_t arrived = 0;
  uint64_t seen = 0;
  uint32_t next[3] = {};
  const auto look_at_both = [&] {
    CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
    const Ring& ring = receiver->rx_rings()[0];
    arrived += ring.space();
    ring.advance(ring.tail());
    for (const Seen& one : look(*monitor)) {
      CHECK(!one.sent && one.tag >> 16 < 3 && (one.tag & 0xffff) >= next[one.tag >> 16]);
      next[one.tag >> 16] = (one.tag & 0xffff) + 1;
      seen++;
    }
  };
  while (running.load() != 0) look_at_both();
  for (std::thread& thread : threads) thread.join();
  look_at_both();
  CHECK(arrived != 0);
  CHECK_EQUAL(seen + counters_of(*monitor).drops_full, arrived);
}

TEST("threads open and close monitors of a port that is in use") {
  Rig rig;
  auto a = rig.open("vale0:a", with_slots(32));
  auto b = rig.open("vale0:b", with_slots(32));
  std::vector<std::thread> threads;
  check::Random random;
  const int64_t end = engine::monotonic_ns() + kSecond_ns;
  for (uint32_t number = 0; number < 3; number++) {
    random.next();
    threads.emplace_back([&, number, mine = random]() mutable {
      while (engine::monotonic_ns() < end) {
        if (number == 0) {
          for (uint32_t i = 0; i < 8; i++) put(*a, kBroadcast, station(1), 1);
          CHECK_EQUAL(a->device().tx_sync(), Status::ok);
          look(*a);
          look(*b);
          continue;
        }
        const uint64_t flags[] = {kT, kR, kT | kR, kZ, kZ | kT, kZ | kR};
        auto monitor = rig.open("vale0:a", with_flags(flags[mine.below(6)], 16));
        for (uint64_t rounds = mine.below(20); rounds > 0; rounds--) look(*monitor);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQUAL(count_buffers(rig, *a).doubled, 0u);
  CHECK_EQUAL(count_buffers(rig, *a).lost, 0u);
}
