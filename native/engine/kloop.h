// Who runs the sync loop of a registration, and how others end it.
//
//   START   takes the client's runner mutex, loops, gives it back. Found taken by a loop: that one goes on, this fails
//   STOP    says kKloopStopping, wakes the runner, waits until the mutex is free
//
// netmap keeps a STOP for which there is no loop: the next START returns at once. All holders of the registration share
// this, whichever process they are in; the loop itself is in device/kloop.h.
//
// Failure   The mutex is robust: when the thread that runs the loop dies, with its process or alone, the next one to ask
//           gets it, and the loop has ended.
#pragma once

#include "engine/layout.h"
#include "engine/namespace.h"

namespace nm::engine {

inline constexpr uint32_t kKloopRunning = 1;
inline constexpr uint32_t kKloopStopping = 2;

// The right to run the loop, held by the thread that made it.
class KloopRun {
 public:
  explicit KloopRun(Client& client);
  ~KloopRun();
  KloopRun(const KloopRun&) = delete;

  // False: a loop runs already.
  bool is_mine() const { return mine_; }
  bool is_to_stop() const { return (client_.kloop.load(std::memory_order_relaxed) & kKloopStopping) != 0; }

 private:
  Client& client_;
  bool mine_;
};

bool kloop_runs(Client& client);

// Returns when no loop runs.
void stop_kloop(const Namespace& space, uint32_t client);

// For a client that nobody has: it has no control blocks and no loop.
void forget_kloop(Client& client);

}  // namespace nm::engine
