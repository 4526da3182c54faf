// A window: processes that start together, work for a while, and are counted meanwhile.
//
//     fork, pin      set up      | gate opens    warm-up |  window: counted  | closed     last words, exit
//     ---------------------------+-----------------------+-------------------+----------------------------
//
// A window also knows how much of its processor time went to others. On a machine with other work, a figure says
// nothing without that.
//
// Memory    A Seat is all that one process shares with the one that watches; the rest is its own after the fork.
// Failure   A process that cannot do its part exits with a sentence on stderr, and the window has failed.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace nm::bench {

inline constexpr int kAnyCpu = -1;

class Seat {
 public:
  // For a process that counts by itself: what it has done so far.
  alignas(64) std::atomic<uint64_t> count{0};
  // Room for an object that counts by itself, in `counts_in`, which lies in it.
  static constexpr size_t kObjectSize = 4096;
  alignas(64) std::byte object[kObjectSize];
  std::atomic<uint64_t>* counts_in = &count;

  // What it says at the end, over its whole life.
  uint64_t sent = 0;
  uint64_t dropped = 0;
  // And what only it knows the meaning of.
  std::array<double, 4> figures{};

  // Ends the set-up: returns when all processes are ready.
  void wait_for_start();
  bool closed() const { return closed_->load(std::memory_order_relaxed); }
  // How long after the start a loop must work that ends by itself.
  uint64_t working_ns() const { return working_ns_; }

 private:
  friend class Window;
  const std::atomic<bool>* closed_ = nullptr;
  uint64_t working_ns_ = 0;
  int ready_fd_ = -1;
  int gate_fd_ = -1;
};

// One process of a window.
struct Party {
  int cpu;
  std::function<void(Seat&)> body;
};

struct Outcome {
  bool failed = false;
  // Of each party, in order.
  std::vector<double> per_second;
  std::vector<uint64_t> sent;
  std::vector<uint64_t> dropped;
  std::vector<std::array<double, 4>> figures;
  // Share of the processors' time that the parties wanted and others had.
  double disturbance = 0;
};

// Runs the parties for `seconds`, on `cores` processors altogether. 0: until they end by themselves, uncounted.
Outcome run_window(const std::vector<Party>& parties, uint32_t cores, double seconds);

// For a body that cannot go on.
[[noreturn]] void give_up(const char* what);

}  // namespace nm::bench
