// What a receiver measures, from frames that were marked for the purpose.
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "test/check.h"
#include "traffic/arrivals.h"
#include "traffic/mark.h"

namespace nm {
namespace {

// Makes frames of any stream, number and time, and has them arrive.
class Rig {
 public:
  Rig() : frame_(spec()) { frame_.write(bytes_.data()); }

  void packet(uint16_t stream, uint64_t number, uint64_t sent_ns) {
    Marker(frame_, stream).write(frame_, bytes_.data(), number, sent_ns);
    arrivals.packet(bytes_.data(), frame_.length());
  }
  // A round that takes some packets of stream 0, all sent at one time.
  void round(uint64_t now_ns, uint64_t packets, uint64_t sent_ns) {
    arrivals.begin_round(now_ns);
    for (uint64_t i = 0; i < packets; i++) packet(0, next_++, sent_ns);
    arrivals.end_round(packets);
  }
  const Histogram& histogram(Measured what) const { return *arrivals.histogram(what); }

  Progress progress;
  Arrivals arrivals{progress};

 private:
  static FrameSpec spec() {
    FrameSpec spec;
    spec.reserved_at_end = kMarkLength;
    return spec;
  }

  const Frame frame_;
  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(frame_.length());
  uint64_t next_ = 0;
};

TEST("arrivals measure latency from the stamp to the sync, whatever the clock shows modulo its range") {
  Rig rig;
  rig.round(1'000'500, 3, 1'000'000);
  rig.round((uint64_t{7} << 40) + 20, 2, (uint64_t{7} << 40) - 80);
  rig.round(kLongestLatency_ns + 5, 1, 5);
  const Histogram& latency = rig.histogram(Measured::latency_ns);
  CHECK_EQUAL(latency.count(), 6);
  CHECK_EQUAL(latency.least(), 100);
  CHECK_EQUAL(latency.greatest(), kLongestLatency_ns);
  CHECK_EQUAL(latency.sum().low, 3 * 500 + 2 * 100 + kLongestLatency_ns);
  CHECK_EQUAL(rig.progress.untimed.load(), 0);
}

TEST("arrivals say of which packets the latency cannot be known") {
  Rig rig;
  rig.round(1'000'000, 4, 1'000'001);
  rig.round(kLongestLatency_ns + 7, 2, 6);
  rig.round(kLongestLatency_ns + 8, 1, 8);
  CHECK_EQUAL(rig.progress.untimed.load(), 6);
  CHECK_EQUAL(rig.histogram(Measured::latency_ns).count(), 1);
}

TEST("arrivals of one sync are 0 ns apart and a train, those of the next are as far as the syncs") {
  Rig rig;
  rig.round(1000, 3, 0);
  rig.round(2500, 0, 0);
  rig.round(3000, 5, 0);
  rig.round(3100, 1, 0);
  const Histogram& gaps = rig.histogram(Measured::interarrival_ns);
  CHECK_EQUAL(gaps.count(), 8);
  CHECK_EQUAL(gaps.count_in(0), 2 + 4);
  CHECK_EQUAL(gaps.count_in(Histogram::bucket(2000)), 1);
  CHECK_EQUAL(gaps.count_in(Histogram::bucket(100)), 1);
  CHECK_EQUAL(rig.progress.longest_train.load(), 5);
}

TEST("arrivals count each stream by itself, and all together") {
  Rig rig;
  rig.arrivals.begin_round(1);
  for (const uint64_t number : {10, 11, 15, 13, 13}) rig.packet(7, number, 0);
  for (const uint64_t number : {0, 1, 2}) rig.packet(65535, number, 0);
  for (const uint64_t number : {0, 5000, 1}) rig.packet(0, number, 0);
  rig.arrivals.end_round(11);

  const Streams& streams = rig.arrivals.streams();
  CHECK_EQUAL(streams.seen(), 3);
  CHECK_EQUAL(streams.number(0), 7);
  CHECK_EQUAL(streams.number(1), 65535);
  CHECK_EQUAL(streams.number(2), 0);
  const auto check = [&](uint16_t stream, std::vector<uint64_t> expected) {
    const StreamCounts& counts = streams.counts(stream);
    CHECK((std::vector<uint64_t>{counts.packets, counts.lost, counts.reordered, counts.too_late,
                                 counts.duplicated, counts.max_depth} == expected));
  };
  check(7, {5, 2, 1, 0, 1, 2});
  check(65535, {3, 0, 0, 0, 0, 0});
  check(0, {3, 4999, 1, 1, 0, 0});
  CHECK_EQUAL(rig.progress.lost.load(), 2 + 4999);
  CHECK_EQUAL(rig.progress.reordered.load(), 2);
  CHECK_EQUAL(rig.progress.too_late.load(), 1);
  CHECK_EQUAL(rig.progress.duplicated.load(), 1);
  CHECK_EQUAL(rig.histogram(Measured::reorder_depth).count(), 1);
  CHECK_EQUAL(rig.histogram(Measured::reorder_depth).greatest(), 2);
}

TEST("arrivals of every stream there can be, with random marks, are counted in a bounded memory") {
  check::Random random;
  Rig rig;
  constexpr uint32_t kPackets = 300'000;
  std::atomic<bool> done{false};
  // Somebody looks on meanwhile.
  std::thread reader([&] {
    const Streams& streams = rig.arrivals.streams();
    while (!done.load()) {
      for (uint32_t i = 0; i < streams.seen(); i++)
        CHECK(streams.counts(streams.number(i)).packets.load() <= kPackets);
      CHECK(rig.histogram(Measured::latency_ns).count() <= kPackets);
    }
  });
  for (uint32_t i = 0; i < kPackets; i++) {
    rig.arrivals.begin_round(random.next());
    rig.packet(static_cast<uint16_t>(i < Streams::kMost ? i : random.next()), random.next(), random.next());
    rig.arrivals.end_round(1);
  }
  done.store(true);
  reader.join();
  const Streams& streams = rig.arrivals.streams();
  CHECK_EQUAL(streams.seen(), Streams::kMost);
  uint64_t packets = 0;
  for (uint32_t i = 0; i < streams.seen(); i++) packets += streams.counts(streams.number(i)).packets.load();
  CHECK_EQUAL(packets, kPackets);
}

}  // namespace
}  // namespace nm
