#include "traffic/replay/read_ahead.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace nm {

ReadAhead::ReadAhead(std::unique_ptr<PieceSource> source) : source_(std::move(source)) {
  // Signals are for the program's own threads. The new thread begins with the mask of this one.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { read(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ReadAhead::~ReadAhead() {
  stop();
  thread_.join();
}

void ReadAhead::stop() {
  {
    const std::lock_guard<std::mutex> hold(lock_);
    stopping_ = true;
  }
  changed_.notify_all();
  source_->stop();
}

void ReadAhead::read() {
  pthread_setname_np(pthread_self(), "nm read ahead");
  std::unique_lock<std::mutex> hold(lock_);
  while (!stopping_) {
    Piece piece;
    if (!empty_.empty()) {
      piece = std::move(empty_.front());
      empty_.pop_front();
    } else if (made_ < kMost) {
      made_++;
    } else {
      changed_.wait(hold);
      continue;
    }
    hold.unlock();
    source_->next(&piece);
    hold.lock();
    const bool last = piece.empty();
    full_.push_back(std::move(piece));
    changed_.notify_all();
    if (last) return;
  }
  full_.emplace_back();
  changed_.notify_all();
}

void ReadAhead::next(Piece* piece) {
  std::unique_lock<std::mutex> hold(lock_);
  changed_.wait(hold, [this] { return !full_.empty(); });
  if (full_.front().empty()) {
    // The last one stays: whoever asks again is told again.
    *piece = full_.front();
    return;
  }
  std::swap(*piece, full_.front());
  empty_.push_back(std::move(full_.front()));
  full_.pop_front();
  changed_.notify_all();
}

bool ReadAhead::wait_ready(uint64_t deadline_ns) {
  std::unique_lock<std::mutex> hold(lock_);
  const auto full = [this] { return !full_.empty(); };
  if (full() || deadline_ns == 0) return full();
  // The steady clock is the monotonic one. Its end of time is sooner than ours.
  const auto latest = static_cast<uint64_t>(std::chrono::nanoseconds::max().count());
  const std::chrono::nanoseconds since_boot(std::min(deadline_ns, latest));
  return changed_.wait_until(hold, std::chrono::steady_clock::time_point(since_boot), full);
}

}  // namespace nm
