#include "traffic/link.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "spin_pause.h"
#include "traffic/random.h"

namespace nm {
namespace {

// Differently seeded, so that what one model draws says nothing of the others.
enum Draw : uint64_t { kLossDraw = 1, kDelayDraw = 2, kReorderDraw = 3 };
uint64_t seed_of(uint64_t seed, Draw draw) { return Random(seed * 4 + draw).next(); }

// How long the link looks after nothing else when its way out is full, and how long it lets a device be that has not taken
// all that was sent: some take the rest at the next sync only.
constexpr uint64_t kBlockedLook_ns = 100'000;
constexpr uint64_t kPending_ns = 1'000'000;

// How long a change of the models may go unnoticed.
constexpr uint64_t kLongestSleep_ns = 20'000'000;

uint64_t plus(uint64_t time_ns, uint64_t more_ns) {
  return more_ns < kNever_ns - time_ns ? time_ns + more_ns : kNever_ns;
}

}  // namespace

bool LinkSpec::can_be() const {
  return bandwidth.model != BandwidthModel::recorded && make_bandwidth(bandwidth) != nullptr &&
         make_delay(delay, 0) != nullptr && make_loss(loss, 0) != nullptr && reorder.share >= 0 &&
         reorder.share <= 1;
}

Link::Models::Models(const LinkSpec& wanted, uint64_t seed)
    : spec(wanted),
      bandwidth(make_bandwidth(wanted.bandwidth)),
      delay(make_delay(wanted.delay, seed_of(seed, kDelayDraw))),
      loss(make_loss(wanted.loss, seed_of(seed, kLossDraw))),
      reorder(wanted.reorder, seed_of(seed, kReorderDraw)),
      queue(wanted.queue_bytes),
      serial(is_serial(wanted.bandwidth.model)) {}

Link::Link(Port& from, Port& to, const LinkSpec& spec, const LinkOptions& options)
    : Loop({&from, &to}),
      options_(options),
      from_(from.rx_rings()),
      to_(to.tx_rings()),
      under_way_(options.memory),
      held_(options.memory) {
  assert(!from_.empty() && !to_.empty() && spec.can_be() && options.burst > 0);
  models_.emplace(spec, options.seed);
}

std::vector<double> Link::counts() const {
  return {
#define row(name, text) static_cast<double>(counts_.name.load(std::memory_order_relaxed)),
      NM_LINK_COUNTS(row)
#undef row
  };
}

bool Link::reconfigure(const LinkSpec& spec) {
  if (!spec.can_be()) return false;
  const std::lock_guard<std::mutex> hold(change_lock_);
  change_ = spec;
  changed_.store(true, std::memory_order_release);
  return true;
}

void Link::take_changes() {
  if (!changed_.load(std::memory_order_acquire)) return;
  const std::lock_guard<std::mutex> hold(change_lock_);
  models_.emplace(*change_, options_.seed + ++generation_);
  changed_.store(false, std::memory_order_relaxed);
}

Status Link::work() {
  if (options_.duration_ns != 0) end_ns_ = monotonic_ns() + options_.duration_ns;
  Status status = Status::ok;
  uint64_t now = monotonic_ns();
  while (status == Status::ok && !stopped() && now < end_ns_) {
    take_changes();
    bool moved = false;
    status = receive(now, &moved);
    release_held(now);
    if (status == Status::ok) status = send(now, &moved);
    note_state();
    if (status == Status::ok && !moved) status = wait_for_work(now);
    now = monotonic_ns();
  }
  add(counts_.drops_undelivered, under_way_.packets() + held_.packets());
  return status;
}

// Takes what came in, a burst of each ring.
Status Link::receive(uint64_t now_ns, bool* moved) {
  const Status status = sync_rx(port(0));
  for (const Ring& ring : from_) {
    uint32_t at = ring.head_in_range();
    uint32_t ready = ring.space();
    for (uint32_t i = 0; i < options_.burst; i++) {
      const PacketSlots packet = find_packet(ring, at, ready);
      if (packet.slots == 0) {
        // A ring that is full of one packet will never hold the end of it.
        if (ready == ring.slots() - 1) at = drop_fragments(ring, ready);
        break;
      }
      take(ring, packet, now_ns);
      ready -= packet.slots;
      at = (at + packet.slots) % ring.slots();
      *moved = true;
    }
    ring.advance(at);
  }
  return status;
}

// Drops the beginning of a packet. Returns the slot after it.
uint32_t Link::drop_fragments(const Ring& ring, uint32_t slots) {
  add(counts_.received, 1);
  add(counts_.drops_too_long, 1);
  return (ring.head_in_range() + slots) % ring.slots();
}

void Link::take(const Ring& ring, const PacketSlots& packet, uint64_t now_ns) {
  add(counts_.received, 1);
  add(counts_.received_bytes, packet.bytes);
  if (slots_needed(to_.front(), packet.bytes) >= to_.front().slots() || !under_way_.can_hold(packet.bytes)) {
    add(counts_.drops_too_long, 1);
    return;
  }
  if (models_->reorder.holds() && hold_back(ring, packet, now_ns)) return;
  if (uint8_t* const to = put(packet.bytes, now_ns)) copy_bytes(ring, packet, packet.bytes, to);
}

// Whether the packet waits now, to come in again later.
bool Link::hold_back(const Ring& ring, const PacketSlots& packet, uint64_t now_ns) {
  const uint64_t release_ns = std::max(last_release_ns_, plus(now_ns, models_->reorder.hold_ns()));
  uint8_t* const to = held_.put(packet.bytes, release_ns);
  if (to == nullptr) return false;
  copy_bytes(ring, packet, packet.bytes, to);
  last_release_ns_ = release_ns;
  add(counts_.held, 1);
  return true;
}

void Link::release_held(uint64_t now_ns) {
  while (!held_.empty() && held_.front().due_ns <= now_ns) {
    const DelayLine::Packet packet = held_.front();
    if (uint8_t* const to = put(packet.length, now_ns)) std::memcpy(to, packet.bytes, packet.length);
    held_.pop();
  }
}

// Puts a packet on its way: where its bytes belong, or nullptr where it is dropped.
uint8_t* Link::put(uint32_t length, uint64_t now_ns) {
  const std::optional<uint64_t> due_ns = due(length, now_ns);
  if (!due_ns) return nullptr;
  uint8_t* const to = under_way_.put(length, *due_ns);
  if (to == nullptr) add(counts_.drops_no_memory, 1);
  return to;
}

// When a packet that comes in now leaves; nothing where it is dropped.
std::optional<uint64_t> Link::due(uint32_t length, uint64_t now_ns) {
  Models& models = *models_;
  if (models.loss->loses(length)) {
    add(counts_.drops_loss, 1);
    return std::nullopt;
  }
  if (!models.queue.admits(now_ns)) {
    add(counts_.drops_queue_full, 1);
    return std::nullopt;
  }
  const std::optional<uint64_t> transmission_ns = models.bandwidth->transmission_ns({length, now_ns, 0});
  if (!transmission_ns) {
    add(counts_.drops_over_rate, 1);
    return std::nullopt;
  }

  const uint64_t transmitted_ns = plus(std::max(transmitted_ns_, now_ns), *transmission_ns);
  const uint64_t delay_ns = models.delay->delay_ns(transmitted_ns, leaves_ns_);
  const uint64_t arrives_ns = plus(transmitted_ns, delay_ns - std::min(delay_ns, models.spec.less_ns));
  const uint64_t earliest_ns = plus(leaves_ns_, models.serial ? *transmission_ns : 0);
  if (arrives_ns < earliest_ns && models.spec.drops_overtaking) {
    add(counts_.drops_overtaking, 1);
    return std::nullopt;
  }
  transmitted_ns_ = transmitted_ns;
  models.queue.put(length, transmitted_ns);
  leaves_ns_ = std::max(arrives_ns, earliest_ns);
  return leaves_ns_;
}

// Sends what is due.
Status Link::send(uint64_t now_ns, bool* moved) {
  blocked_ = false;
  sent_due_ns_.clear();
  uint64_t bytes = 0;
  // One ring keeps the order.
  const Ring& ring = to_.front();
  uint32_t at = ring.head_in_range();
  uint32_t room = ring.space();
  while (!under_way_.empty() && sent_due_ns_.size() < options_.burst) {
    const DelayLine::Packet packet = under_way_.front();
    if (packet.due_ns > now_ns) break;
    if (now_ns - packet.due_ns > models_->spec.patience_ns) {
      add(counts_.drops_late, 1);
      under_way_.pop();
      *moved = true;
      continue;
    }
    const uint32_t slots = slots_needed(ring, packet.length);
    blocked_ = slots > room;
    if (blocked_) break;
    SlotWriter writer(ring, at);
    writer.append(packet.bytes, packet.length);
    at = writer.finish();
    room -= slots;
    bytes += packet.length;
    sent_due_ns_.push_back(packet.due_ns);
    under_way_.pop();
  }
  if (sent_due_ns_.empty()) return Status::ok;

  ring.advance(at);
  const Status status = sync_tx(port(1));
  const uint64_t after = monotonic_ns();
  for (const uint64_t due_ns : sent_due_ns_) lateness_ns_.record(after - due_ns);
  note_moved(sent_due_ns_.size(), bytes, after);
  *moved = true;
  return status;
}

// Nothing could be done: waits until something can.
Status Link::wait_for_work(uint64_t now_ns) {
  uint64_t next_ns = end_ns_;
  if (blocked_) return wait_for_room(port(1), std::min(next_ns, now_ns + kBlockedLook_ns));
  if (!under_way_.empty()) next_ns = std::min(next_ns, under_way_.front().due_ns);
  if (!held_.empty()) next_ns = std::min(next_ns, held_.front().due_ns);
  if (next_ns != kNever_ns && next_ns - now_ns <= lead_.ns()) {
    spin_pause();
    return Status::ok;
  }
  const uint64_t wake_ns = next_ns == kNever_ns ? kNever_ns : next_ns - lead_.ns();
  const bool pending = to_.front().pending();
  const uint64_t longest_ns = pending ? kPending_ns : kLongestSleep_ns;
  Status status = wait_for(port(0), kReadable, std::min(wake_ns, now_ns + longest_ns));
  if (pending && status == Status::ok) status = sync_tx(port(1));
  const uint64_t woken_ns = monotonic_ns();
  if (woken_ns >= wake_ns) lead_.took(woken_ns - wake_ns);
  return status;
}

void Link::note_state() {
  set(counts_.under_way, under_way_.packets() + held_.packets());
  set(counts_.queued_bytes, models_->queue.bytes());
}

}  // namespace nm
