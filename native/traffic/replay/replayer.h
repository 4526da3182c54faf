// The replayer: sends what a feed made ready, each packet when it is due.
//
//   pieces --> staged in slots past head --> due: head moves, tx_sync --> lateness
//
// A packet is copied into its slot as soon as there is room, and shown to the device when its time has come, so that nothing
// is left to do then but to move head and to sync. Packets of both sides leave in their order; one that finds no room holds
// back those behind it, of either side. Nothing is dropped: what is late leaves as soon as it can, and its lateness counts.
//
// Where packets have no times, they are shown a burst at a time, as fast as the ports take them.
//
// Until the next packet is due the thread sleeps or spins, see alarm.h; its sync begins a little before, see sync_lead.h.
// Each port's first transmit ring is used, which alone keeps an order.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "traffic/alarm.h"
#include "traffic/loop.h"
#include "traffic/replay/feed.h"
#include "traffic/replay/sync_lead.h"
#include "traffic/slots.h"

namespace nm {

// name, meaning: how far a replay has come
#define NM_REPLAY_FIGURES(row)                                                               \
  NM_FEED_COUNTS(row)                                                                        \
  row(file_offset, "bytes of the file before what is sent now, in the present pass")         \
  row(due_ns, "when the last packet that was sent was due, since the start")                 \
  row(start_ns, "when the first packet was due, on the monotonic clock; 0 before")           \
  row(waiting, "1 while a port has no room for what is to be sent")                            \
  row(end, "what ended it, see `feedEnds`")                                                    \
  row(fault, "of a faulty file, see `captureFaults`")                                          \
  row(fault_offset, "byte of the file where that is")                                        \
  row(fault_found, "what was there")

struct ReplayFigures {
#define row(name, text) std::atomic<uint64_t> name{0};
  NM_REPLAY_FIGURES(row)
#undef row
};

struct ReplayerOptions {
  // At most this many packets between syncs. As many as kFastBurst take a fifth less time for each than 128, where they are
  // copied and nothing else. [measured]
  static constexpr uint32_t kTimedBurst = 128;
  static constexpr uint32_t kFastBurst = 512;
  uint32_t burst = kTimedBurst;
  // Ends when this much of the schedule is over, or of the time; 0: never.
  uint64_t duration_ns = 0;
  // Whether packets have times; otherwise they leave as fast as the ports take them.
  bool timed = true;
  // How long to wait at the end for a receiver that takes nothing.
  uint64_t linger_ns = kNever_ns;
};

class Replayer final : public Loop {
 public:
  // `ports` are those of side 0 and, if there is one, of side 1. They outlive this.
  Replayer(const std::vector<Port*>& ports, const ReplayerOptions& options,
           std::unique_ptr<PieceSource> source);

  const Histogram* histogram(Measured what) const override {
    return what == Measured::lateness_ns && options_.timed ? &lateness_ns_ : nullptr;
  }
  // One for each row of NM_REPLAY_FIGURES.
  std::vector<double> counts() const override;
  const ReplayFigures& figures() const { return figures_; }

  // Bytes of the longest packet that can leave by any of them.
  static uint32_t longest_packet(const std::vector<Port*>& ports);

 private:
  struct Lane {
    Ring ring;
    // The slot after the last that was filled.
    uint32_t filled_to;
  };
  struct Staged {
    uint64_t due_ns;
    uint32_t bytes;
    uint32_t side;
    // The slot after the packet.
    uint32_t slot_after;
  };

  Status work() override;
  void on_stop() override { source_->stop(); }

  Status send_in_time();
  Status send_as_taken();
  SlotsPassed fill();
  SlotsPassed fill_run(uint64_t most);
  void stage(uint64_t now_ns);
  bool stage_one();
  bool put(const Batch::Packet& packet);
  bool more_in_piece() { return next_in_piece_ < piece_.size() || next_piece(0); }
  bool next_piece(uint64_t deadline_ns);
  void note_end();
  uint64_t staged() const { return staged_end_ - staged_begin_; }
  const Staged& staged(uint64_t number) const { return staged_[number & mask_]; }
  uint32_t count_due(uint64_t now_ns) const;
  Status send(uint32_t packets, uint64_t found_ns);
  Status show(size_t side, uint32_t slot);
  uint64_t wait_until_due(uint64_t now_ns, Status* status);
  Status wait_to_stage();
  Status drain_all();

  const ReplayerOptions options_;
  const std::unique_ptr<PieceSource> source_;
  std::vector<Lane> lanes_;

  Piece piece_;
  size_t next_in_piece_ = 0;
  bool ended_ = false;
  // A circle of what is staged, at least as large as the rings together, and a power of two; numbers count from the beginning
  // of the replay.
  std::vector<Staged> staged_;
  uint64_t mask_ = 0;
  uint64_t staged_begin_ = 0;
  uint64_t staged_end_ = 0;

  bool staged_all_it_can_ = false;

  uint64_t start_ns_ = 0;
  uint64_t end_ns_ = kNever_ns;
  Alarm alarm_;
  SyncLead lead_;
  Histogram lateness_ns_;
  ReplayFigures figures_;
};

}  // namespace nm
