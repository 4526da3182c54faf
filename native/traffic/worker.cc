#include "traffic/worker.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include <utility>

namespace nm {
namespace {

// Above what has no real-time priority, below what the system itself needs. netmap's tools have the same.
constexpr int kPriority = 10;

cpu_set_t only(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<size_t>(cpu), &cpus);
  return cpus;
}

}  // namespace

Worker::Worker(std::unique_ptr<Loop> loop, Placement placement, std::function<void()> ended)
    : loop_(std::move(loop)), placement_(placement), ended_(std::move(ended)) {}

Worker::~Worker() {
  if (!started_) return;
  stop();
  join();
}

Status Worker::start() {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return Status::system_error;
  int error = 0;
  if (placement_.cpu >= 0) {
    const cpu_set_t cpus = only(placement_.cpu);
    error = pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
  }

  // Signals are for the program's own threads. The new thread begins with the mask of this one.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // Whoever asks from now on is told that it runs.
  progress().running.store(1, std::memory_order_release);
  if (error == 0) error = pthread_create(&thread_, &attributes, body, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);

  started_ = error == 0;
  if (!started_) progress().running.store(0, std::memory_order_release);
  return started_ ? Status::ok : Status::system_error;
}

void Worker::join() {
  if (!started_) return;
  pthread_join(thread_, nullptr);
  started_ = false;
}

// By the thread itself, for itself.
void Worker::place() const {
  if (placement_.cpu < 0 && placement_.stays) {
    if (const int here = sched_getcpu(); here >= 0) {
      const cpu_set_t cpus = only(here);
      sched_setaffinity(0, sizeof(cpus), &cpus);
    }
  }
  if (!placement_.realtime) return;
  const sched_param priority = {.sched_priority = kPriority};
  if (sched_setscheduler(0, SCHED_FIFO, &priority) == 0) set(loop_->progress().realtime, 1);
}

void* Worker::body(void* argument) {
  Worker* const worker = static_cast<Worker*>(argument);
  pthread_setname_np(pthread_self(), "nm traffic");
  prctl(PR_SET_TIMERSLACK, 1);  // Otherwise a pacing sleep ends 50 us later.
  worker->place();
  worker->loop_->run();
  if (worker->ended_) worker->ended_();
  return nullptr;
}

}  // namespace nm
