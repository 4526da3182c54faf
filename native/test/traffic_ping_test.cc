// Pinger and ponger, over wires that a test can make lossy.
#include <thread>
#include <vector>

#include "bytes.h"
#include "checksum.h"
#include "test/check.h"
#include "test/fake_device.h"
#include "traffic/pinger.h"
#include "traffic/ponger.h"

namespace nm {
namespace {

using check::fake_port;
using check::FakeSlot;
using check::FakeWire;

constexpr uint32_t kUdp = 34;
constexpr uint32_t kPayload = 42;

// A pinger and a ponger, each at one end of two wires.
struct Link {
  std::shared_ptr<FakeWire> requests = std::make_shared<FakeWire>(1024);
  std::shared_ptr<FakeWire> answers = std::make_shared<FakeWire>(1024);
  std::unique_ptr<Port> near = fake_port(requests, answers);
  std::unique_ptr<Port> far = fake_port(answers, requests);
};

void run_both(Pinger& pinger, Ponger& ponger) {
  std::thread other([&] { CHECK_EQUAL(ponger.run(), Status::ok); });
  CHECK_EQUAL(pinger.run(), Status::ok);
  ponger.stop();
  other.join();
}

uint64_t value(const std::atomic<uint64_t>& counter) { return counter.load(std::memory_order_relaxed); }

FrameSpec short_frame() {
  FrameSpec spec;
  spec.length = 60;
  spec.from_mac = {2, 0, 0, 0, 0, 1};
  return spec;
}

TEST("pinger counts an answer for each request, and a round trip for each answer") {
  Link link;
  PingerOptions options;
  options.frame = short_frame();
  options.count = 500;
  Pinger pinger(*link.near, options);
  Ponger ponger(*link.far, {});
  run_both(pinger, ponger);
  CHECK_EQUAL(value(pinger.progress().requests), 500u);
  CHECK_EQUAL(value(pinger.progress().packets), 500u);
  CHECK_EQUAL(value(pinger.progress().lost), 0u);
  CHECK_EQUAL(value(pinger.progress().duplicated), 0u);
  CHECK_EQUAL(value(ponger.progress().packets), 500u);
  CHECK_EQUAL(pinger.histogram(Measured::rtt_ns)->count(), 500u);
  CHECK(pinger.histogram(Measured::rtt_ns)->least() > 0);
}

TEST("pinger waits for all of a burst before it sends the next") {
  Link link;
  PingerOptions options;
  options.frame = short_frame();
  options.count = 100;
  options.burst = 8;
  std::atomic<size_t> waiting{0};
  size_t most = 0;
  link.requests->set_fault([&](FakeSlot slot, std::deque<FakeSlot>& wire) {
    most = std::max(most, ++waiting);
    wire.push_back(std::move(slot));
  });
  link.answers->set_fault([&](FakeSlot slot, std::deque<FakeSlot>& wire) {
    waiting--;
    wire.push_back(std::move(slot));
  });
  Pinger pinger(*link.near, options);
  Ponger ponger(*link.far, {});
  run_both(pinger, ponger);
  CHECK_EQUAL(most, 8u);
  CHECK_EQUAL(value(pinger.progress().packets), 100u);
}

TEST("pinger counts lost, doubled and late answers, and those to requests of somebody else") {
  Link link;
  PingerOptions options;
  options.frame = short_frame();
  options.count = 40;
  options.patience_ns = 20'000'000;
  uint32_t number = 0;
  FakeSlot late;
  link.answers->set_fault([&](FakeSlot slot, std::deque<FakeSlot>& wire) {
    switch (number++ % 8) {
      case 0:  // Comes with the next one.
        late = std::move(slot);
        return;
      case 1:
        wire.push_back(std::move(late));
        wire.push_back(std::move(slot));
        return;
      case 2:
        wire.push_back(slot);
        wire.push_back(std::move(slot));
        return;
      case 3:  // Never comes; one with other words does.
        slot.bytes[kPayload] ^= 0x80;
        wire.push_back(std::move(slot));
        return;
      default:
        wire.push_back(std::move(slot));
    }
  });
  Pinger pinger(*link.near, options);
  Ponger ponger(*link.far, {});
  run_both(pinger, ponger);
  CHECK_EQUAL(value(pinger.progress().requests), 40u);
  CHECK_EQUAL(value(pinger.progress().lost), 10u);
  CHECK_EQUAL(value(pinger.progress().packets), 30u);
  CHECK_EQUAL(value(pinger.progress().late), 5u);
  CHECK_EQUAL(value(pinger.progress().duplicated), 5u);
  CHECK_EQUAL(value(pinger.progress().unmarked), 5u);
}

TEST("pinger with a rate sends on while answers are missing") {
  Link link;
  PingerOptions options;
  options.frame = short_frame();
  options.count = 50;
  options.schedule = steadily({1000, kSecond_ns});
  options.patience_ns = 30'000'000;
  link.answers->set_fault([](FakeSlot, std::deque<FakeSlot>&) {});
  Pinger pinger(*link.near, options);
  Ponger ponger(*link.far, {});
  const uint64_t start = monotonic_ns();
  run_both(pinger, ponger);
  CHECK_EQUAL(value(pinger.progress().requests), 50u);
  CHECK_EQUAL(value(pinger.progress().lost), 50u);
  // One after the other would take 50 times the patience.
  CHECK(monotonic_ns() - start < 50 * options.patience_ns);
}

TEST("pinger ends when its time is over, after the last answer or the patience for it") {
  Link link;
  PingerOptions options;
  options.frame = short_frame();
  options.duration_ns = 20'000'000;
  Pinger pinger(*link.near, options);
  Ponger ponger(*link.far, {});
  run_both(pinger, ponger);
  CHECK(value(pinger.progress().requests) > 0);
  CHECK_EQUAL(value(pinger.progress().packets) + value(pinger.progress().lost),
              value(pinger.progress().requests));
}

TEST("ponger sends packets back with Ethernet and IPv4 addresses swapped, ports and sums as they were") {
  auto to_ponger = std::make_shared<FakeWire>(16);
  auto from_ponger = std::make_shared<FakeWire>(16);
  FrameSpec spec = short_frame();
  const RoundTripFrame frame(spec);
  FakeSlot slot{0, std::vector<uint8_t>(frame.length())};
  frame.write(slot.bytes.data(), {7, 8, 9});
  to_ponger->send(slot);
  PongerOptions options;
  options.count = 1;
  auto port = fake_port(from_ponger, to_ponger);
  Ponger ponger(*port, options);
  CHECK_EQUAL(ponger.run(), Status::ok);

  FakeSlot back;
  CHECK(from_ponger->receive(&back));
  CHECK(std::equal(back.bytes.begin(), back.bytes.begin() + 6, slot.bytes.begin() + 6));
  CHECK(std::equal(back.bytes.begin() + 6, back.bytes.begin() + 12, slot.bytes.begin()));
  CHECK(std::equal(back.bytes.begin() + 26, back.bytes.begin() + 30, slot.bytes.begin() + 30));
  CHECK(std::equal(back.bytes.begin() + 34, back.bytes.end(), slot.bytes.begin() + 34));
  const uint64_t sum = 17 + (back.bytes.size() - kUdp) + sum_words(&back.bytes[26], 8) +
                       sum_words(&back.bytes[kUdp], back.bytes.size() - kUdp);
  CHECK_EQUAL(fold(sum), 0xffff);
  RoundTripWords words;
  CHECK(frame.read(back.bytes.data(), static_cast<uint32_t>(back.bytes.size()), &words));
  CHECK_EQUAL(words.sequence, 7u);
  CHECK(!frame.read(slot.bytes.data(), static_cast<uint32_t>(slot.bytes.size()), &words));
}

TEST("ponger keeps the slots of a packet together and loses none of it when its TX ring is full") {
  auto to_ponger = std::make_shared<FakeWire>(4096);
  auto from_ponger = std::make_shared<FakeWire>(4);
  constexpr uint32_t kPackets = 100;
  for (uint32_t i = 0; i < kPackets; i++) {
    for (uint32_t part = 0; part < 3; part++) {
      FakeSlot slot{static_cast<uint16_t>(part < 2 ? abi::NS_MOREFRAG : 0), std::vector<uint8_t>(64)};
      slot.bytes[60] = static_cast<uint8_t>(i);
      slot.bytes[61] = static_cast<uint8_t>(part);
      CHECK(to_ponger->send(slot));
    }
  }
  auto port = fake_port(from_ponger, to_ponger, {1, 16, 2048});
  PongerOptions options;
  options.count = kPackets;
  Ponger ponger(*port, options);
  std::thread other([&] { CHECK_EQUAL(ponger.run(), Status::ok); });
  for (uint32_t i = 0; i < 3 * kPackets;) {
    FakeSlot slot;
    if (!from_ponger->receive(&slot)) continue;
    CHECK_EQUAL(slot.bytes[60], i / 3);
    CHECK_EQUAL(slot.bytes[61], i % 3);
    CHECK_EQUAL((slot.flags & abi::NS_MOREFRAG) != 0, i % 3 < 2);
    i++;
  }
  other.join();
}

}  // namespace
}  // namespace nm
