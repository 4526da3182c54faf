// How a sender wakes a receiver that sleeps, and how the receiver makes sure that it is woken.
//
//   sleeper                                       waker
//   sleeping = on_futex, ring.waiter = me         publish (a release store into the ring)
//   full fence                                    full fence
//   look at the ring again                        ring.waiter set? take it out, wake that client
//   sleep, unless something is there
//
// Whatever the order in which the two run, either the sleeper sees what was published or the waker sees the
// sleeper: that needs the full fences, a release is not enough. native/test/wake_test.cc fails without them.
//
// Waking costs the waker about 7 us and takes 20 us on a virtual machine, a packet 20 ns [measured]. So the
// waiter word is read once per batch, and taken out by the first waker: one sleep costs at most one wake.
#pragma once

#include <atomic>

#include "engine/layout.h"
#include "engine/namespace.h"

namespace nm::engine {

// Wakes whoever sleeps for `ring` of `region`. The slow half of notify().
void wake_waiters(const Namespace& space, RingState& ring, uint32_t region);

// Call after publishing into `ring`.
inline void notify(const Namespace& space, RingState& ring, uint32_t region) {
#ifndef NM_TEST_WITHOUT_WAKE_FENCE
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
  if (ring.waiter.load(std::memory_order_relaxed) != 0) wake_waiters(space, ring, region);
}

// Says in a `waiter` or `room_waiter` of a ring that client `id` is about to sleep for it. Call after announcing the
// client's own state, before the fence.
inline void announce(std::atomic<uint32_t>& waiter, uint32_t id) {
  uint32_t nobody = 0;
  if (!waiter.compare_exchange_strong(nobody, id, std::memory_order_relaxed) && nobody != id) {
    waiter.store(kManyWaiters, std::memory_order_relaxed);
  }
}

// The other way round, for rings of ports that packets wait for: call after giving slots back to senders.
void wake_senders(const Namespace& space, RingState& ring, uint32_t switch_index);
inline void notify_senders(const Namespace& space, RingState& ring, uint32_t switch_index) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (ring.room_waiter.load(std::memory_order_relaxed) != 0) wake_senders(space, ring, switch_index);
}

// The fence between announcing and looking again.
inline void sleep_fence() {
#ifndef NM_TEST_WITHOUT_WAKE_FENCE
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

// Sleeps until somebody wakes the client or `timeout_ns` (negative: no limit) is over. `ticket` is the
// client's wake_word from before it announced itself.
void sleep_on_futex(Client& client, uint32_t ticket, int64_t timeout_ns);

// Wakes one client, if it sleeps.
bool wake_client(const Namespace& space, uint32_t id);

// Path of the FIFO of client `id`.
std::string wake_path(const Namespace& space, uint32_t id);

}  // namespace nm::engine
