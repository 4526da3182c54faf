#include "traffic/loop.h"

#include "traffic/alarm.h"

namespace nm {
namespace {

// Slots that were sent and that the device still holds.
uint64_t pending(const Port& port) {
  uint64_t slots = 0;
  for (const Ring& ring : port.tx_rings()) slots += ring.slots() - 1 - ring.space();
  return slots;
}

// As devices take it: negative for no end.
int64_t time_left_ns(uint64_t deadline_ns) {
  if (deadline_ns == kNever_ns) return -1;
  const uint64_t now = monotonic_ns();
  return deadline_ns > now ? static_cast<int64_t>(deadline_ns - now) : 0;
}

// A device that has nothing but an error to tell must not make this a busy loop.
constexpr uint64_t kErrorPause_ns = 1'000'000;

}  // namespace

Status Loop::run() {
  progress_.running.store(1, std::memory_order_release);
  // What happened to a ring before is told to whoever used it then.
  for (Port* const port : ports_) port->device().forget_reset();
  const Status status = work();
  set(progress_.status, static_cast<uint64_t>(status));
  // Whoever sees that the loop has ended sees its last figures.
  progress_.running.store(0, std::memory_order_release);
  return status;
}

void Loop::stop() {
  stopped_.store(true, std::memory_order_relaxed);
  for (Port* const port : ports_) port->device().stop_waiting();
  on_stop();
}

Status Loop::wait_for(Port& port, uint32_t events, uint64_t deadline_ns) {
  uint32_t ready = 0;
  const Status status = port.device().wait(events, time_left_ns(deadline_ns), &ready);
  if (status == Status::interrupted || status == Status::timed_out) return Status::ok;
  if (status != Status::ok || (ready & kRingError) == 0) return status;
  if (port.device().last_reset()) return Status::ring_reset;
  if (ready == kRingError) wait_until(monotonic_ns() + kErrorPause_ns, stopped_);
  return Status::ok;
}

Status Loop::wait_for(WaitSet& devices, uint64_t deadline_ns) {
  const Status status = devices.wait(time_left_ns(deadline_ns));
  if (status == Status::interrupted || status == Status::timed_out) return Status::ok;
  if (status != Status::ok) return status;
  uint32_t ready = 0;
  for (size_t i = 0; i < ports_.size(); i++) {
    ready |= devices.ready(i);
    if (ports_[i]->device().last_reset()) return Status::ring_reset;
  }
  if (ready == kRingError) wait_until(monotonic_ns() + kErrorPause_ns, stopped_);
  return Status::ok;
}

std::vector<Device*> Loop::devices() const {
  std::vector<Device*> devices;
  for (Port* const port : ports_) devices.push_back(&port->device());
  return devices;
}

Status Loop::wait_for_room(Port& port, uint64_t deadline_ns) {
  for (const Ring& ring : port.tx_rings()) ring.advance_and_want_more(ring.head_in_range());
  return wait_for(port, kWritable, deadline_ns);
}

Status Loop::drain(uint64_t linger_ns) {
  uint64_t left = 0;
  Status status = Status::ok;
  for (Port* const port : ports_) {
    uint64_t left_there = 0;
    const Status one = drain(*port, linger_ns, &left_there);
    if (status == Status::ok) status = one;
    left += left_there;
  }
  set(progress_.pending, left);
  return status;
}

Status Loop::drain(Port& port, uint64_t linger_ns, uint64_t* left) {
  Status status = sync_tx(port);
  *left = pending(port);
  const auto deadline = [&] {
    const uint64_t now = monotonic_ns();
    return linger_ns < kNever_ns - now ? now + linger_ns : kNever_ns;
  };
  const bool waits = *left > 0;
  uint64_t deadline_ns = deadline();
  while (status == Status::ok && *left > 0 && !stopped() && monotonic_ns() < deadline_ns) {
    status = wait_for_room(port, deadline_ns);
    const uint64_t still = pending(port);
    if (still < *left) deadline_ns = deadline();
    *left = still;
  }
  if (waits && *left == 0) set(progress_.last_ns, monotonic_ns());
  return status;
}

void Loop::dump(Dump* to, const Ring& ring, uint32_t slot) const {
  constexpr uint64_t kPause_ns = 1'000'000;
  if (to == nullptr) return;
  while (to->room() == 0 && !stopped()) wait_until(monotonic_ns() + kPause_ns, stopped_);
  if (to->room() > 0) to->put(ring, slot, ring.descriptor(slot));
}

void Loop::note_moved(uint64_t packets, uint64_t bytes, uint64_t now_ns) {
  if (progress_.first_ns.load(std::memory_order_relaxed) == 0) set(progress_.first_ns, now_ns);
  set(progress_.last_ns, now_ns);
  add(progress_.packets, packets);
  add(progress_.bytes, bytes);
  add(progress_.events, 1);
}

void Loop::note_departure(uint64_t now_ns, uint64_t train) {
  if (progress_.first_sent_ns.load(std::memory_order_relaxed) == 0) set(progress_.first_sent_ns, now_ns);
  set(progress_.last_sent_ns, now_ns);
  if (train > progress_.longest_train.load(std::memory_order_relaxed)) set(progress_.longest_train, train);
}

}  // namespace nm
