#include "bench/window.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "bench/processor_time.h"
#include "clock.h"

namespace nm::bench {
namespace {

// Long enough that the buffers of five rings were in each process once: a page fault takes microseconds.
constexpr uint64_t kWarmUp_ns = 100'000'000;
// Loops that end by themselves go on for this long after the window.
constexpr uint64_t kMargin_ns = 10'000'000;
constexpr int kSetUpPatience_ms = 10'000;
constexpr uint64_t kEndPatience_ns = 5 * kSecond_ns;

struct Shared {
  alignas(64) std::atomic<bool> closed{false};
  Seat seats[];
};

void sleep_until(uint64_t at_ns) {
  const timespec at = {static_cast<time_t>(at_ns / kSecond_ns), static_cast<long>(at_ns % kSecond_ns)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

void pin(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0) give_up("cannot stay on one processor");
}

}  // namespace

void give_up(const char* what) {
  fprintf(stderr, "nm-bench: %s\n", what);
  _exit(1);
}

void Seat::wait_for_start() {
  char byte = 0;
  if (write(ready_fd_, &byte, 1) != 1) give_up("nobody watches");
  // The end of the pipe is the sign: it wakes all that read.
  while (read(gate_fd_, &byte, 1) > 0) {
  }
}

// The processes of one window and what is known of each.
class Window {
 public:
  Window(const std::vector<Party>& parties, double seconds)
      : seconds_(seconds), size_(sizeof(Shared) + parties.size() * sizeof(Seat)), parties_(parties) {
    void* const memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || pipe2(ready_, O_CLOEXEC) != 0 || pipe2(gate_, O_CLOEXEC) != 0) {
      give_up("no memory or descriptors left");
    }
    shared_ = new (memory) Shared;
    for (size_t i = 0; i < parties.size(); i++) start(i);
    close(ready_[1]);
    close(gate_[0]);
  }

  ~Window() {
    if (gate_[1] >= 0) close(gate_[1]);
    close(ready_[0]);
    munmap(shared_, size_);
  }

  bool all_ready() {
    for (size_t heard = 0; heard < parties_.size(); heard++) {
      pollfd waiting = {ready_[0], POLLIN, 0};
      char byte;
      if (poll(&waiting, 1, kSetUpPatience_ms) != 1 || read(ready_[0], &byte, 1) != 1) return false;
    }
    return true;
  }

  void open_gate() {
    close(gate_[1]);
    gate_[1] = -1;
  }

  // Counts and processor times of all parties, between two looks.
  void watch(Outcome* outcome, uint32_t cores) {
    sleep_until(monotonic_ns() + kWarmUp_ns);
    const std::vector<uint64_t> counts_before = counts();
    const ProcessorTime time_before = processor_time(processes_);
    const uint64_t before_ns = monotonic_ns();
    sleep_until(before_ns + static_cast<uint64_t>(seconds_ * 1e9));
    const std::vector<uint64_t> counts_after = counts();
    const uint64_t after_ns = monotonic_ns();
    const ProcessorTime time_after = processor_time(processes_);
    shared_->closed.store(true, std::memory_order_relaxed);

    const uint64_t window_ns = after_ns - before_ns;
    for (size_t i = 0; i < parties_.size(); i++) {
      const uint64_t counted = counts_after[i] - counts_before[i];
      outcome->per_second.push_back(static_cast<double>(counted) * 1e9 / static_cast<double>(window_ns));
    }
    outcome->disturbance = disturbance(time_before, time_after, window_ns, cores);
  }

  // Waits for all processes, and kills those that do not end.
  bool all_ended_well() {
    bool well = true;
    const uint64_t deadline_ns = monotonic_ns() + kEndPatience_ns;
    for (const pid_t process : processes_) {
      int status = 0;
      while (waitpid(process, &status, WNOHANG) == 0) {
        if (monotonic_ns() > deadline_ns) kill(process, SIGKILL);
        sleep_until(monotonic_ns() + 1'000'000);
      }
      well &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return well;
  }

  void last_words(Outcome* outcome) const {
    for (size_t i = 0; i < parties_.size(); i++) {
      outcome->sent.push_back(shared_->seats[i].sent);
      outcome->dropped.push_back(shared_->seats[i].dropped);
      outcome->figures.push_back(shared_->seats[i].figures);
    }
  }

 private:
  void start(size_t number) {
    Seat& seat = *new (&shared_->seats[number]) Seat;
    seat.closed_ = &shared_->closed;
    seat.working_ns_ = kWarmUp_ns + static_cast<uint64_t>(seconds_ * 1e9) + kMargin_ns;
    seat.ready_fd_ = ready_[1];
    seat.gate_fd_ = gate_[0];
    const pid_t process = fork();
    if (process < 0) give_up("cannot start a process");
    if (process != 0) {
      processes_.push_back(process);
      return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(gate_[1]);
    if (parties_[number].cpu != kAnyCpu) pin(parties_[number].cpu);
    parties_[number].body(seat);
    _exit(0);
  }

  std::vector<uint64_t> counts() const {
    std::vector<uint64_t> all;
    for (size_t i = 0; i < parties_.size(); i++) {
      all.push_back(shared_->seats[i].counts_in->load(std::memory_order_relaxed));
    }
    return all;
  }

  const double seconds_;
  const size_t size_;
  const std::vector<Party>& parties_;
  Shared* shared_ = nullptr;
  std::vector<pid_t> processes_;
  int ready_[2];
  int gate_[2];
};

Outcome run_window(const std::vector<Party>& parties, uint32_t cores, double seconds) {
  Outcome outcome;
  Window window(parties, seconds);
  outcome.failed = !window.all_ready();
  window.open_gate();
  if (!outcome.failed && seconds > 0) window.watch(&outcome, cores);
  outcome.failed |= !window.all_ended_well();
  window.last_words(&outcome);
  return outcome;
}

}  // namespace nm::bench
