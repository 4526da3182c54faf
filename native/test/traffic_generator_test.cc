// The generator, on a device whose other end a test can look at.
#include <algorithm>
#include <thread>
#include <vector>

#include "bytes.h"
#include "test/check.h"
#include "test/fake_device.h"
#include "traffic/generator.h"

namespace nm {
namespace {

using check::fake_port;
using check::FakeDevice;
using check::FakeGeometry;
using check::FakeSlot;
using check::FakeWire;

constexpr size_t kPlenty = 1'000'000;

std::vector<FakeSlot> all_of(FakeWire& wire) {
  std::vector<FakeSlot> slots;
  FakeSlot slot;
  while (wire.receive(&slot)) slots.push_back(std::move(slot));
  return slots;
}

// What a generator with these options sends into an endless wire.
std::vector<FakeSlot> sent(const GeneratorOptions& options, FakeGeometry geometry = {}) {
  const auto wire = std::make_shared<FakeWire>(kPlenty);
  const auto port = fake_port(wire, nullptr, geometry);
  Generator generator(*port, options);
  CHECK_EQUAL(generator.run(), Status::ok);
  return all_of(*wire);
}

TEST("generator sends exactly the count, each packet the frame of its spec") {
  for (const uint64_t count : {1, 255, 256, 1000, 5003}) {
    GeneratorOptions options;
    options.count = count;
    const std::vector<FakeSlot> slots = sent(options);
    CHECK_EQUAL(slots.size(), count);

    std::vector<uint8_t> frame(60);
    Frame{options.frame}.write(frame.data());
    for (const FakeSlot& slot : slots) CHECK(slot.bytes == frame);
    CHECK_EQUAL(slots.back().flags, abi::NS_REPORT);
    CHECK(slots.size() == 1 || slots.front().flags == 0);
  }
}

TEST("generator shows its progress and its end") {
  const auto port = fake_port(nullptr, nullptr);
  GeneratorOptions options;
  options.count = 1000;
  options.burst = 100;
  Generator generator(*port, options);
  const uint64_t before = monotonic_ns();
  CHECK_EQUAL(generator.run(), Status::ok);
  const Progress& progress = generator.progress();
  CHECK_EQUAL(progress.packets.load(), 1000);
  CHECK_EQUAL(progress.bytes.load(), 60'000);
  CHECK_EQUAL(progress.events.load(), 10);
  CHECK_EQUAL(progress.pending.load(), 0);
  CHECK_EQUAL(progress.running.load(), 0);
  CHECK_EQUAL(progress.status.load(), 0);
  CHECK(progress.first_ns.load() >= before && progress.last_ns.load() >= progress.first_ns.load());
}

TEST("generator sends through all rings of its port") {
  GeneratorOptions options;
  options.count = 10'000;
  options.mark = true;
  options.first_stream = 7;
  const std::vector<FakeSlot> slots = sent(options, {.rings = 3});
  CHECK_EQUAL(slots.size(), 10'000);
  uint64_t next[3] = {};
  for (const FakeSlot& slot : slots) {
    Mark mark;
    CHECK(read_mark(slot.bytes.data(), static_cast<uint32_t>(slot.bytes.size()), &mark) == MarkState::whole);
    CHECK(mark.stream >= 7 && mark.stream < 10);
    CHECK_EQUAL(mark.sequence, next[mark.stream - 7]++);
  }
  for (const uint64_t count : next) CHECK(count > 2000);
}

TEST("generator writes a buffer again only when a slot has another one") {
  const auto wire = std::make_shared<FakeWire>(kPlenty);
  auto device = std::make_unique<FakeDevice>(wire, nullptr, FakeGeometry{.slots = 4});
  const uint32_t other = device->extra_buffer(0);
  std::unique_ptr<Port> port;
  CHECK_EQUAL(Port::open(std::move(device), "fake", {}, &port), Status::ok);
  const Ring& ring = port->tx_rings()[0];

  // What happens to buffers while the generator runs: on its way, the sixth packet of each slot is
  // overwritten in slot 0, and slot 1 gets another buffer.
  uint64_t seen = 0;
  wire->set_fault([&](FakeSlot slot, std::deque<FakeSlot>& arrived) {
    arrived.push_back(std::move(slot));
    if (++seen != 6 * 4) return;
    ring.buffer(ring.slot(0).buf_idx)[50] ^= 1;
    ring.slot(1).buf_idx = other;
  });
  GeneratorOptions options;
  options.count = 12 * 4;
  Generator generator(*port, options);
  CHECK_EQUAL(generator.run(), Status::ok);

  std::vector<uint8_t> frame(60);
  Frame{options.frame}.write(frame.data());
  const std::vector<FakeSlot> slots = all_of(*wire);
  CHECK_EQUAL(slots.size(), 48);
  for (size_t i = 0; i < slots.size(); i++) CHECK((slots[i].bytes == frame) == (i < 24 || i % 4 != 0));
}

TEST("generator that writes always repairs what a receiver did to a buffer") {
  const auto wire = std::make_shared<FakeWire>(kPlenty);
  const auto port = fake_port(wire, nullptr, {.slots = 4});
  const Ring& ring = port->tx_rings()[0];
  wire->set_fault([&](FakeSlot slot, std::deque<FakeSlot>& arrived) {
    arrived.push_back(std::move(slot));
    ring.buffer(ring.slot(0).buf_idx)[50] ^= 1;
  });
  GeneratorOptions options;
  options.count = 40;
  options.burst = 1;
  options.contents = Contents::always;
  Generator generator(*port, options);
  CHECK_EQUAL(generator.run(), Status::ok);
  std::vector<uint8_t> frame(60);
  Frame{options.frame}.write(frame.data());
  for (const FakeSlot& slot : all_of(*wire)) CHECK(slot.bytes == frame);
}

TEST("generator that never writes sends what the buffers hold") {
  GeneratorOptions options;
  options.count = 10;
  options.contents = Contents::never;
  for (const FakeSlot& slot : sent(options)) CHECK(slot.bytes == std::vector<uint8_t>(60, 0));
}

TEST("generator walks ranges packet by packet") {
  GeneratorOptions options;
  options.count = 1000;
  options.frame.from = {0x0a000001, 0x0a000003, 5, 6};
  Frame frame{options.frame};
  std::vector<uint8_t> bytes(60);
  for (const FakeSlot& slot : sent(options)) {
    frame.write(bytes.data());
    CHECK(slot.bytes == bytes);
    frame.step();
  }
}

TEST("generator cuts packets into slots as pkt-gen does") {
  struct Row {
    uint32_t length;
    uint32_t fragments;
    uint32_t longest;
    std::vector<size_t> lengths;
  };
  const Row rows[] = {
      {3000, 1, 0, {2048, 952}},
      {100, 3, 0, {33, 33, 34}},
      {100, 2, 30, {30, 30, 30, 10}},
      {60, 1, 0, {60}},
      {16, 17, 0, std::vector<size_t>(16, 1)},
  };
  for (const Row& row : rows) {
    GeneratorOptions options;
    options.count = 30;
    options.frame.length = row.length;
    options.fragments = row.fragments;
    options.longest_fragment = row.longest;
    const std::vector<FakeSlot> slots = sent(options);
    CHECK_EQUAL(slots.size(), 30 * row.lengths.size());

    std::vector<uint8_t> frame(std::max(row.length, headers_length(Family::ipv4)));
    Frame{options.frame}.write(frame.data());
    frame.resize(row.length);
    std::vector<uint8_t> packet;
    for (size_t i = 0; i < slots.size(); i++) {
      const bool last = (i + 1) % row.lengths.size() == 0;
      CHECK_EQUAL(slots[i].bytes.size(), row.lengths[i % row.lengths.size()]);
      CHECK_EQUAL((slots[i].flags & abi::NS_MOREFRAG) == 0, last);
      packet.insert(packet.end(), slots[i].bytes.begin(), slots[i].bytes.end());
      if (!last) continue;
      CHECK(packet == frame);
      packet.clear();
    }
  }
}

TEST("generator refuses packets of more slots than a ring can hold") {
  const auto port = fake_port(nullptr, nullptr, {.slots = 4});
  GeneratorOptions options;
  options.frame.length = 9000;
  Generator generator(*port, options);
  CHECK_EQUAL(generator.run(), Status::bad_geometry);
}

TEST("generator keeps its rate and ends after its time") {
  const auto port = fake_port(nullptr, nullptr);
  GeneratorOptions options;
  options.schedule = steadily({100'000});
  options.duration_ns = 50'000'000;
  Generator generator(*port, options);
  const uint64_t before = monotonic_ns();
  CHECK_EQUAL(generator.run(), Status::ok);
  CHECK(monotonic_ns() - before >= 50'000'000);
  // A machine that is busy elsewhere may make it give up packets; what it sends and what it gives up add up.
  const uint64_t packets = generator.progress().packets.load() + generator.progress().forgone.load();
  CHECK(packets <= 5001);
  CHECK(packets > 3000);
}

TEST("generator begins at the time it was given") {
  const auto port = fake_port(nullptr, nullptr);
  GeneratorOptions options;
  options.count = 1;
  options.start_ns = monotonic_ns() + 5'000'000;
  Generator generator(*port, options);
  CHECK_EQUAL(generator.run(), Status::ok);
  CHECK(generator.progress().first_ns.load() >= options.start_ns);
}

TEST("generator waits for a receiver, and tells what it did not take in the end") {
  const auto wire = std::make_shared<FakeWire>(100);
  const auto port = fake_port(wire, nullptr);
  GeneratorOptions options;
  options.count = 150;
  options.linger_ns = 10'000'000;
  Generator generator(*port, options);
  CHECK_EQUAL(generator.run(), Status::ok);
  CHECK_EQUAL(generator.progress().packets.load(), 150);
  CHECK_EQUAL(generator.progress().pending.load(), 50);
}

TEST("generator stops while it waits for room, for its start, and while it sends") {
  const auto full = std::make_shared<FakeWire>(0);
  GeneratorOptions late;
  late.start_ns = kNever_ns;
  GeneratorOptions slow;
  slow.schedule = steadily({1, 3600 * kSecond_ns});
  for (const GeneratorOptions& options : {GeneratorOptions{}, late, slow}) {
    for (const auto& wire : {full, std::shared_ptr<FakeWire>()}) {
      const auto port = fake_port(wire, nullptr);
      Generator generator(*port, options);
      std::thread thread([&] { CHECK_EQUAL(generator.run(), Status::ok); });
      wait_until(monotonic_ns() + 2'000'000, std::atomic<bool>(false));
      generator.stop();
      thread.join();
    }
  }
}

TEST("generator puts copies of its slots where it is told to, and waits until they are taken") {
  const auto port = fake_port(nullptr, nullptr);
  Dump dump(16, 20);
  GeneratorOptions options;
  options.count = 50;
  options.dump = &dump;
  Generator generator(*port, options);
  std::thread thread([&] { CHECK_EQUAL(generator.run(), Status::ok); });
  std::vector<Dump::Entry> entries;
  while (entries.size() < 50) {
    for (Dump::Entry& entry : dump.take()) entries.push_back(std::move(entry));
  }
  thread.join();
  CHECK_EQUAL(entries.size(), 50);
  for (size_t i = 0; i < entries.size(); i++) {
    CHECK_EQUAL(entries[i].slot, i);
    CHECK_EQUAL(entries[i].length, 60);
    CHECK_EQUAL(entries[i].bytes.size(), 20);
  }
}

}  // namespace
}  // namespace nm
