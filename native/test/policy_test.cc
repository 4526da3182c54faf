// What ports of a switch may be told: to lose nothing, to send slowly, to have few stations, to keep apart, to be mirrored.
#include "engine/policy.h"

#include <atomic>
#include <thread>
#include <vector>

#include "clock.h"
#include "engine/persistent.h"
#include "engine/stations.h"
#include "engine/switch_list.h"
#include "test/child.h"
#include "test/control_rig.h"

using namespace nm;
using namespace nm::test;

namespace {

constexpr int64_t kFiveSeconds = 5'000'000'000;

class PolicyRig : public Rig {
 public:
  PolicyRig() { CHECK_EQUAL(engine::Namespace::open(directory, &space), Status::ok); }
  void tell(const std::string& name, const engine::Policy& policy) {
    CHECK_EQUAL(engine::set_policy(space, name, policy), Status::ok);
  }
  std::vector<engine::ListedStation> stations(const std::string& vale = "vale0") {
    std::vector<engine::ListedStation> known;
    CHECK_EQUAL(engine::list_stations(space, vale, &known), Status::ok);
    return known;
  }
  engine::ListedPort listed(const std::string& port) {
    std::vector<engine::ListedSwitch> switches;
    CHECK_EQUAL(engine::list_switches(space, "", engine::Depth::all, &switches), Status::ok);
    for (const engine::ListedSwitch& vale : switches) {
      for (const engine::ListedPort& one : vale.ports) {
        if ((vale.name.empty() ? one.name : vale.name + ":" + one.name) == port) return one;
      }
    }
    check::fail(__FILE__, __LINE__, "there is no port " + port);
    return {};
  }

  std::shared_ptr<engine::Namespace> space;
};

engine::Policy waiting() {
  engine::Policy policy;
  policy.waits = true;
  return policy;
}

Counters sent_by(Port& port) {
  Counters counters;
  CHECK_EQUAL(port.device().tx_counters(0, &counters), Status::ok);
  return counters;
}

abi::nmreq_register small(uint32_t slots) {
  abi::nmreq_register wanted = {};
  wanted.nr_tx_slots = wanted.nr_rx_slots = slots;
  return wanted;
}

// Lets the switch know that station n is behind the port, and takes what others get of it.
void introduce(Port& port, uint32_t n, const std::vector<Port*>& others) {
  send(port, kBroadcast, station(n), 0);
  for (Port* other : others) CHECK_EQUAL(take(*other), 0);
}

}  // namespace

TEST(
    "packets for a port that loses none wait in their sender's ring, in order, and go on when there is "
    "room") {
  PolicyRig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b", small(64));
  rig.tell("vale0:b", waiting());
  introduce(*b, 2, {a.get()});
  for (uint32_t i = 0; i < 500; i++) CHECK(put(*a, station(2), station(1), i));
  int64_t expected = 0;
  while (expected < 500) {
    CHECK_EQUAL(a->device().tx_sync(), Status::ok);
    const int64_t before = expected;
    for (int64_t tag = take(*b); tag >= 0; tag = take(*b)) CHECK_EQUAL(tag, expected++);
    CHECK(expected > before);
  }
  CHECK(!a->tx_rings()[0].pending());
  const Counters counters = sent_by(*a);
  CHECK_EQUAL(counters.packets, 500u);
  CHECK_EQUAL(counters.bytes, 500u * 60);
  CHECK_EQUAL(counters.drops_full, 0u);
  CHECK(counters.held_back > 0);
}

TEST("a receiver that is stuck holds up those who send to it, and no other sender") {
  PolicyRig rig;
  auto a = rig.open("vale0:a");
  auto other = rig.open("vale0:other");
  auto stuck = rig.open("vale0:stuck", small(16));
  auto reads = rig.open("vale0:reads");
  rig.tell("vale0:stuck", waiting());
  introduce(*stuck, 3, {a.get(), other.get(), reads.get()});
  introduce(*reads, 4, {a.get(), other.get(), stuck.get()});
  for (uint32_t i = 0; i < 100; i++) CHECK(put(*a, station(3), station(1), i));
  CHECK_EQUAL(a->device().tx_sync(), Status::ok);
  CHECK(a->tx_rings()[0].pending());
  for (uint32_t i = 0; i < 2000; i++) {
    send(*other, station(4), station(2), i);
    CHECK_EQUAL(take(*reads), i);
  }
  CHECK_EQUAL(sent_by(*other).drops_full, 0u);
  // Floods wait for nobody.
  for (uint32_t i = 0; i < 50; i++) send(*other, kBroadcast, station(2), i);
  CHECK(!other->tx_rings()[0].pending());
  for (int64_t i = 0; i < 50; i++) CHECK_EQUAL(take(*reads), i);
  // Once it takes what it has, the rest comes, in order, and nothing of it is lost.
  int64_t next = 0;
  while (next < 100) {
    const int64_t before = next;
    CHECK_EQUAL(a->device().tx_sync(), Status::ok);
    for (int64_t tag = take(*stuck); tag >= 0; tag = take(*stuck)) CHECK_EQUAL(tag, next++);
    CHECK(next > before);
  }
  CHECK_EQUAL(sent_by(*a).drops_full, 0u);
}

TEST("a sender that sleeps until a port has room is woken when it has") {
  PolicyRig rig;
  auto a = rig.open("vale0:a", small(32));
  auto b = rig.open("vale0:b", small(16));
  rig.tell("vale0:b", waiting());
  introduce(*b, 2, {a.get()});
  for (uint32_t i = 0, syncs = 0; syncs < 2; syncs++) {
    while (put(*a, station(2), station(1), i)) i++;
    CHECK_EQUAL(a->device().tx_sync(), Status::ok);
  }
  CHECK_EQUAL(a->tx_rings()[0].space(), 0u);
  Child reader([&] {
    usleep(10'000);
    for (uint32_t i = 0; i < 5; i++) CHECK_EQUAL(take(*b), i);
    // The slots are the senders' again with the next sync.
    CHECK_EQUAL(b->device().rx_sync(), Status::ok);
  });
  uint32_t ready = 0;
  CHECK_EQUAL(a->device().wait(kWritable, kFiveSeconds, &ready), Status::ok);
  CHECK_EQUAL(ready, kWritable);
  reader.join();
}

TEST("several senders to a port that loses none get everything through, each in order") {
  PolicyRig rig;
  constexpr uint32_t kSenders = 3;
  constexpr uint32_t kEach = 4000;
  auto b = rig.open("vale0:b", small(64));
  rig.tell("vale0:b", waiting());
  std::vector<std::unique_ptr<Port>> senders;
  for (uint32_t i = 0; i < kSenders; i++)
    senders.push_back(rig.open("vale0:s" + std::to_string(i), small(128)));
  send(*b, kBroadcast, station(9), 0);
  std::vector<std::thread> threads;
  for (uint32_t s = 0; s < kSenders; s++) {
    threads.emplace_back([&, s] {
      Port& port = *senders[s];
      for (uint32_t i = 0; i < kEach || port.tx_rings()[0].pending();) {
        bool full = false;
        for (uint32_t n = 0; n < 32 && i < kEach && !full; n++) {
          full = !put(port, station(9), station(20 + s), s << 24 | i);
          i += !full;
        }
        uint32_t ready = 0;
        CHECK_EQUAL(port.device().tx_sync(), Status::ok);
        if (full) CHECK_EQUAL(port.device().wait(kWritable, kFiveSeconds, &ready), Status::ok);
      }
    });
  }
  uint32_t next[kSenders] = {};
  for (uint32_t taken = 0; taken < kSenders * kEach;) {
    const int64_t tag = take(*b);
    if (tag < 0) {
      b->device().rx_sync();
      uint32_t ready = 0;
      CHECK_EQUAL(b->device().wait(kReadable, kFiveSeconds, &ready), Status::ok);
      CHECK_EQUAL(ready, kReadable);
      continue;
    }
    const auto s = static_cast<uint32_t>(tag) >> 24;
    CHECK(s < kSenders);
    CHECK_EQUAL(static_cast<uint32_t>(tag) & 0xffffff, next[s]++);
    taken++;
  }
  b->device().rx_sync();
  for (std::thread& thread : threads) thread.join();
  for (auto& port : senders) CHECK_EQUAL(sent_by(*port).drops_full, 0u);
}

TEST("packets of several slots wait as a whole") {
  PolicyRig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b", small(16));
  rig.tell("vale0:b", waiting());
  introduce(*b, 2, {a.get()});
  for (uint32_t i = 0; i < 30; i++) {
    CHECK(put(*a, station(2), station(1), i, 60, abi::NS_MOREFRAG));
    CHECK(put(*a, station(2), station(1), 1000 + i, 60, abi::NS_MOREFRAG));
    CHECK(put(*a, station(2), station(1), 2000 + i));
  }
  for (uint32_t i = 0; i < 30;) {
    CHECK_EQUAL(a->device().tx_sync(), Status::ok);
    for (int64_t tag = take(*b); tag >= 0; tag = take(*b), i++) {
      CHECK_EQUAL(tag, i);
      CHECK_EQUAL(take(*b), 1000 + i);
      CHECK_EQUAL(take(*b), 2000 + i);
    }
  }
  CHECK_EQUAL(sent_by(*a).packets, 30u);
}

TEST("a port that goes away takes with it what waits for it") {
  PolicyRig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b", small(16));
  auto c = rig.open("vale0:c");
  rig.tell("vale0:b", waiting());
  introduce(*b, 2, {a.get(), c.get()});
  for (uint32_t i = 0; i < 100; i++) CHECK(put(*a, station(2), station(1), i));
  CHECK_EQUAL(a->device().tx_sync(), Status::ok);
  CHECK(a->tx_rings()[0].pending());
  b.reset();
  CHECK_EQUAL(a->device().tx_sync(), Status::ok);
  CHECK(!a->tx_rings()[0].pending());
  CHECK_EQUAL(sent_by(*a).packets, 100u);
}

TEST("a rate is kept in packets and in bits, and what is beyond it is counted") {
  for (const bool is_bits : {false, true}) {
    PolicyRig rig;
    auto a = rig.open("vale0:a");
    auto b = rig.open("vale0:b");
    engine::Policy policy;
    policy.rate = is_bits ? 100'000ull * 480 : 100'000;
    policy.rate_is_bits = is_bits;
    rig.tell("vale0:a", policy);
    uint64_t sent = 0;
    uint64_t received = 0;
    const uint64_t start = monotonic_ns();
    uint64_t passed_ns = 0;
    // More than may be saved up, though the test stands still meanwhile.
    for (; passed_ns < 200'000'000 || sent < 2000; passed_ns = monotonic_ns() - start) {
      for (uint32_t i = 0; i < 64; i++) sent += put(*a, kBroadcast, station(1), i);
      CHECK_EQUAL(a->device().tx_sync(), Status::ok);
      while (take(*b) >= 0) received++;
    }
    // What is saved up at the start: 10 ms, or one packet of the longest.
    const double saved = is_bits ? 65536.0 / 60 : 1000;
    const double most = 100'000 * (static_cast<double>(passed_ns) / 1e9) + saved;
    CHECK(static_cast<double>(received) <= most + 1);
    CHECK(received >= 900);
    CHECK_EQUAL(sent_by(*a).drops_rate_limit, sent - received);
  }
}

TEST("a port may have as many stations as it is told, and packets of others are lost") {
  PolicyRig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  engine::Policy policy;
  policy.mac_limit = 3;
  rig.tell("vale0:a", policy);
  for (uint32_t round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < 10; i++) send(*a, kBroadcast, station(10 + i), i);
    for (int64_t i = 0; i < 3; i++) CHECK_EQUAL(take(*b), i);
    CHECK_EQUAL(take(*b), -1);
  }
  CHECK_EQUAL(sent_by(*a).drops_mac_limit, 14u);
  CHECK_EQUAL(rig.listed("vale0:a").stations, 3u);
}

TEST("ports of one isolation group do not reach each other, and reach all others") {
  PolicyRig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  auto c = rig.open("vale0:c");
  engine::Policy policy;
  policy.group = 7;
  rig.tell("vale0:a", policy);
  rig.tell("vale0:b", policy);
  send(*b, kBroadcast, station(2), 1);
  CHECK_EQUAL(take(*a), -1);
  CHECK_EQUAL(take(*c), 1);
  send(*a, station(2), station(1), 2);
  CHECK_EQUAL(take(*b), -1);
  CHECK_EQUAL(sent_by(*a).drops_isolated, 1u);
  send(*a, kBroadcast, station(1), 3);
  CHECK_EQUAL(take(*b), -1);
  CHECK_EQUAL(take(*c), 3);
  send(*c, station(2), station(3), 4);
  CHECK_EQUAL(take(*b), 4);
}

TEST("a mirror gets one copy of what its port sends and gets, and nobody misses what it has no room for") {
  PolicyRig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  auto c = rig.open("vale0:c");
  auto mirror = rig.open("vale0:m", small(16));
  engine::Policy policy;
  policy.mirror = "m";
  rig.tell("vale0:a", policy);
  introduce(*b, 2, {a.get(), c.get(), mirror.get()});
  introduce(*a, 1, {b.get(), c.get(), mirror.get()});
  introduce(*c, 3, {a.get(), b.get(), mirror.get()});
  send(*a, station(2), station(1), 5);
  CHECK_EQUAL(take(*b), 5);
  CHECK_EQUAL(take(*mirror), 5);
  send(*b, station(1), station(2), 6);
  CHECK_EQUAL(take(*a), 6);
  CHECK_EQUAL(take(*mirror), 6);
  send(*b, station(3), station(2), 7);
  CHECK_EQUAL(take(*c), 7);
  CHECK_EQUAL(take(*mirror), -1);
  for (uint32_t i = 0; i < 100; i++) send(*a, station(2), station(1), i);
  for (int64_t i = 0; i < 100; i++) CHECK_EQUAL(take(*b), i);
  for (int64_t i = 0; i < 15; i++) CHECK_EQUAL(take(*mirror), i);
  CHECK_EQUAL(take(*mirror), -1);
  CHECK_EQUAL(sent_by(*a).drops_full, 0u);
  Counters counters;
  CHECK_EQUAL(mirror->device().rx_counters(0, &counters), Status::ok);
  CHECK_EQUAL(counters.drops_full, 85u);
  // The place of a mirror that went away may become another port's.
  mirror.reset();
  auto stranger = rig.open("vale0:stranger");
  send(*a, station(2), station(1), 8);
  CHECK_EQUAL(take(*b), 8);
  CHECK_EQUAL(take(*stranger), -1);
  CHECK(rig.listed("vale0:a").policy.mirror.empty());
}

TEST("a policy is told back, is for ports that are there, and goes with its port") {
  PolicyRig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  engine::Policy policy = waiting();
  policy.rate = 5'000'000'000;
  policy.rate_is_bits = true;
  policy.mac_limit = 9;
  policy.group = 2;
  policy.mirror = "b";
  rig.tell("vale0:a", policy);
  const engine::Policy told = rig.listed("vale0:a").policy;
  CHECK(told.waits && told.rate_is_bits);
  CHECK_EQUAL(told.rate, policy.rate);
  CHECK_EQUAL(told.mac_limit, 9u);
  CHECK_EQUAL(told.group, 2u);
  CHECK_EQUAL(told.mirror, "b");
  CHECK_EQUAL(engine::set_policy(rig.space, "vale0:x", policy), Status::no_such_port);
  CHECK_EQUAL(engine::set_policy(rig.space, "vale1:a", policy), Status::no_such_switch);
  policy.mirror = "a";
  CHECK_EQUAL(engine::set_policy(rig.space, "vale0:a", policy), Status::no_such_mirror);
  a.reset();
  a = rig.open("vale0:a");
  const engine::Policy fresh = rig.listed("vale0:a").policy;
  CHECK(!fresh.waits && fresh.rate == 0 && fresh.mac_limit == 0 && fresh.group == 0 && fresh.mirror.empty());
}

TEST("a pinned station stays where it is, and can be let go") {
  PolicyRig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  auto c = rig.open("vale0:c");
  CHECK_EQUAL(engine::pin_station(rig.space, "vale0:b", station(2)), Status::ok);
  send(*a, kBroadcast, station(2), 1);
  CHECK_EQUAL(take(*b), 1);
  CHECK_EQUAL(take(*c), 1);
  send(*c, station(2), station(3), 2);
  CHECK_EQUAL(take(*b), 2);
  CHECK_EQUAL(take(*a), -1);
  uint32_t flushed = 0;
  CHECK_EQUAL(engine::flush_stations(rig.space, "vale0", "", &flushed), Status::ok);
  CHECK_EQUAL(flushed, 1u);
  CHECK_EQUAL(rig.stations().size(), size_t{1});
  CHECK(rig.stations()[0].is_pinned);
  CHECK_EQUAL(engine::unpin_station(rig.space, "vale0", station(2)), Status::ok);
  CHECK_EQUAL(engine::unpin_station(rig.space, "vale0", station(2)), Status::station_unknown);
  send(*a, kBroadcast, station(2), 3);
  CHECK_EQUAL(rig.stations()[0].port, "a");
  CHECK_EQUAL(engine::pin_station(rig.space, "vale0:b", kBroadcast), Status::bad_station);
  CHECK_EQUAL(engine::pin_station(rig.space, "vale0:x", station(1)), Status::no_such_port);
}

TEST("stations are listed with their ports, their age and how often they moved") {
  PolicyRig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  for (uint32_t i = 0; i < 3; i++) {
    send(*a, kBroadcast, station(5), 0);
    send(*b, kBroadcast, station(5), 0);
  }
  const std::vector<engine::ListedStation> known = rig.stations();
  CHECK_EQUAL(known.size(), size_t{1});
  CHECK_EQUAL(known[0].mac, station(5));
  CHECK_EQUAL(known[0].port, "b");
  CHECK_EQUAL(known[0].moves, 5u);
  CHECK(known[0].age_s <= 5);
  std::vector<engine::ListedStation> none;
  CHECK_EQUAL(engine::list_stations(rig.space, "vale9", &none), Status::no_such_switch);
}

TEST("a station that is silent for longer than the switch remembers is flooded to") {
  PolicyRig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  auto c = rig.open("vale0:c");
  introduce(*b, 2, {a.get(), c.get()});
  CHECK_EQUAL(engine::set_ageing(rig.space, "vale0", 1), Status::ok);
  usleep(2'200'000);
  send(*a, station(2), station(1), 1);
  CHECK_EQUAL(take(*b), 1);
  CHECK_EQUAL(take(*c), 1);
  for (const engine::ListedStation& one : rig.stations()) CHECK_EQUAL(one.mac, station(1));
  send(*b, station(1), station(2), 2);
  CHECK_EQUAL(take(*a), 2);
  send(*a, station(2), station(1), 3);
  CHECK_EQUAL(take(*b), 3);
  CHECK_EQUAL(take(*c), -1);
}

TEST("the list of switches has every port, who has it open, and what it counted") {
  PolicyRig rig;
  CHECK_EQUAL(make_persistent(rig, "p"), Status::ok);
  CHECK_EQUAL(make_persistent(rig, "q"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale1:p"), Status::ok);
  auto a = rig.open("vale0:a");
  auto again = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  for (uint32_t i = 0; i < 7; i++) send(*a, kBroadcast, station(1), i);
  const engine::ListedPort listed = rig.listed("vale0:a");
  CHECK_EQUAL(listed.pids.size(), size_t{2});
  CHECK_EQUAL(listed.pids[0], static_cast<uint32_t>(getpid()));
  CHECK_EQUAL(listed.sent.packets, 7u);
  CHECK_EQUAL(listed.stations, 1u);
  CHECK_EQUAL(rig.listed("vale0:b").received.packets, 7u);
  CHECK(rig.listed("vale1:p").kind == engine::PortKind::persistent);
  CHECK(rig.listed("vale1:p").pids.empty());
  CHECK(rig.listed("q").kind == engine::PortKind::persistent);
}

TEST("ports of many rings, and ports that share a region, are listed with what each of them counted") {
  PolicyRig rig;
  abi::nmreq_vale_newif wide = {};
  wide.nr_tx_rings = 3;
  wide.nr_rx_rings = 2;
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_VALE_NEWIF, "wide", &wide), Status::ok);
  abi::nmreq_vale_newif second = {};
  second.nr_mem_id = wide.nr_mem_id;
  CHECK_EQUAL(make_persistent(rig, "second", second), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:wide"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:second"), Status::ok);
  auto a = rig.open("vale0:a");
  auto b = rig.open("wide");
  auto c = rig.open("second");
  for (uint32_t i = 0; i < 5; i++) send(*a, kBroadcast, station(1), i);
  for (uint32_t i = 0; i < 3; i++) send(*c, kBroadcast, station(2), i);
  CHECK(put(*b, kBroadcast, station(3), 0, 60, 0, 2));
  CHECK_EQUAL(b->device().tx_sync(), Status::ok);

  const engine::ListedPort listed = rig.listed("vale0:wide");
  CHECK_EQUAL(listed.tx_rings, 3u);
  CHECK_EQUAL(listed.rx_rings, 2u);
  CHECK_EQUAL(listed.sent.packets, 1u);
  CHECK_EQUAL(listed.received.packets, 8u);
  CHECK_EQUAL(rig.listed("vale0:second").region, listed.region);
  CHECK_EQUAL(rig.listed("vale0:second").sent.packets, 3u);
  CHECK_EQUAL(rig.listed("vale0:second").received.packets, 6u);
  CHECK_EQUAL(rig.listed("vale0:a").sent.packets, 5u);
}

TEST("hundreds of ports, which several threads look at, are listed each at its place") {
  constexpr uint32_t kSwitches = 3;
  constexpr uint32_t kPorts = 90;
  PolicyRig rig;
  for (uint32_t i = 0; i < kSwitches * kPorts; i++) {
    const std::string name = "p" + std::to_string(i);
    abi::nmreq_vale_newif wanted = {};
    wanted.nr_tx_slots = wanted.nr_rx_slots = 16 + 2 * (i % kPorts);
    CHECK_EQUAL(engine::new_interface(rig.space, name, &wanted), Status::ok);
    CHECK_EQUAL(attach(rig, "vale" + std::to_string(i / kPorts) + ":" + name), Status::ok);
  }
  for (const engine::Depth depth : {engine::Depth::names, engine::Depth::all}) {
    std::vector<engine::ListedSwitch> switches;
    CHECK_EQUAL(engine::list_switches(rig.space, "", depth, &switches), Status::ok);
    CHECK_EQUAL(switches.size(), size_t{kSwitches});
    uint32_t next = 0;
    for (const engine::ListedSwitch& vale : switches) {
      CHECK_EQUAL(vale.name, "vale" + std::to_string(next / kPorts));
      CHECK_EQUAL(vale.ports.size(), size_t{kPorts});
      for (const engine::ListedPort& port : vale.ports) {
        CHECK_EQUAL(port.name, "p" + std::to_string(next));
        CHECK_EQUAL(port.place, next % kPorts);
        if (depth == engine::Depth::all) CHECK_EQUAL(port.tx_slots, 16 + 2 * (next % kPorts));
        next++;
      }
    }
  }
  std::vector<engine::ListedSwitch> one;
  CHECK_EQUAL(engine::list_switches(rig.space, "vale1", engine::Depth::all, &one), Status::ok);
  CHECK_EQUAL(one.size(), size_t{1});
  CHECK_EQUAL(one[0].ports[0].name, "p90");
  CHECK_EQUAL(engine::list_switches(rig.space, "vale9", engine::Depth::all, &one), Status::ok);
  CHECK(one.empty());
}
