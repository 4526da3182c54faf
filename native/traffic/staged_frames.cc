#include "traffic/staged_frames.h"

#include <cassert>

namespace nm {

bool StagedFrames::fit(uint32_t length, const Ring& ring) {
  const uint32_t lines = lines_of(length);
  const bool aligned =
      reinterpret_cast<uintptr_t>(ring.start(0)) % kCacheLine == 0 && ring.stride() % kCacheLine == 0;
  return aligned && lines <= kMostLines && lines * kCacheLine <= ring.buffer_size();
}

StagedFrames::StagedFrames(const Frame& frame) : lines_(lines_of(frame.longest())) {
  assert(lines_ <= kMostLines);
  for (Run& run : runs_) {
    for (Copy& copy : run.copies) {
      copy.fill(0);
      frame.write_longest(copy.data());
    }
  }
}

void StagedFrames::pass(const Ring& ring, uint32_t slot, uint32_t count) {
  Run& run = runs_[now_];
  run.ring = ring;
  run.slot = slot;
  run.count = count;
  now_ = 1 - now_;
  store(runs_[now_]);
}

void StagedFrames::finish() {
  for (Run& run : runs_) store(run);
  finish_streaming();
}

void StagedFrames::store(Run& run) {
  const Ring ring = run.ring;
  const uint32_t lines = lines_;
  uint32_t slot = run.slot;
  for (uint32_t i = 0; i < run.count; i++, slot = ring.next(slot)) {
    uint8_t* const to = ring.start(ring.descriptor(slot).buf_idx);
    for (uint32_t line = 0; line < lines; line++) {
      stream_line(to + line * kCacheLine, run.copies[i].data() + line * kCacheLine);
    }
  }
  run.count = 0;
}

}  // namespace nm
