// A rehearsal: goes through a replay without ports and without waiting, and tells what would be sent. It can write that to a
// capture file, with the times at which it would be sent.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <vector>

#include "capture/writer.h"
#include "traffic/replay/feed.h"

namespace nm {

struct RehearsalOptions {
  // How many packets are shown, and how many bytes of each.
  uint32_t shown = 0;
  uint32_t shown_bytes = 128;
  // Ends when this much of the schedule is over; 0: never.
  uint64_t duration_ns = 0;
};

class Rehearsal {
 public:
  struct Shown {
    uint64_t due_ns;
    uint32_t length;
    uint32_t side;
    std::vector<uint8_t> bytes;
  };

  // With a writer, its interface 0 gets the packets of side 0, and interface 1 those of side 1.
  Rehearsal(std::unique_ptr<Feed> feed, const RehearsalOptions& options,
            std::optional<CaptureWriter> writer = {})
      : options_(options), feed_(std::move(feed)), writer_(std::move(writer)) {}

  void run();
  // By any thread.
  void stop();
  // Bytes of the file before what was reached, in the present pass.
  uint64_t offset() const { return offset_.load(std::memory_order_relaxed); }

  // Valid after run().
  const FeedCounts& counts() const { return counts_; }
  const FeedEnd& end() const { return feed_->end(); }
  // Packets and bytes to send by each side, and when the last packet is due.
  const std::array<uint64_t, 2>& packets() const { return packets_; }
  const std::array<uint64_t, 2>& bytes() const { return bytes_; }
  uint64_t last_due_ns() const { return last_due_ns_; }
  const std::vector<Shown>& shown() const { return shown_; }
  // errno of what could not be written, or 0.
  int write_error() const { return writer_ ? writer_->error() : 0; }

 private:
  bool take(const Batch::Packet& packet, uint64_t due_ns, const uint8_t* bytes);

  const RehearsalOptions options_;
  const std::unique_ptr<Feed> feed_;
  std::optional<CaptureWriter> writer_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> offset_{0};
  FeedCounts counts_;
  std::array<uint64_t, 2> packets_{};
  std::array<uint64_t, 2> bytes_{};
  uint64_t last_due_ns_ = 0;
  std::vector<Shown> shown_;
};

}  // namespace nm
