#include "bench/limits.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "bench/lines.h"
#include "bench/pause.h"
#include "clock.h"

namespace nm::bench {
namespace {

constexpr uint64_t kSlots = 1024;
constexpr uint64_t kBatch = 256;
constexpr uint32_t kTurnsPerSample = 64;
constexpr uint32_t kSamples = 256;

// Memory for both sides, made before the fork and touched so that no window sees page faults.
uint8_t* shared_memory(size_t size) {
  void* const memory =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) give_up("no memory left");
  memset(memory, 1, size);
  return static_cast<uint8_t*>(memory);
}

// The two indexes of a stream, each on a line of its own.
struct Stream {
  alignas(64) std::atomic<uint64_t> written{0};
  alignas(64) std::atomic<uint64_t> read{0};
};

void produce(Seat& seat, Stream& stream, uint8_t* base, Buffers buffers, Stores stores) {
  Patience patience;
  seat.wait_for_start();
  for (uint64_t written = 0; !seat.closed();) {
    if (written + kBatch - stream.read.load(std::memory_order_acquire) > kSlots) {
      patience.wait();
      continue;
    }
    for (uint64_t i = 0; i < kBatch; i++)
      write_lines(base + (written + i) % kSlots * buffers.stride, buffers.length, written, stores);
    written += kBatch;
    stream.written.store(written, std::memory_order_release);
  }
}

void consume(Seat& seat, Stream& stream, const uint8_t* base, Buffers buffers) {
  Patience patience;
  seat.wait_for_start();
  for (uint64_t read = 0; !seat.closed();) {
    if (stream.written.load(std::memory_order_acquire) == read) {
      patience.wait();
      continue;
    }
    uint64_t sum = 0;
    for (uint64_t i = 0; i < kBatch; i++)
      sum += read_lines(base + (read + i) % kSlots * buffers.stride, buffers.length);
    keep(sum);
    read += kBatch;
    stream.read.store(read, std::memory_order_release);
    seat.count.store(read, std::memory_order_relaxed);
  }
}

void copy(Seat& seat, uint8_t* to, const uint8_t* from, Buffers buffers) {
  seat.wait_for_start();
  for (uint64_t copied = 0; !seat.closed();) {
    for (uint64_t i = 0; i < kSlots; i++) {
      const uint64_t offset = i * buffers.stride;
      // A line is copied by a few instructions, and not by a call, where the compiler knows that it is one.
      if (buffers.length <= kCacheLine) {
        memcpy(to + offset, from + offset, kCacheLine);
      } else {
        memcpy(to + offset, from + offset, buffers.length);
      }
    }
    copied += kSlots;
    seat.count.store(copied, std::memory_order_relaxed);
  }
}

// Answers each odd turn with an even one, or the other way round.
void bounce(std::atomic<uint64_t>& ball, uint64_t first, uint64_t turns) {
  for (uint64_t turn = first; turn < turns; turn += 2) {
    while (ball.load(std::memory_order_acquire) != turn) {
    }
    ball.store(turn + 1, std::memory_order_release);
  }
}

}  // namespace

Outcome measure_memcpy(Buffers buffers, int cpu, double seconds) {
  const size_t size = kSlots * buffers.stride;
  uint8_t* const memory = shared_memory(2 * size);
  const Outcome outcome =
      run_window({{cpu, [=](Seat& seat) { copy(seat, memory + size, memory, buffers); }}}, 1, seconds);
  munmap(memory, 2 * size);
  return outcome;
}

Outcome measure_stream(Buffers buffers, Stores stores, Placement placement, double seconds) {
  const size_t size = kSlots * buffers.stride;
  uint8_t* const memory = shared_memory(size + sizeof(Stream));
  Stream& stream = *new (memory + size) Stream;
  const Party producer = {placement.from_cpu,
                          [&](Seat& seat) { produce(seat, stream, memory, buffers, stores); }};
  const Party consumer = {placement.to_cpu, [&](Seat& seat) { consume(seat, stream, memory, buffers); }};
  const Outcome outcome = run_window({producer, consumer}, placement.cores(), seconds);
  munmap(memory, size + sizeof(Stream));
  return outcome;
}

double ping_pong_ns(Placement placement) {
  struct Court {
    alignas(64) std::atomic<uint64_t> ball{0};
    alignas(64) double ns = 0;
  };
  uint8_t* const memory = shared_memory(sizeof(Court));
  Court& court = *new (memory) Court;
  constexpr uint64_t kTurns = uint64_t{kSamples} * kTurnsPerSample;

  const Party serves = {
      placement.from_cpu, [&](Seat& seat) {
        std::vector<double> samples;
        seat.wait_for_start();
        for (uint64_t turn = 0; turn < kTurns; turn += kTurnsPerSample) {
          const uint64_t start_ns = monotonic_ns();
          bounce(court.ball, turn, turn + kTurnsPerSample);
          samples.push_back(static_cast<double>(monotonic_ns() - start_ns) / kTurnsPerSample);
        }
        std::nth_element(samples.begin(), samples.begin() + kSamples / 4, samples.end());
        court.ns = samples[kSamples / 4];
      }};
  const Party returns = {placement.to_cpu, [&](Seat& seat) {
                           seat.wait_for_start();
                           bounce(court.ball, 1, kTurns);
                         }};
  const Outcome outcome = run_window({serves, returns}, placement.cores(), 0);
  const double ns = court.ns;
  munmap(memory, sizeof(Court));
  return outcome.failed ? 0 : ns;
}

}  // namespace nm::bench
