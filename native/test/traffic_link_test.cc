// Links between two devices in this process: what becomes of packets, and that each is accounted for.
#include <algorithm>
#include <thread>
#include <vector>

#include "test/check.h"
#include "test/fake_device.h"
#include "traffic/link.h"

namespace nm {
namespace {

using namespace check;

constexpr uint64_t kMillisecond_ns = 1'000'000;
const std::atomic<bool> never{false};

// A link in a thread, with a wire to put packets into and one that they come out of.
class Rig {
 public:
  explicit Rig(const LinkSpec& spec, LinkOptions options = {}, size_t out_capacity = SIZE_MAX,
               FakeGeometry geometry = {})
      : in_(std::make_shared<FakeWire>(SIZE_MAX)),
        out_(std::make_shared<FakeWire>(out_capacity)),
        from_(fake_port(nullptr, in_, geometry)),
        to_(fake_port(out_, nullptr, geometry)),
        link_(*from_, *to_, spec, options) {}
  ~Rig() { stop(); }

  void start() {
    thread_ = std::thread([this] { CHECK_EQUAL(link_.run(), Status::ok); });
  }
  void stop() {
    link_.stop();
    if (thread_.joinable()) thread_.join();
  }

  // A packet that tells its number.
  void send(uint32_t number, size_t length = 100) {
    std::vector<uint8_t> bytes(length, static_cast<uint8_t>(number));
    for (size_t i = 0; i < sizeof(number); i++) bytes[i] = static_cast<uint8_t>(number >> (8 * i));
    CHECK(in_->send({0, bytes}));
  }
  void send_slot(uint16_t flags, size_t length) {
    CHECK(in_->send({flags, std::vector<uint8_t>(length, 7)}));
  }

  // The numbers of the packets that came out, once there are so many, or all after the link has dealt with `dealt`.
  std::vector<uint32_t> receive(uint64_t dealt) {
    while (received() + dropped() < dealt) wait_until(monotonic_ns() + 200'000, never);
    return take();
  }
  std::vector<uint32_t> take() {
    for (FakeSlot slot; out_->receive(&slot);) {
      lengths_.push_back(slot.bytes.size());
      if (slot.bytes.size() < sizeof(uint32_t)) continue;
      uint32_t number = 0;
      for (size_t i = 0; i < sizeof(number); i++) number |= uint32_t{slot.bytes[i]} << (8 * i);
      numbers_.push_back(number);
    }
    return numbers_;
  }
  const std::vector<size_t>& lengths() const { return lengths_; }

  uint64_t received() { return link_.progress().packets.load(); }
  uint64_t dropped() {
    const LinkCounts& counts = link_.link_counts();
    return counts.drops_loss.load() + counts.drops_queue_full.load() + counts.drops_over_rate.load() +
           counts.drops_overtaking.load() + counts.drops_late.load() + counts.drops_no_memory.load() +
           counts.drops_too_long.load();
  }
  const LinkCounts& counts() { return link_.link_counts(); }
  Link& link() { return link_; }

 private:
  std::shared_ptr<FakeWire> in_;
  std::shared_ptr<FakeWire> out_;
  std::unique_ptr<Port> from_;
  std::unique_ptr<Port> to_;
  Link link_;
  std::thread thread_;
  std::vector<uint32_t> numbers_;
  std::vector<size_t> lengths_;
};

std::vector<uint32_t> numbers_up_to(uint32_t count) {
  std::vector<uint32_t> numbers(count);
  for (uint32_t i = 0; i < count; i++) numbers[i] = i;
  return numbers;
}

TEST("a link without models passes everything, whole and in order") {
  Rig rig({});
  rig.start();
  for (uint32_t i = 0; i < 3'000; i++) rig.send(i, 4 + i % 1'500);
  CHECK(rig.receive(3'000) == numbers_up_to(3'000));
  for (uint32_t i = 0; i < 3'000; i++) CHECK_EQUAL(rig.lengths()[i], 4 + i % 1'500);
  CHECK_EQUAL(rig.counts().received.load(), 3'000u);
  CHECK_EQUAL(rig.link().histogram(Measured::lateness_ns)->count(), 3'000u);
}

TEST("packets of several slots pass, and one that never ends is dropped and counted") {
  Rig rig({}, {}, SIZE_MAX, {1, 16, 256});
  rig.start();
  rig.send_slot(abi::NS_MOREFRAG, 256);
  rig.send_slot(abi::NS_MOREFRAG, 10);
  rig.send_slot(0, 100);
  while (rig.received() < 1) wait_until(monotonic_ns() + 200'000, never);
  rig.take();
  // In slots that are filled.
  CHECK(rig.lengths() == std::vector<size_t>({256, 110}));

  for (int i = 0; i < 15; i++) rig.send_slot(abi::NS_MOREFRAG, 20);
  while (rig.counts().drops_too_long.load() == 0) wait_until(monotonic_ns() + 200'000, never);
  rig.send(5);
  CHECK(rig.receive(3).back() == 5);
}

TEST("a delay lets nothing leave before its time") {
  LinkSpec spec;
  spec.delay = {DelayModel::constant, {20 * kMillisecond_ns, 0, 0}};
  Rig rig(spec);
  rig.start();
  const uint64_t begin = monotonic_ns();
  rig.send(0);
  rig.receive(1);
  CHECK(monotonic_ns() - begin >= 20 * kMillisecond_ns);
  rig.stop();

  LinkSpec less = spec;
  less.less_ns = 30 * kMillisecond_ns;
  Rig at_once(less);
  at_once.start();
  at_once.send(0);
  at_once.receive(1);
}

TEST("a bandwidth takes its time for each packet, and a queue drops what finds no room") {
  LinkSpec spec;
  // 1000 bytes in 10 ms.
  spec.bandwidth = {BandwidthModel::constant, {800'000, 0}};
  spec.queue_bytes = 4'500;
  Rig rig(spec);
  for (uint32_t i = 0; i < 100; i++) rig.send(i, 1'000);
  const uint64_t begin = monotonic_ns();
  rig.start();
  const auto passed = rig.receive(100);
  // All came at once. The fifth found 4000 bytes, the sixth 5000; had one been transmitted meanwhile, one more.
  CHECK(passed.size() >= 5 && passed.size() <= 6);
  CHECK(passed == numbers_up_to(static_cast<uint32_t>(passed.size())));
  CHECK(monotonic_ns() - begin >= passed.size() * 10 * kMillisecond_ns);
  CHECK_EQUAL(rig.counts().drops_queue_full.load(), 100 - passed.size());
}

TEST("an average bandwidth drops what its bucket does not hold") {
  LinkSpec spec;
  spec.bandwidth = {BandwidthModel::average, {8'000, 24}};
  Rig rig(spec);
  rig.start();
  // 18,400 bytes at most, and 1000 more a second.
  for (uint32_t i = 0; i < 100; i++) rig.send(i, 976);
  rig.receive(100);
  CHECK(rig.received() <= 19);
  CHECK_EQUAL(rig.counts().drops_over_rate.load(), 100 - rig.received());
}

TEST("losses are counted, and the same for the same seed") {
  LinkSpec spec;
  spec.loss = {LossModel::packets, {0.2, 0}};
  std::vector<uint32_t> first;
  for (const uint64_t seed : {1, 1, 2}) {
    Rig rig(spec, {512, 0, 1 << 20, seed});
    rig.start();
    for (uint32_t i = 0; i < 2'000; i++) rig.send(i);
    const auto passed = rig.receive(2'000);
    // 5 standard deviations.
    CHECK(passed.size() > 1'500 && passed.size() < 1'700);
    CHECK_EQUAL(rig.counts().drops_loss.load(), 2'000 - passed.size());
    if (first.empty()) first = passed;
    CHECK_EQUAL(passed == first, seed == 1);
  }
}

TEST("packets that are held back are overtaken, and none is lost") {
  LinkSpec spec;
  spec.reorder = {0.3, 5 * kMillisecond_ns};
  Rig rig(spec);
  rig.start();
  for (uint32_t i = 0; i < 1'000; i++) rig.send(i);
  auto passed = rig.receive(1'000);
  CHECK(!std::is_sorted(passed.begin(), passed.end()));
  const uint64_t held = rig.counts().held.load();
  CHECK(held > 200 && held < 400);
  std::sort(passed.begin(), passed.end());
  CHECK(passed == numbers_up_to(1'000));
}

TEST(
    "packets with less delay than those before them leave with these, or are dropped where that is asked "
    "for") {
  LinkSpec spec;
  spec.delay = {DelayModel::uniform, {kMillisecond_ns, 50 * kMillisecond_ns, 0}};
  Rig waits(spec);
  waits.start();
  for (uint32_t i = 0; i < 200; i++) waits.send(i);
  CHECK(waits.receive(200) == numbers_up_to(200));

  spec.drops_overtaking = true;
  Rig drops(spec);
  drops.start();
  for (uint32_t i = 0; i < 200; i++) drops.send(i);
  const auto passed = drops.receive(200);
  CHECK(std::is_sorted(passed.begin(), passed.end()));
  // Each next one has to be later than all before: some six of 200.
  CHECK(passed.size() < 50);
  CHECK_EQUAL(drops.counts().drops_overtaking.load(), 200 - passed.size());
}

TEST("packets that find no room wait, or are dropped when they are too late") {
  LinkSpec spec;
  Rig waits(spec, {}, 10, {1, 32, 2048});
  waits.start();
  for (uint32_t i = 0; i < 200; i++) waits.send(i);
  std::vector<uint32_t> passed;
  while (passed.size() < 200) {
    passed = waits.take();
    wait_until(monotonic_ns() + 100'000, never);
  }
  CHECK(passed == numbers_up_to(200));

  spec.patience_ns = 10 * kMillisecond_ns;
  Rig drops(spec, {}, 10, {1, 32, 2048});
  drops.start();
  for (uint32_t i = 0; i < 200; i++) drops.send(i);
  while (drops.counts().received.load() < 200) wait_until(monotonic_ns() + 100'000, never);
  wait_until(monotonic_ns() + 2 * spec.patience_ns, never);
  while (drops.received() + drops.counts().drops_late.load() < 200) {
    drops.take();
    wait_until(monotonic_ns() + 100'000, never);
  }
  CHECK(drops.counts().drops_late.load() > 100);
}

TEST("memory for packets under way has a limit, and what is under way at the end is counted") {
  LinkSpec spec;
  spec.delay = {DelayModel::constant, {3'600 * static_cast<uint64_t>(kSecond_ns), 0, 0}};
  Rig rig(spec, {512, 0, 100'000, 1});
  rig.start();
  for (uint32_t i = 0; i < 200; i++) rig.send(i, 1'000);
  while (rig.counts().received.load() < 200) wait_until(monotonic_ns() + 100'000, never);
  rig.stop();
  CHECK_EQUAL(rig.received(), 0u);
  CHECK(rig.counts().drops_no_memory.load() >= 100);
  CHECK_EQUAL(rig.counts().drops_no_memory.load() + rig.counts().drops_undelivered.load(), 200u);
}

TEST("a link goes on with other models while it runs, and refuses those that cannot be") {
  LinkSpec spec;
  spec.loss = {LossModel::packets, {1, 0}};
  Rig rig(spec);
  rig.start();
  for (uint32_t i = 0; i < 10; i++) rig.send(i);
  CHECK(rig.receive(10).empty());

  LinkSpec impossible;
  impossible.delay = {DelayModel::uniform, {2, 1, 0}};
  CHECK(!rig.link().reconfigure(impossible));
  CHECK(rig.link().reconfigure({}));
  // The change is noticed within a sleep.
  uint32_t number = 10;
  while (rig.received() == 0) {
    rig.send(number++);
    wait_until(monotonic_ns() + kMillisecond_ns, never);
  }
  CHECK(!rig.receive(number).empty());
}

TEST("a link ends when its time is over") {
  Rig rig({}, {512, 30 * kMillisecond_ns, 1 << 20, 1});
  CHECK_EQUAL(rig.link().run(), Status::ok);
}

}  // namespace
}  // namespace nm
