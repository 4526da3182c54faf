// Copies of a short frame, in whole cache lines, that are finished here and then stored into buffers past this core's caches.
//
//     this core                            memory             the receiver's core
//     [copies, finished] --whole lines---> [buffers] --------> reads ahead
//
// A line that one core wrote and another reads goes from cache to cache, and is asked for twice: 107 million a second between cores
// that are far from each other. Through memory 230 to 280 million go, wherever the cores are, if the receiver asks for them long
// before it needs them. For packets that this core itself is going to read it is the worst of ways. [measured]
#pragma once

#include <array>
#include <cstdint>

#include "cache_line.h"
#include "ring.h"
#include "traffic/packet.h"

namespace nm {

class StagedFrames {
 public:
  // Frames of a run, which are finished together.
  static constexpr uint32_t kRun = 64;

  // Whether frames of so many bytes, from the beginning of a ring's buffers on, can be stored so. All their lines are written
  // again for each packet.
  static bool fit(uint32_t length, const Ring& ring);
  // Each copy holds what any frame of the spec has.
  explicit StagedFrames(const Frame& frame);

  // The i-th copy of the present run, to be finished. It holds an earlier packet.
  uint8_t* copy(uint32_t i) { return runs_[now_].copies[i].data(); }

  // The first `count` copies are finished: they are the packets of as many slots of a ring from `slot` on, whose buffers get them by
  // finish() at the latest. The next run begins. The ring's head may pass the slots after finish(): whoever syncs the ring, another
  // process perhaps, must find the packets there.
  void pass(const Ring& ring, uint32_t slot, uint32_t count);
  void finish();

 private:
  // Longer frames have lines between headers and end that need not be written again.
  static constexpr uint32_t kMostLines = 2;
  using Copy = std::array<uint8_t, kMostLines * kCacheLine>;
  // One is stored while the next is finished: bytes that were just written could not be read yet.
  struct Run {
    alignas(kCacheLine) std::array<Copy, kRun> copies;
    Ring ring;
    uint32_t slot = 0;
    uint32_t count = 0;
  };

  void store(Run& run);

  const uint32_t lines_;
  std::array<Run, 2> runs_;
  uint32_t now_ = 0;
};

}  // namespace nm
