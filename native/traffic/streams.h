// All streams of marked packets that one receiver sees, and what became of each.
//
// Threads   The receiver notes arrivals. Any other thread may look through the streams meanwhile.
// Memory    Address space for all 65536 streams that a mark can name, 40 MB; of it, some 600 bytes are in use for
//           each stream that came. Whoever sends us random marks can have no more than that.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "traffic/sequence.h"

namespace nm {

// name, meaning: what is counted of a stream, and of all together.
#define NM_STREAM_COUNTS(row)                                                                     \
  row(packets, "marked packets that arrived whole")                                               \
  row(lost, "numbers that were passed over and did not come late")                                \
  row(reordered, "packets that came after one with a greater number")                             \
  row(too_late, "those of them that came more than 4096 numbers late, which stay lost as well")   \
  row(duplicated, "packets whose number came again")                                              \
  row(max_depth, "by how many numbers the latest of the others was late")

struct StreamCounts {
#define row(name, text) std::atomic<uint64_t> name;
  NM_STREAM_COUNTS(row)
#undef row
};

class Streams {
 public:
  static constexpr uint32_t kMost = 65536;

  Streams();
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  // For the receiver: packet `number` of stream `stream` arrived. Returns as Sequence::arrived does.
  bool arrived(uint16_t stream, uint64_t number, Sequence::Change* change) {
    StreamCounts& counts = counts_[stream];
    const uint64_t before = counts.packets.load(std::memory_order_relaxed);
    if (before == 0) [[unlikely]]
      begin(stream);
    counts.packets.store(before + 1, std::memory_order_relaxed);
    if (!sequences_[stream].arrived(number, change)) return false;
    note(counts, *change);
    return true;
  }

  // The same of `count` packets whose numbers follow each other. False: they are not the next in order, and nothing was noted.
  bool arrived_in_order(uint16_t stream, uint64_t first, uint32_t count) {
    if (!sequences_[stream].arrived_in_order(first, count)) return false;
    std::atomic<uint64_t>& packets = counts_[stream].packets;
    packets.store(packets.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    return true;
  }

  // For any thread: how many streams came, which was the i-th, and its counts.
  uint32_t seen() const { return seen_.load(std::memory_order_acquire); }
  uint16_t number(uint32_t i) const { return numbers_[i]; }
  const StreamCounts& counts(uint16_t stream) const { return counts_[stream]; }

 private:
  struct Free {
    void operator()(void* memory) const { free(memory); }
  };

  void begin(uint16_t stream);
  static void note(StreamCounts& counts, const Sequence::Change& change);

  // Zeros that the kernel gives when they are first touched.
  std::unique_ptr<StreamCounts[], Free> counts_;
  std::unique_ptr<Sequence[], Free> sequences_;
  // In the order in which they came.
  std::unique_ptr<uint16_t[], Free> numbers_;
  std::atomic<uint32_t> seen_{0};
};

}  // namespace nm
