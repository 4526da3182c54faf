// How fast the loops are by themselves: on a device that takes everything at once and always shows a full
// ring.
//
// Not a test: run it by hand, on a quiet machine.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "test/check.h"
#include "test/fake_device.h"
#include "traffic/arrivals.h"
#include "traffic/generator.h"
#include "traffic/mark.h"
#include "traffic/sink.h"

namespace nm {
namespace {

constexpr check::FakeGeometry kGeometry{.slots = 1024, .buffer_size = 2112};
constexpr uint64_t kDuration_ns = 200'000'000;
constexpr int kRuns = 5;

void print(const char* what, uint64_t packets, uint64_t ns) {
  printf("    %-48s %7.1f M packets/s\n", what, static_cast<double>(packets) * 1e3 / static_cast<double>(ns));
}

template <typename MadeLoop, typename Options>
void measure(const char* what, Options options) {
  uint64_t best = 0;
  for (int run = 0; run < kRuns; run++) {
    const auto port = check::fake_port(nullptr, nullptr, kGeometry);
    // What a sink looks into: as many marked packets as the rings hold.
    for (const Ring& ring : port->rx_rings()) {
      FrameSpec spec;
      spec.reserved_at_end = kMarkLength;
      const Frame frame{spec};
      const Marker marker(frame, 0);
      for (uint32_t slot = 0; slot < ring.slots(); slot++) {
        frame.write(ring.buffer(ring.slot(slot).buf_idx));
        marker.write(frame, ring.buffer(ring.slot(slot).buf_idx), slot, 0);
      }
    }
    options.duration_ns = kDuration_ns;
    MadeLoop loop(*port, options);
    CHECK_EQUAL(loop.run(), Status::ok);
    best = std::max(best, loop.progress().packets.load());
  }
  print(what, best, kDuration_ns);
}

GeneratorOptions sending(uint32_t length) {
  GeneratorOptions options;
  options.frame.length = length;
  return options;
}

TEST("generator") {
  GeneratorOptions options = sending(60);
  measure<Generator>("descriptors only", options);
  options.contents = Contents::never;
  measure<Generator>("descriptors only, contents never written", options);
  options.contents = Contents::always;
  measure<Generator>("60 bytes written whole", options);
  options = sending(60);
  options.frame.from.last_port = 60'000;
  measure<Generator>("60 bytes of a range", options);
  options.frame.to.last_port = 60'000;
  measure<Generator>("60 bytes of two ranges", options);
  options.frame.to = {};
  options.frame.to.random = true;
  measure<Generator>("60 bytes of a range to a random endpoint", options);
  options.frame.from.random = true;
  measure<Generator>("60 bytes, random endpoints", options);
  options = sending(60);
  options.frame.from.last_port = 60'000;
  options.mark = true;
  measure<Generator>("60 bytes of a range, marked", options);
  options = sending(60);
  options.mark = true;
  measure<Generator>("60 bytes, marked", options);
  options.frame.length = 1500;
  measure<Generator>("1500 bytes, marked", options);
  options = sending(1500);
  options.contents = Contents::always;
  measure<Generator>("1500 bytes written whole", options);
}

TEST("sink") {
  SinkOptions options;
  measure<Sink>("descriptors only", options);
  options.touch = true;
  measure<Sink>("60 bytes touched", options);
  options = {};
  options.measure = true;
  measure<Sink>("60 bytes, measured", options);
}

// As many marked packets in order as the second cache holds, again and again.
TEST("arrivals") {
  constexpr uint32_t kPackets = 8192;
  FrameSpec spec;
  spec.reserved_at_end = kMarkLength;
  const Frame frame{spec};
  const Marker marker(frame, 0);
  std::vector<uint8_t> bytes(kPackets * size_t{64});
  for (uint32_t i = 0; i < kPackets; i++) {
    frame.write(&bytes[i * size_t{64}]);
    marker.write(frame, &bytes[i * size_t{64}], i, i / 16);
  }
  uint64_t best = UINT64_MAX;
  Progress progress;
  for (int run = 0; run < 20 * kRuns; run++) {
    Arrivals arrivals(progress);
    const uint64_t before = monotonic_ns();
    for (uint32_t i = 0; i < kPackets; i += 512) {
      arrivals.begin_round(1'000 + i * 777);
      for (uint32_t j = i; j < i + 512; j += 8) {
        FrameBytes frames[8];
        for (uint32_t k = 0; k < 8; k++) frames[k] = {&bytes[(j + k) * size_t{64}], 60};
        arrivals.packets(frames, 8);
      }
      arrivals.end_round(512);
    }
    best = std::min(best, monotonic_ns() - before);
    CHECK_EQUAL(progress.lost.load(), 0);
  }
  print("60 bytes, measured, in order", kPackets, best);
}

}  // namespace
}  // namespace nm
