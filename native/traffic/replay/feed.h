// Makes the packets of a capture ready to be replayed: chooses, changes, and says when each is due.
//
//   file -> reader -> range -> filter -> side -> edit -> batch -> link: bandwidth, loss, delay -> piece
//                                                        ^    |
//                                                        '----'  later passes, if all of it is not too much to keep
//
// Up to the batch, a packet is worked on once. Later passes have their own times from the link; without one, nothing is left
// to do for a packet.
//
// A schedule is exact: times are sums of what the bandwidth model says, which loses no fraction of a nanosecond, and begin
// with the first packet that is sent. Packets leave in the order of the file. One whose time is before that of a packet
// before it is due with that one, and is counted; so is what is not sent, by reason.
//
// Passes join without a seam: the first packet of a pass follows the last of the one before as long after it as a packet of
// its length takes in the mean rate of the capture. That is netmap's rule.
//
// Threads   One thread at a time calls next(). Counts are read by any.
// Failure   A fault of the file ends the feed after the packets before it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "capture/reader.h"
#include "clock.h"
#include "traffic/edit.h"
#include "traffic/filter.h"
#include "traffic/models/bandwidth.h"
#include "traffic/models/delay.h"
#include "traffic/models/loss.h"
#include "traffic/replay/piece.h"
#include "traffic/sides.h"

namespace nm {

struct FeedOptions {
  // How often the file is played; 0: again and again.
  uint64_t passes = 1;
  // The part of the capture to play, counted from its first packet; the end is not in it.
  uint64_t from_ns = 0;
  uint64_t to_ns = kNever_ns;
  // Packets to send, of all passes; 0: all.
  uint64_t limit = 0;
  // Longer gaps of the capture are shortened to this.
  uint64_t longest_gap_ns = kNever_ns;
  std::shared_ptr<const Filter> filter;
  SideSpec sides;
  EditSpec edit;
  BandwidthSpec bandwidth{BandwidthModel::recorded, {1, 1}};
  LossSpec loss;
  DelaySpec delay;
  // Of all that is random.
  uint64_t seed = 1;
  // Packets longer than this are left out.
  uint32_t longest = UINT16_MAX;
  // What is played again is kept in memory, if it has no more bytes than this.
  uint64_t most_kept = 64 << 20;
};

// Why a feed ended.
// name, meaning
#define NM_FEED_ENDS(row)                                                                 \
  row(whole, "all that was asked for was given")                                          \
  row(faulty, "the file has a fault")                                                     \
  row(not_ethernet, "a packet is not of Ethernet, but of the link type that was found")   \
  row(no_packets, "nothing in the file is to be sent")                                    \
  row(not_again, "the file cannot be read a second time")

struct FeedEnd {
#define row(name, text) name,
  enum class Kind : uint32_t { NM_FEED_ENDS(row) };
#undef row
  Kind kind = Kind::whole;
  // Of the file, or with the link type that was found.
  CaptureFault fault;
};

// Where pieces come from.
class PieceSource {
 public:
  virtual ~PieceSource() = default;
  // Fills *piece, which keeps its memory, with what comes next; empty at the end. May wait for bytes of the file.
  virtual void next(Piece* piece) = 0;
  // Waits until next() will not wait, but no longer than until `deadline_ns`. Returns whether it is so.
  virtual bool wait_ready([[maybe_unused]] uint64_t deadline_ns) { return true; }
  // Ends next()'s waiting, now and later: it gives what it has. By any thread.
  virtual void stop() = 0;
  // Valid once next() gave an empty piece.
  virtual const FeedEnd& end() const = 0;
};

class Feed final : public PieceSource {
 public:
  // Reads from `descriptor`, which becomes the feed's. The values of the models can be, and the bandwidth model does not
  // depend on when packets come.
  Feed(int descriptor, const FeedOptions& options);
  ~Feed() override;
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  void next(Piece* piece) override;
  void stop() override;
  const FeedEnd& end() const override { return end_; }
  // When the first packet that is sent was captured, once next() gave it.
  int64_t begins_ns() const { return begins_ns_.value_or(0); }

 private:
  // A packet that is to be sent, as it is sent.
  struct Chosen {
    const uint8_t* bytes;
    uint32_t captured;
    uint32_t length;
    uint32_t side;
    // Since the packet before it.
    uint64_t gap_ns;
  };
  // What was chosen in the first pass, so that later ones need not read the file.
  struct Kept {
    std::shared_ptr<Batch> batch;
    // From the packet before, for each.
    std::vector<uint64_t> gaps_ns;
  };
  static constexpr size_t kMostPacketsKept = 1 << 20;

  enum class Step { chosen, none, unread };
  Step read_one(bool may_wait, Chosen* chosen);
  bool choose(const CapturedPacket& packet, Chosen* chosen);
  bool in_range(const CapturedPacket& packet);
  uint64_t gap_before(const CapturedPacket& packet);
  void put_new(Piece* piece);
  void put_kept(Piece* piece);
  void keep(const std::shared_ptr<Batch>& batch);
  void join_passes();
  void end_pass();
  uint64_t seam_ns() const;

  std::optional<uint64_t> due(uint32_t length, uint64_t gap_ns);
  void leave(uint32_t packet, uint32_t length, uint64_t gap_ns, Piece* piece);
  bool limit_reached() const { return options_.limit != 0 && sent_ == options_.limit; }
  void finish(FeedEnd::Kind kind, CaptureFault fault = {});

  const FeedOptions options_;
  const int descriptor_;
  const int stop_descriptor_;
  const Edit edit_;
  Sides sides_;
  const std::unique_ptr<Bandwidth> bandwidth_;
  const std::unique_ptr<Loss> loss_;
  const std::unique_ptr<Delay> delay_;
  const bool serial_;
  // Whether there is any model that does something.
  const bool link_;

  std::optional<CaptureReader> reader_;
  int64_t begin_offset_ = 0;
  // Where a packet is changed.
  std::vector<uint8_t> scratch_;
  // What found no room in the batch before; its bytes are valid until the next is read.
  std::optional<Chosen> held_;
  // The gaps of the batch that is being made.
  std::vector<uint64_t> gaps_ns_;
  // The batches of the first pass, as long as they are kept; once it is over, `replays_kept_` says that they are all of it.
  // A short capture is there as one batch of several passes.
  std::vector<Kept> kept_;
  bool keeps_ = false;
  bool replays_kept_ = false;
  uint64_t kept_bytes_ = 0;
  uint64_t kept_packets_ = 0;
  uint64_t passes_per_batch_ = 0;
  size_t next_kept_ = 0;
  bool ended_ = false;
  FeedEnd end_;
  FeedCounts counts_;
  uint64_t sent_ = 0;

  // The present pass: the time of the file's first packet; of what was chosen, what the next pass is to join.
  std::optional<int64_t> file_begins_ns_;
  bool past_range_ = false;
  struct Played {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    uint32_t first_length = 0;
    int64_t latest_ns = 0;
    // The sum of the gaps between them.
    uint64_t lasted_ns = 0;
  };
  Played played_;
  uint64_t next_seam_ns_ = 0;
  std::optional<int64_t> begins_ns_;

  // The link: when it has transmitted the last packet, and when that leaves.
  bool link_used_ = false;
  uint64_t transmitted_ns_ = 0;
  uint64_t leaves_ns_ = 0;
};

}  // namespace nm
