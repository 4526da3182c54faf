// Reads pieces ahead of who sends them, in a thread of its own, so that no packet waits for a disk.
//
//   feed --> full pieces, at most kMost --> sender
//        <-- empty ones, with their memory <--
//
// Threads   The feed is this thread's alone. One other thread calls next() and wait_ready().
// Memory    Up to kMost pieces, each made when it is needed first.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "traffic/replay/feed.h"

namespace nm {

class ReadAhead final : public PieceSource {
 public:
  // Some 40 MB, a tenth of a second of 3 Gbit/s: longer than a disk or a busy system keeps one waiting.
  static constexpr size_t kMost = 64;

  // Begins to read.
  explicit ReadAhead(std::unique_ptr<PieceSource> source);
  ~ReadAhead() override;

  void next(Piece* piece) override;
  bool wait_ready(uint64_t deadline_ns) override;
  void stop() override;
  const FeedEnd& end() const override { return source_->end(); }

 private:
  void read();

  const std::unique_ptr<PieceSource> source_;
  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<Piece> full_;
  std::deque<Piece> empty_;
  size_t made_ = 0;
  bool stopping_ = false;
  // Last, so that it begins when all else is there.
  std::thread thread_;
};

}  // namespace nm
