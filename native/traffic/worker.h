// A worker: a native thread that runs one traffic loop.
#pragma once

#include <pthread.h>

#include <functional>
#include <memory>

#include "traffic/loop.h"

namespace nm {

// Where a worker's thread runs, and before whom.
struct Placement {
  // The processor that it stays on, -1 for any.
  int cpu = -1;
  // Whether it stays on the processor where it begins, which the system chose because it was idle.
  bool stays = false;
  // Whether it runs before all threads without real-time priority, if that is permitted; the progress tells.
  bool realtime = false;
};

class Worker {
 public:
  // `ended` is the last thing the thread calls.
  Worker(std::unique_ptr<Loop> loop, Placement placement, std::function<void()> ended = {});
  // Stops the loop and waits for its end.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread; once. Its loop's Status is in the progress after the end.
  Status start();
  // Asks the loop to end, and returns at once. From any thread, at any time.
  void stop() { loop_->stop(); }
  // Waits for the end of the thread, if it was started.
  void join();

  Progress& progress() { return loop_->progress(); }
  Loop& loop() { return *loop_; }

 private:
  static void* body(void* worker);
  void place() const;

  std::unique_ptr<Loop> loop_;
  Placement placement_;
  std::function<void()> ended_;
  pthread_t thread_{};
  bool started_ = false;
};

}  // namespace nm
