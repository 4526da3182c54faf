// Devices that poll(2) waits for: several in one call, and loops that leave their syncs to it.
#include "device/polled.h"

#include <fcntl.h>
#include <unistd.h>

#include <thread>

#include "clock.h"
#include "test/check.h"
#include "test/polled_device.h"
#include "traffic/forwarder.h"
#include "traffic/ponger.h"
#include "traffic/sink.h"

namespace nm {
namespace {

using check::FakeWire;
using check::polled_port;
using check::SyncCounts;

constexpr int64_t kShort_ns = 20'000'000;
constexpr int64_t kLong_ns = 60 * kSecond_ns;

// A pipe as a device: readable when a byte is in it, and another to end waits.
class PipeDevice final : public Polled {
 public:
  PipeDevice() {
    open_pipe(&read_, &write_);
    open_pipe(&stop_read_, &stop_write_);
  }
  void feed() { write_byte(write_); }
  void stop() {
    stopped_.store(true);
    write_byte(stop_write_);
  }
  void fail(Status status) { status_ = status; }

  int descriptor() const override { return read_.number(); }
  int stop_descriptor() const override { return stop_read_.number(); }
  bool is_stopped() const override { return stopped_.load(); }
  Status after_poll(short found, uint32_t* ready) override {
    *ready = (found & POLLIN) != 0 ? kReadable : 0;
    return status_;
  }

 private:
  static void open_pipe(FileDescriptor* read, FileDescriptor* write) {
    int ends[2];
    CHECK_EQUAL(pipe2(ends, O_CLOEXEC), 0);
    *read = FileDescriptor(ends[0]);
    *write = FileDescriptor(ends[1]);
  }
  static void write_byte(const FileDescriptor& to) { CHECK_EQUAL(write(to.number(), "", 1), 1); }

  FileDescriptor read_;
  FileDescriptor write_;
  FileDescriptor stop_read_;
  FileDescriptor stop_write_;
  Status status_ = Status::ok;
  std::atomic<bool> stopped_{false};
};

struct Two {
  PipeDevice left;
  PipeDevice right;
  PolledWait waits[2] = {{&left, kReadable}, {&right, kReadable}};

  Status wait(int64_t timeout_ns) {
    pollfd entries[4];
    return wait_for_polled(waits, entries, timeout_ns);
  }
};

TEST("a wait for several polled devices ends with the one that is ready, and says which") {
  Two two;
  two.right.feed();
  CHECK_EQUAL(two.wait(kLong_ns), Status::ok);
  CHECK_EQUAL(two.waits[0].ready, 0u);
  CHECK_EQUAL(two.waits[1].ready, kReadable);
  two.left.feed();
  CHECK_EQUAL(two.wait(0), Status::ok);
  CHECK_EQUAL(two.waits[0].ready, kReadable);
  CHECK_EQUAL(two.waits[1].ready, kReadable);
}

TEST("what nobody wants of a polled device ends no wait") {
  Two two;
  two.right.feed();
  two.waits[1].wanted = 0;
  const uint64_t begin_ns = monotonic_ns();
  CHECK_EQUAL(two.wait(kShort_ns), Status::ok);
  CHECK(monotonic_ns() - begin_ns >= static_cast<uint64_t>(kShort_ns));
  CHECK_EQUAL(two.waits[1].ready, 0u);
}

TEST("a wait for polled devices sleeps through its whole time, also where that is longer than one sleep") {
  Two two;
  constexpr int64_t kTime_ns = 300'000'000;
  const uint64_t begin_ns = monotonic_ns();
  CHECK_EQUAL(two.wait(kTime_ns), Status::ok);
  CHECK(monotonic_ns() - begin_ns >= static_cast<uint64_t>(kTime_ns));
}

TEST("stopping one of several polled devices ends the wait for all, and every later one") {
  Two two;
  std::thread other([&] { two.left.stop(); });
  CHECK_EQUAL(two.wait(-1), Status::interrupted);
  other.join();
  CHECK_EQUAL(two.wait(kLong_ns), Status::interrupted);
  CHECK_EQUAL(two.wait(0), Status::interrupted);
}

TEST("a polled device that does not work ends the wait with its status") {
  Two two;
  two.right.fail(Status::port_gone);
  two.left.feed();
  CHECK_EQUAL(two.wait(kLong_ns), Status::port_gone);
}

constexpr size_t kPackets = 1000;
// What a ring of 256 slots shows at once.
constexpr size_t kRingful = 255;
constexpr size_t kRingfuls = (kPackets + kRingful - 1) / kRingful;

std::shared_ptr<FakeWire> wire_with(size_t packets) {
  auto wire = std::make_shared<FakeWire>(2 * packets);
  for (size_t i = 0; i < packets; i++) wire->send({0, std::vector<uint8_t>(60)});
  return wire;
}

TEST("a sink makes one call for each batch where waiting syncs, and ends with its count") {
  SyncCounts counts;
  const auto port = polled_port(nullptr, wire_with(kPackets), &counts);
  SinkOptions options;
  options.count = kPackets;
  Sink sink(*port, options);
  CHECK_EQUAL(sink.run(), Status::ok);
  CHECK_EQUAL(sink.progress().packets.load(), kPackets);
  CHECK_EQUAL(counts.polls, kRingfuls);
  // What was taken last goes back.
  CHECK_EQUAL(counts.rx_syncs, 1u);
  CHECK_EQUAL(counts.tx_syncs, 0u);
}

TEST("a sink that takes less than is there goes on at once where waiting syncs") {
  SyncCounts counts;
  const auto port = polled_port(nullptr, wire_with(kPackets), &counts);
  SinkOptions options;
  options.count = kPackets;
  options.burst = 100;
  Sink sink(*port, options);
  CHECK_EQUAL(sink.run(), Status::ok);
  CHECK_EQUAL(sink.progress().packets.load(), kPackets);
}

TEST("a ponger makes one call for each batch where waiting syncs, and sends everything back") {
  SyncCounts counts;
  auto back = std::make_shared<FakeWire>(2 * kPackets);
  const auto port = polled_port(back, wire_with(kPackets), &counts);
  PongerOptions options;
  options.count = kPackets;
  Ponger ponger(*port, options);
  CHECK_EQUAL(ponger.run(), Status::ok);
  CHECK_EQUAL(back->size(), kPackets);
  CHECK_EQUAL(counts.rx_syncs, 1u);
  CHECK_EQUAL(counts.tx_syncs, 1u);
}

TEST(
    "a forwarder makes one call for each batch where waiting syncs all its ports, and passes everything on") {
  for (const size_t capacity : {kPackets, size_t{100}}) {
    SyncCounts counts;
    auto far = std::make_shared<FakeWire>(capacity);
    const auto from = polled_port(nullptr, wire_with(kPackets), &counts);
    const auto to = polled_port(far, nullptr, &counts);
    ForwarderOptions options;
    options.lanes.push_back({0, 1, {}});
    options.lanes.front().options.copy = true;
    options.linger_ns = 0;
    Forwarder forwarder({from.get(), to.get()}, options);
    std::thread other([&] { CHECK_EQUAL(forwarder.run(), Status::ok); });
    size_t arrived = 0;
    for (check::FakeSlot slot; arrived < kPackets;) {
      if (far->receive(&slot)) arrived++;
    }
    forwarder.stop();
    other.join();
    CHECK_EQUAL(forwarder.lane_counts(0).packets.load(), kPackets);
    // The last things that it does: it gives back what it took, and sends what there is.
    CHECK_EQUAL(counts.rx_syncs, 1u);
    CHECK_EQUAL(counts.tx_syncs, 2u);
  }
}

}  // namespace
}  // namespace nm
