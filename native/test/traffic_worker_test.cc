// Workers: loops on threads of their own, a generator and a sink at the two ends of a wire.
#include <algorithm>
#include <atomic>

#include "test/check.h"
#include "test/fake_device.h"
#include "traffic/generator.h"
#include "traffic/sink.h"
#include "traffic/worker.h"

namespace nm {
namespace {

using check::fake_port;
using check::FakeWire;

TEST("workers carry every marked packet from a generator to a sink, and end by themselves") {
  constexpr uint64_t kCount = 50'000;
  const auto wire = std::make_shared<FakeWire>(100);
  const auto from = fake_port(wire, nullptr);
  const auto to = fake_port(nullptr, wire);

  GeneratorOptions sending;
  sending.count = kCount;
  sending.mark = true;
  SinkOptions receiving;
  receiving.count = kCount;
  receiving.measure = true;

  std::atomic<int> ended = 0;
  Worker generator(std::make_unique<Generator>(*from, sending), Placement{}, [&] { ended++; });
  Worker sink(std::make_unique<Sink>(*to, receiving), Placement{0}, [&] { ended++; });
  CHECK_EQUAL(sink.start(), Status::ok);
  CHECK_EQUAL(generator.start(), Status::ok);

  uint64_t seen = 0;
  while (sink.progress().running.load(std::memory_order_acquire) != 0) {
    const uint64_t packets = sink.progress().packets.load(std::memory_order_relaxed);
    CHECK(packets >= seen);
    seen = packets;
    sched_yield();
  }
  CHECK_EQUAL(sink.progress().packets.load(), kCount);
  sink.join();
  generator.join();
  CHECK_EQUAL(ended.load(), 2);
  CHECK_EQUAL(generator.progress().packets.load(), kCount);
  CHECK_EQUAL(generator.progress().pending.load(), 0);
  CHECK_EQUAL(sink.progress().lost.load() + sink.progress().corrupt.load() + sink.progress().unmarked.load(),
              0);
  CHECK_EQUAL(sink.progress().status.load(), 0);
}

TEST("worker ends its loop when it is stopped, from any thread, even before it has begun") {
  for (int delay_us = 0; delay_us < 50; delay_us++) {
    const auto port = fake_port(nullptr, std::make_shared<FakeWire>(1));
    Worker worker(std::make_unique<Sink>(*port, SinkOptions{}), Placement{});
    CHECK_EQUAL(worker.start(), Status::ok);
    wait_until(monotonic_ns() + static_cast<uint64_t>(delay_us) * 1000, std::atomic<bool>(false));
    worker.stop();
    worker.stop();
    worker.join();
    CHECK_EQUAL(worker.progress().running.load(), 0);
  }
}

TEST("worker that goes away stops its loop") {
  const auto port = fake_port(nullptr, nullptr);
  Worker worker(std::make_unique<Generator>(*port, GeneratorOptions{}), Placement{});
  CHECK_EQUAL(worker.start(), Status::ok);
}

TEST("worker that was never started goes away quietly") {
  const auto port = fake_port(nullptr, nullptr);
  Worker worker(std::make_unique<Generator>(*port, GeneratorOptions{}), Placement{});
}

TEST("worker reports a processor that is not there") {
  const auto port = fake_port(nullptr, nullptr);
  Worker worker(std::make_unique<Generator>(*port, GeneratorOptions{}), Placement{CPU_SETSIZE - 1});
  CHECK_EQUAL(worker.start(), Status::system_error);
  CHECK_EQUAL(worker.progress().running.load(), 0);
}

}  // namespace
}  // namespace nm
