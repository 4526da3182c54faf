#include "engine/wake.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

namespace nm::engine {

std::string wake_path(const Namespace& space, uint32_t id) {
  return space.path("wake." + std::to_string(id));
}

void sleep_on_futex(Client& client, uint32_t ticket, int64_t timeout_ns) {
  timespec timeout;
  timeout.tv_sec = timeout_ns / 1'000'000'000;
  timeout.tv_nsec = timeout_ns % 1'000'000'000;
  syscall(SYS_futex, &client.wake_word, FUTEX_WAIT, ticket, timeout_ns < 0 ? nullptr : &timeout, nullptr, 0);
}

bool wake_client(const Namespace& space, uint32_t id) {
  Client& client = space.client(id);
  const Sleep sleep = client.sleeping.exchange(Sleep::awake, std::memory_order_acq_rel);
  if (sleep == Sleep::awake) return false;
  client.wake_word.fetch_add(1, std::memory_order_release);
  if (sleep == Sleep::on_futex) {
    syscall(SYS_futex, &client.wake_word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    return true;
  }
  // Opened for each wake: a descriptor kept open could belong to an earlier client of the same number. Opened
  // for reading too, because a sleeper that dies before the write would leave us a SIGPIPE.
  const int fifo = open(wake_path(space, id).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
  if (fifo < 0) return false;
  const bool written = write(fifo, "", 1) == 1;
  close(fifo);
  return written;
}

namespace {

// Wakes whom `word` names; of many, those that `could_be_meant`.
template <typename CouldBeMeant>
uint32_t wake_named(const Namespace& space, std::atomic<uint32_t>& word, CouldBeMeant could_be_meant) {
  const uint32_t waiter = word.exchange(0, std::memory_order_acq_rel);
  if (waiter != kManyWaiters) {
    return waiter != 0 && waiter <= space.clients_high() && wake_client(space, waiter);
  }
  uint32_t woken = 0;
  for (uint32_t id = 1; id <= space.clients_high(); id++) {
    const Client& client = space.client(id);
    if (client.used.load(std::memory_order_relaxed) != 0 && could_be_meant(client)) {
      woken += wake_client(space, id);
    }
  }
  return woken;
}

}  // namespace

void wake_waiters(const Namespace& space, RingState& ring, uint32_t region) {
  const uint32_t woken = wake_named(space, ring.waiter, [&](const Client& client) {
    return client.region == region && client.port == ring.port;
  });
  ring.wakeups.fetch_add(woken, std::memory_order_relaxed);
}

void wake_senders(const Namespace& space, RingState& ring, uint32_t switch_index) {
  wake_named(space, ring.room_waiter,
             [&](const Client& client) { return client.switch_index == switch_index; });
}

}  // namespace nm::engine
