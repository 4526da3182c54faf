#include "preload/waiting.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "clock.h"
#include "engine/yield.h"
#include "preload/libc.h"
#include "preload/table.h"

namespace nm::preload {

namespace {

// A wake-up takes about 20 us, and costs whoever wakes nearly as much.
constexpr int64_t kSpinNs = 30'000;

// The longest sleep, so that a dead sender or a cancelled thread is noticed; and with a bell that others hear
// too, or without one.
constexpr int64_t kSleepNs = 250'000'000;
constexpr int64_t kSharedSleepNs = 10'000'000;
constexpr int64_t kBellLessSleepNs = 1'000'000;

void look_at(Watch& watch) {
  watch.ready = watch.held_back = 0;
  OpenFile& file = *watch.file;
  FileGuard guard(file.lock);
  if (!guard.taken()) return;
  if (!still_open(watch.fd, &file)) {
    watch.ready = POLLNVAL;
    return;
  }
  Inside inside;
  uint32_t ready = 0;
  const Status status = file.device->wait(device_events(watch.wanted), 0, &ready);
  if (status != Status::ok) ready = kRingError;
  watch.ready = poll_events(watch.wanted, ready);
  if (!watch.edge) return;

  const uint64_t tails = file.tails(ready);
  if ((watch.ready & ~watch.reported) == 0 && tails == watch.reported_tails) {
    watch.held_back = watch.ready;
    watch.ready = 0;
  } else {
    watch.reported_tails = tails;
  }
  watch.reported &= watch.ready | watch.held_back;
}

int look(Watch* watches, size_t count) {
  int ready = 0;
  for (size_t i = 0; i < count; i++) {
    look_at(watches[i]);
    ready += watches[i].ready != 0;
  }
  return ready;
}

bool has_news(const Watch* watches, size_t count) {
  for (size_t i = 0; i < count; i++) {
    OpenFile& file = *watches[i].file;
    FileGuard guard(file.lock);
    if (!guard.taken() || !still_open(watches[i].fd, &file)) return true;
    if (file.device->has_news(device_events(watches[i].wanted))) return true;
  }
  return false;
}

thread_local engine::Yielder yielder;

// Looks whenever there is news, between two yields.
int look_between(Watch* watches, size_t count) {
  int ready = 0;
  yielder.spin([&] {
    if (has_news(watches, count)) ready = look(watches, count);
    return ready != 0;
  });
  return ready;
}

int spin(Watch* watches, size_t count, Others& others, int64_t until_ns) {
  for (;;) {
    const int ready = look_between(watches, count);
    if (ready != 0) return ready;
    if (now_ns() >= until_ns) return 0;
    if (!others.empty() && others.look() != 0) return 0;
    if (!yielder.gives_way()) return look(watches, count);
  }
}

// Returns whether a ring became ready meanwhile: then the watch does not sleep.
bool arm(Watch& watch) {
  OpenFile& file = *watch.file;
  FileGuard guard(file.lock);
  if (!guard.taken() || !still_open(watch.fd, &file)) return false;
  Inside inside;
  Status status;
  watch.bell = file.device->poll_descriptor(&status);
  if (watch.bell < 0) return false;
  uint32_t ready = 0;
  status = file.device->arm(device_events(watch.wanted & ~watch.held_back), &ready);
  if (status == Status::ok && ready == 0) {
    file.sleepers++;
    watch.generation = file.generation.load(std::memory_order_relaxed);
    watch.asleep = true;
    return false;
  }
  // The device takes us for awake now, although others sleep: they must ask again.
  if (file.sleepers != 0) [[maybe_unused]]
    const ssize_t rung = libc::write(watch.bell, "", 1);
  return true;
}

bool arm(Watch* watches, size_t count) {
  bool ready = false;
  for (size_t i = 0; i < count; i++) ready |= arm(watches[i]);
  return ready;
}

void disarm(Watch* watches, size_t count) {
  for (size_t i = 0; i < count; i++) {
    Watch& watch = watches[i];
    if (!watch.asleep) continue;
    watch.asleep = false;
    OpenFile& file = *watch.file;
    FileGuard guard(file.lock);
    if (!guard.taken() || file.generation.load(std::memory_order_relaxed) != watch.generation) continue;
    Inside inside;
    if (--file.sleepers != 0) continue;
    file.device->disarm();
    keep_told(file);
  }
}

int64_t longest_sleep(const Watch* watches, size_t count) {
  int64_t longest = kSleepNs;
  for (size_t i = 0; i < count; i++) {
    const Watch& watch = watches[i];
    if (!watch.asleep || (watch.held_back & (POLLIN | POLLRDNORM)) != 0) return kBellLessSleepNs;
    if (watch.file->forked.load(std::memory_order_relaxed)) longest = kSharedSleepNs;
  }
  return longest;
}

}  // namespace

int wait_for(Watch* watches, size_t count, Others& others, int64_t timeout_ns, const sigset_t* mask) {
  int ready = look(watches, count);
  if (ready != 0 || timeout_ns == 0) {
    const int found = ready == 0 && mask != nullptr ? others.sleep({0, 0}, mask) : others.look();
    return found < 0 ? found : ready + found;
  }
  // While packets flow, most waits end before the first yield, and do without the two calls that block signals: a
  // signal that comes so early counts as one that came before the call.
  if (mask == nullptr && others.empty()) {
    ready = look_between(watches, count);
    if (ready != 0) return ready;
  }

  BlockedSignals blocked;
  if (mask == nullptr) mask = &blocked.before();
  const int64_t deadline = timeout_ns < 0 ? INT64_MAX : now_ns() + timeout_ns;
  for (;;) {
    ready = spin(watches, count, others, std::min(now_ns() + kSpinNs, deadline));
    int slept = 0;
    if (ready == 0 && !arm(watches, count)) {
      const int64_t left = std::max<int64_t>(deadline - now_ns(), 0);
      slept = others.sleep(as_timespec(std::min(left, longest_sleep(watches, count))), mask);
    }
    const int error = errno;
    disarm(watches, count);
    if (ready == 0) ready = look(watches, count);
    const int found = others.look();
    if (found < 0) return found;
    if (ready + found != 0) return ready + found;
    if (slept < 0) {
      errno = error;
      return -1;
    }
    if (now_ns() >= deadline || others.changed()) return 0;
    pthread_testcancel();
  }
}

void keep_told(OpenFile& file) {
  // The last of those that sleep sees to it.
  if ((file.told_level | file.told_edge) == 0 || file.sleepers != 0) return;
  Inside inside;
  Status status;
  const int bell = file.device->poll_descriptor(&status);
  if (bell < 0) return;
  file.device->disarm();
  uint32_t ready = 0;
  status = file.device->arm(file.told_level | file.told_edge, &ready);
  if (status == Status::ok && (ready & (file.told_level | kRingError)) == 0) return;
  [[maybe_unused]] const ssize_t rung = libc::write(bell, "", 1);
}

int64_t now_ns() { return static_cast<int64_t>(monotonic_ns()); }

timespec as_timespec(int64_t ns) {
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

int64_t as_ns(const timespec* time) {
  if (time == nullptr) return -1;
  if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= 1'000'000'000) return -2;
  if (time->tv_sec > INT64_MAX / 1'000'000'000 - 1) return -1;
  return time->tv_sec * 1'000'000'000ll + time->tv_nsec;
}

}  // namespace nm::preload
