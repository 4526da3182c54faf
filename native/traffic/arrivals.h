// What a receiver measures about the packets that arrive: by their marks what was lost, late, doubled or changed and
// how long each was under way; and the times between them.
//
//     sender                                   receiver
//     --[slot filled]--(sync)----- device -----(sync)--[taken]--
//            |<--------------- latency ---------------->|
//
// A receiver sees packets only when it syncs, all that came since the last time at once. Those that it takes after one
// sync have one time of arrival: 0 ns lie between them, and together they are a train. What is told of times is
// therefore no finer than the receiver's rounds, and a train no longer than its burst.
//
// Threads   The receiver's writes. Any other may read histograms and streams.
#pragma once

#include <cstdint>

#include "traffic/histogram.h"
#include "traffic/known_frame.h"
#include "traffic/loop.h"
#include "traffic/mark.h"
#include "traffic/progress.h"
#include "traffic/streams.h"

namespace nm {

class Arrivals {
 public:
  // `progress` outlives this.
  explicit Arrivals(Progress& progress) : progress_(progress) {}

  // A sync was made at that time, and what it showed is about to be taken.
  void begin_round(uint64_t now_ns) {
    now_ns_ = now_ns;
    learns_ = true;
  }
  // A whole packet.
  void packet(const uint8_t* frame, uint32_t length);
  // The same of `count` packets.
  void packets(const FrameBytes* frames, uint32_t count);
  // So many packets were taken since begin_round().
  void end_round(uint64_t packets);

  const Histogram* histogram(Measured what) const;
  const Streams& streams() const { return streams_; }

 private:
  void note_some(const FrameBytes* frames);
  void note(const Mark& mark);
  void note_stamp(uint64_t sent_ns, uint64_t packets);
  void note_latencies();
  void publish();

  Progress& progress_;
  uint64_t now_ns_ = 0;
  uint64_t before_ns_ = 0;

  // Packets of a batch have few different stamps, each of which is counted at once.
  uint64_t stamp_ns_ = 0;
  uint64_t stamped_ = 0;

  // What the last packet looked like that was unlike those before it. One of a round is learnt at most: where each differs that
  // is in vain.
  KnownFrame known_;
  bool learns_ = true;

  Streams streams_;
  bool changed_ = false;
  uint64_t lost_ = 0;
  uint64_t reordered_ = 0;
  uint64_t too_late_ = 0;
  uint64_t duplicated_ = 0;
  uint64_t corrupt_ = 0;
  uint64_t unmarked_ = 0;
  uint64_t untimed_ = 0;
  uint64_t longest_train_ = 0;

  Histogram latency_ns_;
  Histogram interarrival_ns_;
  Histogram reorder_depth_;
};

}  // namespace nm
