// The sink, on a device whose other end a test feeds.
#include <algorithm>
#include <thread>
#include <vector>

#include "test/check.h"
#include "test/fake_device.h"
#include "traffic/generator.h"
#include "traffic/sink.h"

namespace nm {
namespace {

using check::fake_port;
using check::FakeSlot;
using check::FakeWire;

constexpr size_t kPlenty = 1'000'000;

std::shared_ptr<FakeWire> wire_with(size_t packets, uint16_t slots_each = 1) {
  auto wire = std::make_shared<FakeWire>(kPlenty);
  for (size_t i = 0; i < packets; i++) {
    for (uint16_t slot = 1; slot < slots_each; slot++) {
      wire->send({abi::NS_MOREFRAG, std::vector<uint8_t>(60)});
    }
    wire->send({0, std::vector<uint8_t>(60)});
  }
  return wire;
}

// A wire that a generator sent marked packets into.
std::shared_ptr<FakeWire> marked_wire(const GeneratorOptions& options, FakeWire::Fault fault) {
  auto wire = std::make_shared<FakeWire>(kPlenty);
  wire->set_fault(std::move(fault));
  const auto port = fake_port(wire, nullptr);
  Generator generator(*port, options);
  CHECK_EQUAL(generator.run(), Status::ok);
  return wire;
}

GeneratorOptions marked(uint64_t count) {
  GeneratorOptions options;
  options.count = count;
  options.mark = true;
  return options;
}

SinkOptions measuring() {
  SinkOptions options;
  options.measure = true;
  options.idle_ns = 1'000'000;
  return options;
}

TEST("sink takes exactly its count and leaves the rest") {
  for (const uint64_t count : {1, 255, 256, 700, 999}) {
    const auto wire = wire_with(1000);
    const auto port = fake_port(nullptr, wire);
    SinkOptions options;
    options.count = count;
    Sink sink(*port, options);
    CHECK_EQUAL(sink.run(), Status::ok);
    CHECK_EQUAL(sink.progress().packets.load(), count);
    CHECK_EQUAL(sink.progress().bytes.load(), 60 * count);
    CHECK_EQUAL(wire->size() + port->rx_rings()[0].space(), 1000 - count);
  }
}

TEST("sink counts a packet at its last slot, and bytes of every slot") {
  const auto port = fake_port(nullptr, wire_with(300, 5));
  SinkOptions options;
  options.count = 123;
  Sink sink(*port, options);
  CHECK_EQUAL(sink.run(), Status::ok);
  CHECK_EQUAL(sink.progress().packets.load(), 123);
  CHECK_EQUAL(sink.progress().bytes.load(), 123 * 5 * 60);
}

TEST("sink takes no more than a burst a round from each ring, and tells how full a ring got") {
  const auto port = fake_port(nullptr, wire_with(1000));
  SinkOptions options;
  options.count = 1000;
  options.burst = 10;
  Sink sink(*port, options);
  CHECK_EQUAL(sink.run(), Status::ok);
  CHECK_EQUAL(sink.progress().events.load(), 100);
  CHECK_EQUAL(sink.progress().take_min_space(), 0);
  CHECK_EQUAL(sink.progress().take_min_space(), kNoSpaceSeen);
}

TEST("sink ends when it was idle for long enough, but only after a first packet") {
  const auto wire = std::make_shared<FakeWire>(kPlenty);
  const auto port = fake_port(nullptr, wire);
  SinkOptions options;
  options.idle_ns = 5'000'000;
  Sink sink(*port, options);
  std::thread thread([&] { CHECK_EQUAL(sink.run(), Status::ok); });
  wait_until(monotonic_ns() + 20'000'000, std::atomic<bool>(false));
  CHECK_EQUAL(sink.progress().packets.load(), 0);
  wire->send({0, std::vector<uint8_t>(60)});
  thread.join();
  CHECK_EQUAL(sink.progress().packets.load(), 1);
}

TEST("sink ends after its time, with or without traffic") {
  for (const auto& wire : {std::shared_ptr<FakeWire>(), std::make_shared<FakeWire>(kPlenty)}) {
    const auto port = fake_port(nullptr, wire);
    SinkOptions options;
    options.duration_ns = 5'000'000;
    Sink sink(*port, options);
    const uint64_t before = monotonic_ns();
    CHECK_EQUAL(sink.run(), Status::ok);
    CHECK(monotonic_ns() - before >= 5'000'000);
  }
}

TEST("sink stops while it waits, asleep or busy") {
  for (const bool busy : {false, true}) {
    const auto port = fake_port(nullptr, std::make_shared<FakeWire>(kPlenty));
    SinkOptions options;
    options.busy = busy;
    Sink sink(*port, options);
    std::thread thread([&] { CHECK_EQUAL(sink.run(), Status::ok); });
    wait_until(monotonic_ns() + 2'000'000, std::atomic<bool>(false));
    sink.stop();
    thread.join();
  }
}

TEST("a busy sink takes what comes, and ends after its time") {
  const auto wire = std::make_shared<FakeWire>(kPlenty);
  const auto port = fake_port(nullptr, wire);
  SinkOptions options;
  options.busy = true;
  options.duration_ns = 20'000'000;
  Sink sink(*port, options);
  std::thread thread([&] { CHECK_EQUAL(sink.run(), Status::ok); });
  for (int i = 0; i < 10; i++) wire->send({0, std::vector<uint8_t>(60)});
  thread.join();
  CHECK_EQUAL(sink.progress().packets.load(), 10);
}

TEST("sink finds nothing wrong with what was sent, in one slot or in many") {
  for (const uint32_t length : {60, 61, 1500, 5000}) {
    GeneratorOptions options = marked(2000);
    options.frame.length = length;
    const auto port = fake_port(nullptr, marked_wire(options, nullptr));
    Sink sink(*port, measuring());
    CHECK_EQUAL(sink.run(), Status::ok);
    CHECK_EQUAL(sink.progress().packets.load(), 2000);
    CHECK_EQUAL(sink.progress().lost.load(), 0);
    CHECK_EQUAL(sink.progress().reordered.load(), 0);
    CHECK_EQUAL(sink.progress().duplicated.load(), 0);
    CHECK_EQUAL(sink.progress().corrupt.load(), 0);
    CHECK_EQUAL(sink.progress().unmarked.load(), 0);
  }
}

TEST("sink tells loss, disorder, repetition, corruption and strangers apart") {
  uint64_t number = 0;
  const auto wire = marked_wire(marked(1000), [&](FakeSlot slot, std::deque<FakeSlot>& arrived) {
    const uint64_t now = number++;
    if (now % 100 == 10) return;                   // 10 are lost,
    if (now % 100 == 20) slot.bytes[5] ^= 4;       // 10 are harmed, which loses them as well,
    if (now % 100 == 30) arrived.push_back(slot);  // 10 come twice,
    if (now % 100 == 40) arrived.push_back({0, std::vector<uint8_t>(60)});  // 10 are somebody else's,
    if (now % 100 == 50) {                                                  // and 10 overtake another.
      arrived.insert(arrived.end() - 1, std::move(slot));
    } else {
      arrived.push_back(std::move(slot));
    }
  });
  const auto port = fake_port(nullptr, wire);
  Sink sink(*port, measuring());
  CHECK_EQUAL(sink.run(), Status::ok);
  CHECK_EQUAL(sink.progress().packets.load(), 1000 - 10 + 10 + 10);
  CHECK_EQUAL(sink.progress().lost.load(), 20);
  CHECK_EQUAL(sink.progress().corrupt.load(), 10);
  CHECK_EQUAL(sink.progress().duplicated.load(), 10);
  CHECK_EQUAL(sink.progress().unmarked.load(), 10);
  CHECK_EQUAL(sink.progress().reordered.load(), 10);
}

TEST("sink believes no slot: impossible buffers and lengths are read as far as there is memory") {
  const auto port = fake_port(nullptr, nullptr, {.slots = 16, .buffer_size = 128});
  const Ring& ring = port->rx_rings()[0];
  check::Random random;
  for (uint32_t slot = 0; slot < ring.slots(); slot++) {
    ring.put(slot, {static_cast<uint32_t>(random.next()), static_cast<uint16_t>(random.next()),
                    static_cast<uint16_t>(random.next())});
  }
  Dump dump(1'000'000, 64);
  SinkOptions options = measuring();
  options.touch = true;
  options.dump = &dump;
  options.duration_ns = 2'000'000;
  Sink sink(*port, options);
  CHECK_EQUAL(sink.run(), Status::ok);
  CHECK(!dump.take().empty());
}

TEST("sink dumps every slot, and lets packets wait when nobody takes the dump") {
  const auto port = fake_port(nullptr, wire_with(100, 2));
  Dump dump(7, 1000);
  SinkOptions options;
  options.count = 100;
  options.dump = &dump;
  Sink sink(*port, options);
  std::thread thread([&] { CHECK_EQUAL(sink.run(), Status::ok); });
  std::vector<Dump::Entry> entries;
  while (entries.size() < 200) {
    for (Dump::Entry& entry : dump.take()) entries.push_back(std::move(entry));
  }
  thread.join();
  CHECK_EQUAL(entries.size(), 200);
  for (size_t i = 0; i < entries.size(); i++) {
    CHECK_EQUAL((entries[i].flags & abi::NS_MOREFRAG) != 0, i % 2 == 0);
    CHECK_EQUAL(entries[i].bytes.size(), 60);
  }
}

}  // namespace
}  // namespace nm
