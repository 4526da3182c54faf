// A worker: a native thread that runs one traffic loop.
#pragma once

#include <pthread.h>

#include <functional>
#include <memory>

#include "traffic/loop.h"

namespace nm {

class Worker {
 public:
  // `cpu` is where the thread stays, -1 for anywhere. `ended` is the last thing the thread calls.
  Worker(std::unique_ptr<Loop> loop, int cpu, std::function<void()> ended = {});
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

  std::unique_ptr<Loop> loop_;
  int cpu_;
  std::function<void()> ended_;
  pthread_t thread_{};
  bool started_ = false;
};

}  // namespace nm
