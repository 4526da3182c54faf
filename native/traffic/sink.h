// The sink: takes what arrives and counts it, and looks into it as far as it is asked to.
//
//      round:   rx_sync  ->  take up to a burst of slots from each ring  ->  progress
//                                 |
//                                 nothing there: wait for the sender
//
// Where a wait costs no more than a sync and is one (device/polled.h), it ends every round, and there are no other syncs.
//
// A packet ends at the slot without NS_MOREFRAG. Counting reads descriptors only; measuring reads every byte.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "clock.h"
#include "traffic/arrivals.h"
#include "traffic/budget.h"
#include "traffic/dump.h"
#include "traffic/loop.h"
#include "traffic/numbers.h"

namespace nm {

struct SinkOptions {
  // Packets to take, and not one more; 0: until stopped.
  uint64_t count = 0;
  // Of a count that several take together, in place of one of its own.
  std::shared_ptr<Budget> budget;
  // Ends after this time; 0: never.
  uint64_t duration_ns = 0;
  // Ends after this time without a packet, once there was one; 0: never.
  uint64_t idle_ns = 0;
  // Has a processor to itself and never sleeps, so that nobody spends microseconds on waking it.
  bool busy = false;
  // At most this many slots per ring and round.
  uint32_t burst = 512;
  // Looks into each packet for its mark, and measures: see arrivals.h.
  bool measure = false;
  // Checks the numbers of slots that a NumberFiller sent: see numbers.h.
  bool check_numbers = false;
  // Reads every cache line of the payload, as an application would.
  bool touch = false;
  // Bytes before each frame, which are no part of it: a virtio-net header.
  uint32_t header_length = 0;
  // Where to put copies of the slots that arrived; it outlives the sink.
  Dump* dump = nullptr;
};

class Sink final : public Loop {
 public:
  Sink(Port& port, const SinkOptions& options);

  const Histogram* histogram(Measured what) const override {
    return arrivals_ == nullptr ? nullptr : arrivals_->histogram(what);
  }
  Numbers* numbers() override { return numbers_.get(); }
  const Streams* streams() const override { return arrivals_ == nullptr ? nullptr : &arrivals_->streams(); }

 private:
  // An RX ring, and the part of a packet that a round ended in.
  struct Lane {
    Ring ring;
    std::vector<uint8_t> partial;
  };

  // What a round took.
  struct Taken {
    uint64_t slots = 0;
    uint64_t packets = 0;
    uint64_t bytes = 0;
  };

  // Slots whose bytes are asked for together, and what is in each. What went through memory comes at 93 million packets a second
  // with 8 of them, 118 with 32, 125 with 48 and no more with 64. [measured]
  static constexpr uint32_t kBlockSlots = 48;
  struct Block {
    uint32_t slots = 0;
    uint64_t bytes = 0;
    bool odd = false;   // not every one is a packet
    uint64_t more = 0;  // a bit for each: the packet goes on in the next slot
    static_assert(kBlockSlots <= 64);
    FrameBytes frames[kBlockSlots];
  };

  Status work() override;
  bool has_all() const { return budget_ && budget_->used_up(); }
  uint64_t deadline_ns(uint64_t end_ns);
  Taken take();
  Taken count(const Ring& ring, uint32_t slots);
  Taken inspect(Lane& lane, uint32_t slots);
  Taken measure_all(Lane& lane, uint32_t slots);
  uint32_t gather(const Ring& ring, uint32_t slot, uint32_t slots, Block* block) const;
  void read(Lane& lane, Block& block, Taken* taken);
  void measure(Lane& lane, const uint8_t* bytes, uint32_t length, bool more);
  void judge(const uint8_t* packet, uint32_t length);

  const SinkOptions options_;
  std::vector<Lane> lanes_;
  // What may be taken, where that is bounded.
  const std::shared_ptr<Budget> budget_;

  // Where measuring was asked for.
  std::unique_ptr<Arrivals> arrivals_;
  // Where their check was.
  std::unique_ptr<Numbers> numbers_;
};

}  // namespace nm
