// The generator: sends copies of one frame, or the frames of a range, as fast as the port takes them or at a
// rate.
//
//      round:   how many are due  ->  fill slots of each ring  ->  tx_sync  ->  progress
//                                          |
//                                          none has room: wait for the receiver
//
// What the slots are filled with is a filler's business, see filler.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "traffic/alarm.h"
#include "traffic/dump.h"
#include "traffic/filler.h"
#include "traffic/frame_filler.h"
#include "traffic/histogram.h"
#include "traffic/loop.h"
#include "traffic/pace.h"

namespace nm {

// The packets, as FrameFillerOptions has them; and when they leave.
struct GeneratorOptions : FrameFillerOptions {
  // Packets to send; 0: until stopped.
  uint64_t count = 0;
  // Ends after this time; 0: never.
  uint64_t duration_ns = 0;
  // When to begin, on the monotonic clock; 0: at once. Several generators with one start keep one schedule.
  uint64_t start_ns = 0;
  // At most this many packets per ring and round.
  uint32_t burst = 512;
  // When they leave; by default as fast as the port takes them.
  ScheduleSpec schedule;
  PaceOptions pace;
  // How long to wait at the end for a receiver that takes nothing.
  uint64_t linger_ns = 2 * kSecond_ns;
};

class Generator final : public Loop {
 public:
  // The frame fits the options: see mark.h for the shortest that can be marked. Contents are written when
  // marking.
  Generator(Port& port, const GeneratorOptions& options);
  // Sends what `filler` puts, in place of the options' frames.
  Generator(Port& port, const GeneratorOptions& options, std::unique_ptr<Filler> filler);

  const Histogram* histogram(Measured what) const override {
    return what == Measured::gap_ns ? &gap_ns_ : nullptr;
  }

 private:
  Status work() override;
  bool over(uint64_t now_ns, uint64_t end_ns) const;
  uint64_t wanted(uint64_t now_ns);
  Filled fill(uint64_t packets, uint64_t now_ns);
  void note_sent(const Filled& filled, uint64_t now_ns);

  const GeneratorOptions options_;
  const std::unique_ptr<Filler> filler_;
  std::vector<Ring> lanes_;
  // Whose turn it is to be filled first.
  size_t first_lane_ = 0;
  uint64_t sent_ = 0;
  std::optional<Pace> pace_;
  Alarm alarm_;
  // When the round before left, and how far apart packets left.
  uint64_t before_ns_ = 0;
  Histogram gap_ns_;
};

}  // namespace nm
