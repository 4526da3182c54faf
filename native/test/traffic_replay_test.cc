// Replays: schedules from captures, read ahead, and sent on a device in this process.
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "test/capture_builder.h"
#include "test/check.h"
#include "test/fake_device.h"
#include "traffic/replay/feed.h"
#include "traffic/replay/read_ahead.h"
#include "traffic/replay/replayer.h"

namespace nm {
namespace {

using namespace check;

struct Sent {
  uint64_t due_ns;
  uint32_t length;
  uint32_t side;
  Bytes bytes;
};

std::vector<Sent> all_of(PieceSource& source) {
  std::vector<Sent> all;
  Piece piece;
  for (source.next(&piece); !piece.empty(); source.next(&piece)) {
    for (size_t i = 0; i < piece.size(); i++) {
      const Batch::Packet& packet = piece.packet(i);
      const uint8_t* const bytes = piece.bytes(packet);
      all.push_back({piece.due_ns(i), packet.length, packet.side, {bytes, bytes + packet.captured}});
    }
  }
  source.next(&piece);
  CHECK(piece.empty());
  return all;
}

std::vector<Sent> all_of(const Writer& file, const FeedOptions& options, FeedEnd* end = nullptr) {
  Feed feed(file_of(file.bytes), options);
  std::vector<Sent> all = all_of(feed);
  if (end != nullptr) *end = feed.end();
  return all;
}

std::vector<uint64_t> dues(const std::vector<Sent>& all) {
  std::vector<uint64_t> times;
  for (const Sent& one : all) times.push_back(one.due_ns);
  return times;
}

// Packets of 100 bytes at these microseconds.
Writer at_microseconds(const std::vector<uint32_t>& times) {
  Writer file = pcap(false, Pcap::kMicroseconds);
  for (const uint32_t time : times)
    add_record(file, 1'000 + time / 1'000'000, time % 1'000'000, text(100, static_cast<uint8_t>(time)), 100);
  return file;
}

using Times = std::vector<uint64_t>;

TEST("a feed gives all packets, due as long after the first as they were captured") {
  FeedEnd end;
  const auto all = all_of(at_microseconds({0, 10, 10, 2'500'000}), {}, &end);
  CHECK(dues(all) == Times({0, 10'000, 10'000, 2'500'000'000}));
  CHECK(all[1].bytes == text(100, 10) && all[1].length == 100);
  CHECK_EQUAL(end.kind, FeedEnd::Kind::whole);
}

TEST("a packet with an earlier time than one before it leaves with that one") {
  CHECK(dues(all_of(at_microseconds({100, 50, 120}), {})) == Times({0, 0, 20'000}));
}

TEST("passes join as netmap joins them, and play what the first one did") {
  FeedOptions options;
  options.passes = 3;
  // 100 of 300 bytes follow the first in 20 us: the first takes 10.
  const auto all = all_of(at_microseconds({0, 10, 20}), options);
  CHECK(dues(all) == Times({0, 10'000, 20'000, 30'000, 40'000, 50'000, 60'000, 70'000, 80'000}));
  CHECK(all[4].bytes == all[1].bytes);
  // One that has no rate is played at 1 Gbit/s.
  CHECK(dues(all_of(at_microseconds({7}), options)) == Times({0, 800, 1'600}));
}

TEST("passes are the same whether the capture is kept in memory or read again") {
  Random random;
  Writer file = pcap(false, Pcap::kNanoseconds);
  uint32_t time = 0;
  constexpr size_t kPackets = 500;
  for (size_t i = 0; i < kPackets; i++) {
    time += static_cast<uint32_t>(random.below(20'000));
    const auto length = static_cast<uint32_t>(random.between(60, 9'200));
    add_record(file, 0, time, text(length, static_cast<uint8_t>(i)), length);
  }
  FeedOptions options;
  options.passes = 3;
  const auto kept = all_of(file, options);
  options.most_kept = 100'000;
  const auto read_again = all_of(file, options);
  CHECK_EQUAL(kept.size(), 3 * kPackets);
  CHECK_EQUAL(read_again.size(), 3 * kPackets);
  CHECK(dues(kept) == dues(read_again));
  for (size_t i = 0; i < kept.size(); i++) CHECK(kept[i].bytes == read_again[i].bytes);
}

TEST("without a link, passes and packets are as many as were asked for, however short the capture is") {
  for (const uint32_t packets : {1u, 3u, 5'000u, 20'000u}) {
    Writer file = pcap(false, Pcap::kMicroseconds);
    for (uint32_t i = 0; i < packets; i++) add_record(file, 0, i, text(60, static_cast<uint8_t>(i)), 60);
    for (const uint64_t passes : {1u, 2u, 3u, 30'000u / packets}) {
      // All, one short of a pass, and one more than a pass.
      for (const uint64_t limit : {uint64_t{0}, passes * packets - 1, uint64_t{packets} + 1}) {
        FeedOptions options;
        options.bandwidth = {BandwidthModel::infinite, {}};
        options.passes = passes;
        options.limit = limit;
        const uint64_t expected = limit == 0 ? passes * packets : std::min(limit, passes * packets);
        Feed feed(file_of(file.bytes), options);
        uint64_t given = 0;
        Piece piece;
        for (feed.next(&piece); !piece.empty(); feed.next(&piece)) {
          for (size_t i = 0; i < piece.size(); i++, given++) {
            const Batch::Packet& packet = piece.packet(i);
            CHECK(packet.captured == 60 && piece.bytes(packet)[59] == static_cast<uint8_t>(given % packets));
          }
        }
        CHECK_EQUAL(given, expected);
        CHECK_EQUAL(piece.counts.read, std::min<uint64_t>(expected, packets));
        if (limit == 0) CHECK_EQUAL(piece.counts.passes, passes);
      }
    }
  }
}

TEST("a range, a limit and a longest gap choose and shorten") {
  FeedOptions options;
  options.from_ns = 10'000;
  options.to_ns = 40'000;
  CHECK(dues(all_of(at_microseconds({0, 10, 20, 30, 40, 50}), options)) == Times({0, 10'000, 20'000}));
  options.passes = 2;
  options.limit = 4;
  CHECK_EQUAL(all_of(at_microseconds({0, 10, 20, 30, 40, 50}), options).size(), 4u);

  FeedOptions shortened;
  shortened.longest_gap_ns = 15'000;
  CHECK(dues(all_of(at_microseconds({0, 10, 5'000'000, 5'000'001}), shortened)) ==
        Times({0, 10'000, 25'000, 26'000}));

  FeedEnd end;
  options.from_ns = 1'000'000'000;
  options.to_ns = kNever_ns;
  CHECK(all_of(at_microseconds({0, 10}), options, &end).empty());
  CHECK_EQUAL(end.kind, FeedEnd::Kind::no_packets);
}

TEST("bandwidth, loss and delay act in this order, and what is lost has still taken its time") {
  FeedOptions options;
  options.bandwidth = {BandwidthModel::constant, {8'000'000, 0}};
  options.delay = {DelayModel::constant, {7, 0, 0}};
  CHECK(dues(all_of(at_microseconds({0, 1, 2}), options)) == Times({7, 100'007, 200'007}));

  Writer file = pcap(false, Pcap::kMicroseconds);
  for (uint32_t i = 0; i < 1'000; i++) add_record(file, 0, i * 100, text(100, 1), 100);
  options.loss = {LossModel::packets, {0.5, 0}};
  const auto some = all_of(file, options);
  CHECK(some.size() > 400 && some.size() < 600);
  for (const Sent& one : some) CHECK_EQUAL(one.due_ns % 100'000, 7u);
  CHECK(some.back().due_ns > 99'000'000);
  CHECK(dues(all_of(file, options)) == dues(some));
  options.seed = 2;
  CHECK(dues(all_of(file, options)) != dues(some));
}

TEST("random delays neither overtake nor grow when packets are far apart") {
  Writer file = pcap(false, Pcap::kMicroseconds);
  for (uint32_t i = 0; i < 1'000; i++) add_record(file, i, 0, text(100, 1), 100);
  FeedOptions options;
  options.delay = {DelayModel::uniform, {1'000'000, 9'000'000, 0}};
  uint64_t sum = 0;
  const auto all = all_of(file, options);
  for (size_t i = 0; i < all.size(); i++) {
    const uint64_t delay = all[i].due_ns - i * 1'000'000'000;
    CHECK(delay >= 1'000'000 && delay <= 9'000'000);
    sum += delay;
  }
  // 5 standard deviations of the mean of 1000.
  CHECK(sum / all.size() > 4'600'000 && sum / all.size() < 5'400'000);

  Writer dense = pcap(false, Pcap::kMicroseconds);
  for (uint32_t i = 0; i < 1'000; i++) add_record(dense, 0, i, text(100, 1), 100);
  const auto close = dues(all_of(dense, options));
  CHECK(std::is_sorted(close.begin(), close.end()));
}

TEST("schedules are exact after an hour of odd gaps, at any speed") {
  Random random;
  Writer file = pcap(false, Pcap::kNanoseconds);
  std::vector<uint64_t> times;
  for (uint64_t now = 0; now < uint64_t{3'600} * kSecond_ns; now += random.below(500'000'000)) {
    times.push_back(now);
    add_record(file, static_cast<uint32_t>(now / kSecond_ns), static_cast<uint32_t>(now % kSecond_ns),
               text(1, 1), 60);
  }
  for (const auto& [numerator, denominator] :
       {std::pair<uint64_t, uint64_t>{1, 1}, {10, 1}, {1, 7}, {333, 100}}) {
    FeedOptions options;
    options.bandwidth = {BandwidthModel::recorded, {numerator, denominator}};
    const auto all = all_of(file, options);
    CHECK_EQUAL(all.size(), times.size());
    for (size_t i = 0; i < times.size(); i++) CHECK_EQUAL(all[i].due_ns, times[i] * denominator / numerator);
  }
}

TEST("a time that jumps by centuries ends no schedule and overflows nothing") {
  Writer file = pcapng(false);
  add_interface(file, 0, time_resolution(false, 0));
  add_enhanced(file, 0, 0, text(60, 1), 60);
  add_enhanced(file, 0, UINT64_MAX / 3, text(60, 1), 60);
  add_enhanced(file, 0, UINT64_MAX, text(60, 1), 60);
  FeedOptions options;
  options.passes = 5;
  const auto times = dues(all_of(file, options));
  CHECK_EQUAL(times.size(), 15u);
  CHECK(std::is_sorted(times.begin(), times.end()));
}

TEST("what cannot be sent is left out, and a fault ends the feed after what was before it") {
  Writer file = pcap(false, Pcap::kMicroseconds);
  add_record(file, 0, 0, {}, 0);
  add_record(file, 0, 1, text(60, 1), 70'000);
  add_record(file, 0, 2, text(60, 2), 1'500);
  add_record(file, 0, 3, text(60, 3), 60);
  file.bytes.pop_back();
  FeedOptions options;
  Feed feed(file_of(file.bytes), options);
  const auto all = all_of(feed);
  CHECK_EQUAL(all.size(), 1u);
  CHECK(all[0].bytes == text(60, 2) && all[0].length == 1'500);
  CHECK_EQUAL(feed.end().kind, FeedEnd::Kind::faulty);
  CHECK_EQUAL(feed.end().fault.kind, CaptureFaultKind::truncated_packet);

  Writer other = pcap(false, Pcap::kMicroseconds);
  other.bytes[20] = 113;
  add_record(other, 0, 0, text(60, 1), 60);
  FeedEnd end;
  CHECK(all_of(other, options, &end).empty());
  CHECK_EQUAL(end.kind, FeedEnd::Kind::not_ethernet);
  CHECK_EQUAL(end.fault.found, 113u);
}

TEST("a packet that claims to be as long as a number can say is left out, also with a tag more") {
  Writer file = pcap(false, Pcap::kMicroseconds);
  add_record(file, 0, 0, text(60, 1), UINT32_MAX);
  add_record(file, 0, 1, text(60, 2), 60);
  FeedOptions options;
  options.edit.push_vlan = uint16_t{5};
  const auto all = all_of(file, options);
  CHECK_EQUAL(all.size(), 1u);
  CHECK(all[0].length == 64 && all[0].bytes.back() == 2);
}

TEST("reading ahead gives what the feed gives") {
  Random random;
  Writer file = pcap(false, Pcap::kMicroseconds);
  for (uint32_t i = 0; i < 10'000; i++) {
    const auto length = static_cast<uint32_t>(random.between(60, 1'500));
    add_record(file, 0, i, text(length, static_cast<uint8_t>(i)), length);
  }
  FeedOptions options;
  options.passes = 3;
  const auto direct = all_of(file, options);
  ReadAhead ahead(std::make_unique<Feed>(file_of(file.bytes), options));
  const auto read = all_of(ahead);
  CHECK_EQUAL(read.size(), direct.size());
  for (size_t i = 0; i < read.size(); i++)
    CHECK(read[i].due_ns == direct[i].due_ns && read[i].bytes == direct[i].bytes);
}

TEST("reading ahead ends at once when it is stopped, also while it waits for a pipe or for room") {
  int ends[2];
  CHECK(pipe(ends) == 0);
  const Writer file = at_microseconds({0, 1});
  CHECK(write(ends[1], file.bytes.data(), file.bytes.size()) == static_cast<ssize_t>(file.bytes.size()));
  {
    ReadAhead ahead(std::make_unique<Feed>(ends[0], FeedOptions{}));
    Piece piece;
    ahead.next(&piece);
    CHECK_EQUAL(piece.size(), 2u);
    CHECK(!ahead.wait_ready(monotonic_ns() + 1'000'000));
    std::thread stopper([&] { ahead.stop(); });
    ahead.next(&piece);
    CHECK(piece.empty());
    stopper.join();
  }
  close(ends[1]);

  FeedOptions endless;
  endless.passes = 0;
  ReadAhead full(std::make_unique<Feed>(file_of(file.bytes), endless));
}

struct Arrived {
  std::vector<FakeSlot> slots;
  uint64_t packets = 0;
};

Arrived drain_wire(FakeWire& wire) {
  Arrived arrived;
  for (FakeSlot slot; wire.receive(&slot);) {
    if ((slot.flags & abi::NS_MOREFRAG) == 0) arrived.packets++;
    arrived.slots.push_back(slot);
  }
  return arrived;
}

TEST("a replayer sends every packet whole and in order, not before its time, and notes how late it was") {
  for (const bool timed : {true, false}) {
    Writer file = pcap(false, Pcap::kMicroseconds);
    std::vector<Bytes> expected;
    for (uint32_t i = 0; i < 3'000; i++) {
      const uint32_t length = 60 + i % 5'000;
      // 20 us apart, some of them two at a time, and one in ten captured in part.
      Bytes packet = text(i % 10 == 0 ? 50 : length, static_cast<uint8_t>(i));
      add_record(file, 0, (i & ~1u) * 10, packet, length);
      packet.resize(length);
      expected.push_back(packet);
    }
    auto wire = std::make_shared<FakeWire>(SIZE_MAX);
    auto port = fake_port(wire, nullptr, {1, 64, 2048});
    FeedOptions options;
    options.longest = Replayer::longest_packet({port.get()});
    options.passes = timed ? 1 : 3;
    const std::vector<Bytes> once = expected;
    for (uint64_t pass = 1; pass < options.passes; pass++)
      expected.insert(expected.end(), once.begin(), once.end());
    Replayer replayer({port.get()}, {16, 0, timed, 0},
                      std::make_unique<ReadAhead>(std::make_unique<Feed>(file_of(file.bytes), options)));
    const uint64_t before = monotonic_ns();
    CHECK_EQUAL(replayer.run(), Status::ok);
    const uint64_t took = monotonic_ns() - before;
    CHECK_EQUAL(replayer.progress().packets.load(), expected.size());
    CHECK_EQUAL(replayer.figures().read.load(), once.size());
    CHECK_EQUAL(replayer.figures().cut.load(), 300u);
    CHECK_EQUAL(replayer.figures().end.load(), static_cast<uint64_t>(FeedEnd::Kind::whole));
    if (timed) {
      CHECK(took >= 2'998 * 10'000);
      CHECK_EQUAL(replayer.histogram(Measured::lateness_ns)->count(), expected.size());
    } else {
      CHECK(replayer.histogram(Measured::lateness_ns) == nullptr);
    }

    const Arrived arrived = drain_wire(*wire);
    CHECK_EQUAL(arrived.packets, expected.size());
    auto next = expected.begin();
    Bytes whole;
    for (const FakeSlot& slot : arrived.slots) {
      whole.insert(whole.end(), slot.bytes.begin(), slot.bytes.end());
      if ((slot.flags & abi::NS_MOREFRAG) != 0) continue;
      CHECK(whole == *next++);
      whole.clear();
    }
  }
}

TEST("a sync begins so much earlier that one packet of four leaves before it is due, and never much") {
  check::Random random;
  SyncLead lead;
  for (int i = 0; i < 5'000; i++) lead.took(100 + random.below(200));
  int early = 0;
  constexpr int kSyncs = 100'000;
  for (int i = 0; i < kSyncs; i++) {
    const uint64_t took_ns = 100 + random.below(200);
    early += took_ns <= lead.ns();
    lead.took(took_ns);
  }
  CHECK(early > kSyncs / 4 - 2'000 && early < kSyncs / 4 + 2'000);
  for (int i = 0; i < 5'000; i++) lead.took(50'000);
  CHECK_EQUAL(lead.ns(), SyncLead::kMost_ns);
  for (int i = 0; i < 5'000; i++) lead.took(0);
  CHECK_EQUAL(lead.ns(), 0u);
}

TEST("a replayer drops nothing on a full ring: it waits, and what is late leaves late") {
  Writer file = at_microseconds(std::vector<uint32_t>(500, 0));
  auto wire = std::make_shared<FakeWire>(10);
  auto port = fake_port(wire, nullptr, {1, 32, 2048});
  Replayer replayer({port.get()}, {}, std::make_unique<Feed>(file_of(file.bytes), FeedOptions{}));
  uint64_t taken = 0;
  std::thread receiver([&] {
    const std::atomic<bool> never{false};
    while (taken < 500) {
      taken += drain_wire(*wire).packets;
      wait_until(monotonic_ns() + 100'000, never);
    }
  });
  CHECK_EQUAL(replayer.run(), Status::ok);
  receiver.join();
  CHECK_EQUAL(taken, 500u);
  CHECK_EQUAL(replayer.progress().pending.load(), 0u);
}

TEST("a replayer with two ports sends each side by its own") {
  Writer file = pcap(false, Pcap::kMicroseconds);
  for (uint32_t i = 0; i < 200; i++) {
    Bytes packet = text(60, 0);
    packet[6] = i % 3 == 0 ? 2 : 4;
    packet[20] = static_cast<uint8_t>(i);
    add_record(file, 0, i, packet, 60);
  }
  auto left = std::make_shared<FakeWire>(SIZE_MAX);
  auto right = std::make_shared<FakeWire>(SIZE_MAX);
  auto left_port = fake_port(left, nullptr);
  auto right_port = fake_port(right, nullptr);
  FeedOptions options;
  options.sides = {SideRule::macs, {}, {{2, 0, 0, 0, 0, 0}}};
  Replayer replayer({left_port.get(), right_port.get()}, {},
                    std::make_unique<Feed>(file_of(file.bytes), options));
  CHECK_EQUAL(replayer.run(), Status::ok);
  const Arrived from_left = drain_wire(*left);
  const Arrived from_right = drain_wire(*right);
  CHECK_EQUAL(from_left.packets, 67u);
  CHECK_EQUAL(from_right.packets, 133u);
  for (size_t i = 0; i < from_left.slots.size(); i++) CHECK_EQUAL(from_left.slots[i].bytes[20], i * 3);
}

TEST("a replayer ends when its time is over, and at once when it is stopped") {
  FeedOptions endless;
  endless.passes = 0;
  auto port = fake_port(nullptr, nullptr);
  Replayer timed({port.get()}, {128, 30'000'000},
                 std::make_unique<Feed>(file_of(at_microseconds({0, 1'000}).bytes), endless));
  CHECK_EQUAL(timed.run(), Status::ok);
  // One at 0 ms, and one each millisecond.
  CHECK(timed.progress().packets.load() <= 30);
  CHECK(timed.figures().due_ns.load() < 30'000'000);

  auto other = fake_port(nullptr, nullptr);
  Replayer stopped({other.get()}, {},
                   std::make_unique<ReadAhead>(
                       std::make_unique<Feed>(file_of(at_microseconds({0, 100'000'000}).bytes), endless)));
  std::thread stopper([&] {
    const std::atomic<bool> never{false};
    while (stopped.progress().packets.load() == 0) wait_until(monotonic_ns() + 1'000'000, never);
    stopped.stop();
  });
  CHECK_EQUAL(stopped.run(), Status::ok);
  CHECK_EQUAL(stopped.progress().packets.load(), 1u);
  stopper.join();
}

}  // namespace
}  // namespace nm
