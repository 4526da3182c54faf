// Forwarders between ports of the engine: every packet arrives, or is counted.
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "test/check.h"
#include "test/engine_rig.h"
#include "test/line.h"
#include "traffic/alarm.h"
#include "traffic/forwarder.h"
#include "traffic/frame_filler.h"

namespace nm {
namespace {

using test::accounted;
using test::check_accounts;
using test::Line;
using test::Rig;
using test::Station;

constexpr uint64_t kPackets = 30000;

TEST(
    "a forwarder between two pipes loses nothing, changes nothing and copies nothing, with both directions "
    "loaded") {
  Rig rig;
  Line line(rig, "a{1", "a}1", "a{2", "a}2");
  line.exchange(kPackets);
  CHECK_EQUAL(line.right.received(), kPackets);
  CHECK_EQUAL(line.left.received(), kPackets);
  for (const uint32_t lane : {0u, 1u}) {
    CHECK_EQUAL(line.count(lane, &LaneCounts::packets), kPackets);
    CHECK_EQUAL(line.count(lane, &LaneCounts::copied_bytes), 0u);
  }
}

TEST("a forwarder between pipes of two regions copies, and says how much") {
  Rig rig;
  Line line(rig, "a{1", "a}1", "b{1", "b}1");
  line.exchange(kPackets);
  CHECK_EQUAL(line.right.received(), kPackets);
  CHECK_EQUAL(line.left.received(), kPackets);
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < kPackets; i++) bytes += Station::length_of(i);
  CHECK_EQUAL(line.count(0, &LaneCounts::bytes), bytes);
  CHECK_EQUAL(line.count(0, &LaneCounts::copied_bytes), bytes);
}

TEST("a forwarder finds packets where the slots say, and puts them where its own ports' packets begin") {
  Rig rig;
  Line pipes(rig.open_offset("a{1", 20), rig.open("a}1"), rig.open_offset("a}2", 128), rig.open("a{2"));
  pipes.exchange(kPackets);
  CHECK_EQUAL(pipes.right.received(), kPackets);
  CHECK_EQUAL(pipes.left.received(), kPackets);
  Line switches(rig.open("vale0:x"), rig.open_offset("vale0:a", 100), rig.open("vale1:a"),
                rig.open_offset("vale1:y", 64));
  switches.exchange(kPackets);
  check_accounts(switches);
  CHECK(switches.right.received() > 0 && switches.left.received() > 0);
}

TEST("a forwarder between two switches accounts for every packet") {
  Rig rig;
  Line line(rig, "vale0:x", "vale0:a", "vale1:a", "vale1:y");
  line.exchange(kPackets);
  check_accounts(line);
  CHECK(line.right.received() > 0 && line.left.received() > 0);
}

TEST("a forwarder between two switches swaps buffers where their ports share memory") {
  Rig rig;
  std::unique_ptr<Port> first = rig.open("vale0:a");
  abi::nmreq_register wanted{};
  wanted.nr_mem_id = first->granted().nr_mem_id;
  std::unique_ptr<Port> second = rig.open("vale1:a", wanted);
  Station left(rig.open("vale0:x"));
  Station right(rig.open("vale1:y"));
  ForwarderOptions options;
  options.lanes = {{0, 1, {}}, {1, 0, {}}};
  Forwarder forwarder({first.get(), second.get()}, options);
  std::thread middle([&] { CHECK_EQUAL(forwarder.run(), Status::ok); });
  for (uint64_t round = 0; round < 200; round++) {
    left.send(16);
    right.send(16);
    for (const uint64_t end_ns = monotonic_ns() + 1'000'000; monotonic_ns() < end_ns;) {
      right.receive();
      left.receive();
    }
  }
  right.receive_rest([&] { return accounted(right, *first) == left.sent(); });
  left.receive_rest([&] { return accounted(left, *second) == right.sent(); });
  forwarder.stop();
  middle.join();
  CHECK_EQUAL(accounted(right, *first), left.sent());
  CHECK_EQUAL(accounted(left, *second), right.sent());
  CHECK_EQUAL(forwarder.lane_counts(0).copied_bytes.load(), 0u);
  CHECK(forwarder.lane_counts(0).packets.load() > 0);
}

TEST("a forwarder between a switch and a pipe accounts for every packet") {
  Rig rig;
  Line line(rig, "vale0:x", "vale0:a", "p{1", "p}1");
  line.exchange(kPackets);
  check_accounts(line);
  CHECK_EQUAL(line.left.received() + line.left.dropped(), kPackets);
}

TEST("a direction whose far port is full holds its packets, and the other direction goes on") {
  Rig rig;
  Line line(rig, "a{1", "a}1", "a{2", "a}2");
  std::thread middle([&] { CHECK_EQUAL(line.forwarder->run(), Status::ok); });
  // Nobody takes what goes to the left, and everything goes to the right.
  const uint64_t deadline_ns = monotonic_ns() + 20 * kSecond_ns;
  while (line.right.received() < 5000) {
    line.right.send(64);
    line.left.send(std::min<uint64_t>(64, 5000 - line.left.sent()));
    line.right.receive();
    CHECK(monotonic_ns() < deadline_ns);
  }
  const uint64_t sent = line.right.sent();
  CHECK(line.count(1, &LaneCounts::held_back) > 0);
  // They were not lost.
  while (line.left.received() < sent) {
    line.left.receive();
    CHECK(monotonic_ns() < deadline_ns);
  }
  line.forwarder->stop();
  middle.join();
  CHECK_EQUAL(line.left.received(), sent);
}

TEST("a packet of more slots than the far ring has is dropped and counted, and those behind it go on") {
  Rig rig;
  abi::nmreq_register small{};
  small.nr_tx_slots = small.nr_rx_slots = 2;
  std::unique_ptr<Port> far = rig.open("b{1", small);
  Line line(rig, "a{1", "a}1", "b}1", "c}1");
  std::thread middle([&] { CHECK_EQUAL(line.forwarder->run(), Status::ok); });
  // A packet of two slots, where one is the most, and one of one.
  const Ring& ring = line.left.port().tx_rings()[0];
  for (uint32_t i = 0; i < 3; i++) {
    Descriptor slot = ring.descriptor(ring.head());
    slot.len = static_cast<uint16_t>(ring.buffer_size());
    slot.flags = i == 0 ? abi::NS_MOREFRAG : 0;
    ring.put(ring.head(), slot);
    ring.advance(ring.next(ring.head()));
  }
  line.left.port().device().tx_sync();
  const uint64_t deadline_ns = monotonic_ns() + 10 * kSecond_ns;
  while (far->rx_rings()[0].space() == 0) {
    far->device().rx_sync();
    CHECK(monotonic_ns() < deadline_ns);
  }
  line.forwarder->stop();
  middle.join();
  CHECK_EQUAL(line.count(0, &LaneCounts::drops_too_long), 1u);
  CHECK_EQUAL(line.count(0, &LaneCounts::packets), 1u);
}

TEST("a filter passes what it chooses and counts the rest") {
  std::shared_ptr<const Filter> filter;
  std::string reason;
  if (Filter::compile("ether[14] & 1 = 0", "", &filter, &reason) != FilterOutcome::compiled) return;
  for (const bool copies : {false, true}) {
    Rig rig;
    LaneOptions options;
    options.filter = filter;
    options.copy = copies;
    Line line(rig, "a{1", "a}1", "a{2", "a}2", options);
    line.exchange(10000);
    CHECK_EQUAL(line.right.received(), 5000u);
    CHECK_EQUAL(line.count(0, &LaneCounts::drops_filtered), 5000u);
    CHECK_EQUAL(line.count(1, &LaneCounts::packets), 5000u);
  }
}

TEST("every hundredth packet, or one in four at random, is lost on purpose and counted") {
  Rig rig;
  LaneOptions regular;
  regular.impairment.drop_every = 100;
  Line first(rig, "a{1", "a}1", "a{2", "a}2", regular);
  first.exchange(10000);
  CHECK_EQUAL(first.right.received(), 9900u);
  CHECK_EQUAL(first.count(0, &LaneCounts::drops_loss), 100u);

  LaneOptions random;
  random.impairment.loss = {LossModel::packets, {0.25, 0}};
  random.impairment.seed = 7;
  uint64_t lost = 0;
  for (int run = 0; run < 2; run++) {
    Rig other;
    Line second(other, "b{1", "b}1", "b{2", "b}2", random);
    second.exchange(10000);
    const uint64_t now_lost = second.count(0, &LaneCounts::drops_loss);
    CHECK_EQUAL(second.right.received() + now_lost, 10000u);
    CHECK(now_lost > 2200 && now_lost < 2800);
    CHECK(run == 0 || now_lost == lost);
    lost = now_lost;
  }
}

TEST("delayed packets arrive late, whole and in order, and what is under way at the end is counted") {
  Rig rig;
  LaneOptions options;
  options.impairment.delay = {DelayModel::constant, {30'000'000, 0, 0}};
  Line line(rig, "a{1", "a}1", "a{2", "a}2", options);
  std::thread middle([&] { CHECK_EQUAL(line.forwarder->run(), Status::ok); });
  const uint64_t sent_ns = monotonic_ns();
  line.left.send(500);
  while (line.right.received() == 0) line.right.receive();
  CHECK(monotonic_ns() - sent_ns >= 30'000'000);
  while (line.right.received() < line.left.sent()) line.right.receive();
  const uint64_t before = line.left.sent();
  line.left.send(300);
  while (line.count(0, &LaneCounts::copied_bytes) == 0 || line.left.port().tx_rings()[0].pending()) {
    line.left.port().device().tx_sync();
  }
  line.forwarder->stop();
  middle.join();
  line.right.receive();
  const uint64_t undelivered = line.count(0, &LaneCounts::drops_undelivered);
  CHECK_EQUAL(line.right.received() + undelivered, line.left.sent());
  CHECK(line.left.sent() > before);
}

TEST("a limit lets so many packets or bits pass in a second, and loses none") {
  for (const bool bits : {false, true}) {
    Rig rig;
    LaneOptions options;
    options.limit = bits ? BandwidthSpec{BandwidthModel::constant, {8'000'000, 0}}
                         : BandwidthSpec{BandwidthModel::packets, {2000, kSecond_ns}};
    Line line(rig, "a{1", "a}1", "a{2", "a}2", options);
    std::thread middle([&] { CHECK_EQUAL(line.forwarder->run(), Status::ok); });
    const uint64_t start_ns = monotonic_ns();
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < 500; i++) bytes += Station::length_of(i);
    while (line.right.received() < 500) {
      line.left.send(500 - line.left.sent());
      line.right.receive();
    }
    const uint64_t took_ns = monotonic_ns() - start_ns;
    // The last packet need not wait, and neither does what the credit covers.
    const uint64_t least_ns = bits ? bytes * 1000 : 250'000'000;
    CHECK(took_ns + Limiter::kCredit_ns + 5'000'000 >= least_ns);
    line.forwarder->stop();
    middle.join();
  }
}

TEST("a mirror gets a copy of each packet that passes, and holds nobody up when it is full") {
  Rig rig;
  std::unique_ptr<Port> mirror = rig.open("m{1");
  Station watcher(rig.open("m}1"));
  Station left(rig.open("a{1"));
  Station right(rig.open("a}2"));
  std::unique_ptr<Port> left_near = rig.open("a}1");
  std::unique_ptr<Port> right_near = rig.open("a{2");
  ForwarderOptions options;
  LaneOptions lane;
  lane.mirror = mirror.get();
  options.lanes = {{0, 1, lane}};
  Forwarder forwarder({left_near.get(), right_near.get(), mirror.get()}, options);
  std::thread middle([&] { CHECK_EQUAL(forwarder.run(), Status::ok); });
  while (right.received() < 5000) {
    left.send(std::min<uint64_t>(64, 5000 - left.sent()));
    right.receive();
    if (right.received() < 2000) watcher.receive();
  }
  forwarder.stop();
  middle.join();
  watcher.receive();
  CHECK(watcher.received() >= 1000 && watcher.received() < 5000);
  CHECK_EQUAL(watcher.received(), forwarder.lane_counts(0).mirrored.load());
  CHECK_EQUAL(forwarder.lane_counts(0).mirrored.load() + forwarder.lane_counts(0).mirror_drops_full.load(),
              5000u);
}

TEST("a delay line gives back what it was given, in order, whatever the sizes") {
  check::Random random;
  DelayLine line(4096);
  uint64_t in = 0, out = 0;
  uint32_t refused = 0;
  for (uint32_t i = 0; i < 100000; i++) {
    if (random.below(2) == 0) {
      const auto length = static_cast<uint32_t>(random.below(in % 7 == 0 ? 3000 : 200));
      uint8_t* const bytes = line.put(length, in);
      if (bytes == nullptr) {
        refused++;
      } else {
        std::memset(bytes, static_cast<int>(in & 0xff), length);
        in++;
      }
    } else if (!line.empty()) {
      const DelayLine::Packet packet = line.front();
      CHECK_EQUAL(packet.due_ns, out);
      for (uint32_t j = 0; j < packet.length; j++) CHECK_EQUAL(packet.bytes[j], out & 0xff);
      line.pop();
      out++;
    }
    CHECK_EQUAL(line.packets(), in - out);
  }
  CHECK(refused > 0 && out > 1000);
}

}  // namespace
}  // namespace nm
