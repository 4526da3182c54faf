// What a sender does where ports have policies (policy.h): it decides for each packet before anything is queued, and leaves
// those in its ring that must wait.
//
//   settle   where packets go, as far as they can be queued together: for one port that packets wait for, and any others
//   spend    what they cost of the rate that we may send at
//   hold     reserve slots at the port that packets wait for: where they end, the batch ends
//   queue    what is left is delivered as ever
//
// Floods wait for nobody: one port that is not read would hold up all that is sent to everybody.
#include <algorithm>
#include <cmath>

#include "clock.h"
#include "engine/policy.h"
#include "engine/vale.h"
#include "engine/wake.h"

namespace nm::engine {

namespace {

constexpr uint64_t kTicksPerNs = 64;
// What may be saved up for a burst: so much time, and one packet at least.
constexpr uint64_t kBurstTicks = 10'000'000 * kTicksPerNs;
constexpr uint64_t kLongestPacketBits = 65536 * 8;

}  // namespace

void ValeSender::send_carefully(BoundRing& ring, uint32_t head) {
  RingState& state = *ring.state;
  Awaited& awaited = awaited_[ring.number % kMaxValeRings];
  awaited = Awaited{};
  while (state.hwcur != head && awaited.state == nullptr) {
    state.hwcur = send_plain(ring, head);
    if (state.hwcur != head && awaited.state == nullptr) state.hwcur = send_odd(ring, head);
    if (++batches_ % kBatchesPerForget == 0) forget_gone();
  }
  if (awaited.state != nullptr) ++state.held_back;
}

// Sends packets of one good slot each, as many as there are in a row. Returns where it stopped.
uint32_t ValeSender::send_plain(BoundRing& ring, uint32_t head) {
  RingState& state = *ring.state;
  begins_anywhere_ = Offsets(state, region_->buffer_stride()).exist();
  has_fragments_ = false;
  uint64_t bytes = 0;
  const uint32_t count = begins_anywhere_ ? 0 : gather_plain(ring, state.hwcur, head, &bytes);
  const uint32_t sent = send_settled(ring, count);
  for (uint32_t i = sent; i < count; i++) bytes -= entries_[i].length;
  state.packets += sent;
  state.bytes += bytes;
  return (state.hwcur + sent) % ring.slots;
}

// Sends one packet of any kind. Returns where it stopped.
uint32_t ValeSender::send_odd(BoundRing& ring, uint32_t head) {
  RingState& state = *ring.state;
  uint32_t entries = 0;
  Taken taken;
  const uint32_t end = gather(ring, state.hwcur, head, 1, &entries, &taken);
  if (entries_[0].slots != 0 && send_settled(ring, entries) == 0) return state.hwcur;
  state.packets += taken.packets;
  state.bytes += taken.bytes;
  return end;
}

// Sends the packets in the first `count` entries, in parts that can be queued together. Returns how many entries went: a
// packet that has to wait, and all behind it, did not.
uint32_t ValeSender::send_settled(BoundRing& ring, uint32_t count) {
  uint32_t done = 0;
  while (done < count) {
    uint32_t waits = Switch::kNowhere;
    const uint32_t settled = settle(done, count, &waits);
    if ((policy_ & kLimitsRate) != 0) spend(done, settled);
    const uint32_t end = waits == Switch::kNowhere ? settled : hold(ring, waits, done, settled);
    if ((policy_ & kLimitsRate) != 0 && end != settled) unspend(end, settled);
    queue_settled(ring, done, end);
    deliver_all(ring);
    abandon_held();
    done = end;
    if (end != settled) break;
  }
  return done;
}

uint32_t ValeSender::settle(uint32_t first, uint32_t end, uint32_t* waits) {
  Mac known_source = kMacMask;
  Mac known_destination = kMacMask;
  uint16_t known_place = kFlood;
  bool is_known = true;
  bool must_wait = false;
  bool floods = false;
  for (uint32_t i = first; i < end; i++) {
    if (entries_[i].slots == 0) continue;
    const Mac to = mac_at(entries_[i].data + header_);
    const Mac from = mac_at(entries_[i].data + header_ + 6);
    if (from != known_source) {
      known_source = from;
      is_known = is_multicast(from) || may_speak(from);
    }
    if (to != known_destination) {
      known_destination = to;
      known_place = place_for(to);
      must_wait = known_place < kMaxSwitchPorts && is_waited_for(known_place);
    }
    places_[i] = is_known ? known_place : uint16_t{kStranger};
    if (places_[i] == kFlood) {
      if (*waits != Switch::kNowhere) return i;
      floods = true;
    } else if (must_wait && is_known && *waits != known_place) {
      if (*waits != Switch::kNowhere || floods) return i;
      *waits = known_place;
    }
  }
  return end;
}

uint16_t ValeSender::place_for(Mac to) const {
  const uint32_t place = is_multicast(to) ? Switch::kNowhere : vale_->lookup(to, oldest_s_);
  if (place == Switch::kNowhere) return kFlood;
  return place == place_ ? uint16_t{kNobody} : static_cast<uint16_t>(place);
}

// Whether our packets for the port wait. Those that it would never get do not.
bool ValeSender::is_waited_for(uint32_t place) {
  if ((vale_->place(place).policy & kWaits) == 0) return false;
  const Destination* const to = destination(place);
  return to != nullptr && to->leads_to == 0 && (group_ == 0 || vale_->place(place).group != group_);
}

// Learns the station, unless there are too many behind our port.
bool ValeSender::may_speak(Mac from) {
  const uint32_t bucket = learning_bucket(from);
  if ((policy_ & kLimitsMacs) != 0) {
    const uint64_t entry = vale_->learned(bucket) & ~kPinned;
    const bool is_ours = entry == (from << 16 | (place_ + 1));
    if (!is_ours && vale_->count_stations(place_, oldest_s_) >= vale_->policy(place_).mac_limit) return false;
  }
  vale_->learn(from, bucket, place_, now_s_);
  return true;
}

uint64_t ValeSender::units_of(uint32_t packet, bool is_bits) const {
  if (places_[packet] > kFlood) return 0;
  if (!is_bits) return 1;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < entries_[packet].slots; i++) bytes += entries_[packet + i].length;
  return bytes * 8;
}

// Takes what packets cost from what is saved up. From the first on for which that is too little, they are too fast.
void ValeSender::spend(uint32_t first, uint32_t end) {
  PortPolicy& policy = vale_->policy(place_);
  const uint64_t rate = policy.rate;
  const bool is_bits = policy.rate_is_bits != 0;
  if (rate == 0) return;
  const double ticks_per_unit = 1e9 * kTicksPerNs / static_cast<double>(rate);
  const double one_packet = ticks_per_unit * static_cast<double>(is_bits ? kLongestPacketBits : 1);
  const uint64_t burst = std::max(kBurstTicks, static_cast<uint64_t>(std::min(one_packet, 1e18)));

  uint64_t before = policy.spent_until.load(std::memory_order_relaxed);
  uint32_t i;
  uint64_t after;
  do {
    const uint64_t now = monotonic_ns() * kTicksPerNs;
    const uint64_t saved = before < now ? std::min(now - before, burst) : 0;
    const auto affordable = static_cast<uint64_t>(static_cast<double>(saved) / ticks_per_unit);
    uint64_t spent = 0;
    for (i = first; i < end; i++) {
      if (entries_[i].slots == 0) continue;
      const uint64_t units = units_of(i, is_bits);
      if (units > affordable - spent) break;
      spent += units;
    }
    if (i == first) break;
    after = now - saved + static_cast<uint64_t>(std::ceil(static_cast<double>(spent) * ticks_per_unit));
  } while (!policy.spent_until.compare_exchange_weak(before, after, std::memory_order_relaxed));
  for (; i < end; i++) {
    if (places_[i] <= kFlood) places_[i] = kTooFast;
  }
}

// Gives back what packets cost that stay in the ring.
void ValeSender::unspend(uint32_t first, uint32_t end) {
  PortPolicy& policy = vale_->policy(place_);
  const uint64_t rate = policy.rate;
  if (rate == 0) return;
  uint64_t units = 0;
  for (uint32_t i = first; i < end; i++) {
    if (entries_[i].slots != 0) units += units_of(i, policy.rate_is_bits != 0);
  }
  const double ticks = static_cast<double>(units) * 1e9 * kTicksPerNs / static_cast<double>(rate);
  policy.spent_until.fetch_sub(static_cast<uint64_t>(ticks), std::memory_order_relaxed);
}

// Reserves slots at `place` for its packets. Returns where the first one is that has none.
uint32_t ValeSender::hold(BoundRing& ring, uint32_t place, uint32_t first, uint32_t end) {
  const Destination& to = destinations_[place];
  const uint32_t ring_index = to.first_rx_ring + ring.number % to.rx_rings;
  RingState& state = to.region->ring(ring_index);
  if (state.users.load(std::memory_order_acquire) == 0) return end;
  const uint32_t frame_limit = Offsets(state, to.region->buffer_stride()).least_room();
  const auto slots_of = [&](uint32_t packet) -> uint32_t {
    return to.header == header_ ? entries_[packet].slots : slots_converted(packet, to, frame_limit);
  };
  // Calls `use` with the slots of each packet for it, until that says false.
  const auto for_its_packets = [&](auto use) {
    uint32_t i = first;
    for (; i < end; i++) {
      if (entries_[i].slots != 0 && places_[i] == place && !use(i, slots_of(i))) break;
    }
    return i;
  };

  const uint32_t room = reservable(state, to.slots);
  uint32_t wanted = 0;
  for_its_packets([&](uint32_t packet, uint32_t slots) {
    if (slots >= to.slots) {
      places_[packet] = kTooManySlots;
      return true;
    }
    if (slots > room - wanted) return false;
    wanted += slots;
    return true;
  });
  held_ = {place, {0, 0}, 0, ring_index};
  if (wanted != 0) {
    held_.granted = reserve(
        state, to.region->leases(ring_index), to.slots, wanted, client_, &held_.start,
        [&] { return vale_->place(place).generation.load(std::memory_order_acquire) == to.generation; });
  }
  // Another sender may have taken some meanwhile.
  uint32_t left = held_.granted;
  const uint32_t fits = for_its_packets([&](uint32_t, uint32_t slots) {
    if (slots > left) return false;
    left -= slots;
    return true;
  });
  if (fits != end) awaited_[ring.number % kMaxValeRings] = {to.region, &state, to.slots};
  return fits;
}

// Shows slots that were reserved and got no packet: its port is gone, or they are too few for it.
void ValeSender::abandon_held() {
  const Held held = held_;
  held_ = Held{};
  if (held.granted == 0) return;
  const Destination& to = destinations_[held.place];
  if (!to.region) return;
  RingState& state = to.region->ring(held.ring_index);
  Room room{to,
            state,
            Offsets(state, to.region->buffer_stride()),
            to.region->netmap_ring(held.ring_index)->slot,
            held.start.index,
            held.granted,
            0};
  while (room.filled != room.size) leave_empty(room);
  store_descriptors(room);
  publish(to.region->leases(held.ring_index), held.start, held.granted, client_);
  notify(*space_, state, to.region->id());
}

void ValeSender::queue_settled(BoundRing& ring, uint32_t first, uint32_t end) {
  RingState& state = *ring.state;
  broadcast_ = Queue{};
  for (uint32_t i = first; i < end; i++) {
    if (entries_[i].slots == 0) continue;
    const uint16_t place = places_[i];
    switch (place) {
      case kFlood:
        broadcast_.append(entries_.data(), i);
        break;
      case kNobody:
        ++state.drops_no_destination;
        break;
      case kTooFast:
        ++state.drops_rate_limit;
        break;
      case kStranger:
        ++state.drops_mac_limit;
        break;
      case kTooManySlots:
        ++state.drops_too_many_slots;
        break;
      default:
        if (queues_[place].packets == 0) touched_.push_back(place);
        queues_[place].append(entries_.data(), i);
    }
  }
}

bool ValeSender::has_room_now(const BoundRing& ring) const {
  const Awaited& awaited = awaited_[ring.number % kMaxValeRings];
  return awaited.state != nullptr && reservable(*awaited.state, awaited.slots) != 0;
}

void ValeSender::announce(const BoundRing& ring) {
  const Awaited& awaited = awaited_[ring.number % kMaxValeRings];
  if (awaited.state != nullptr) engine::announce(awaited.state->room_waiter, client_);
}

// Gives copies of what goes to `place` to the ports that mirror us, or it. What is flooded comes there anyway.
void ValeSender::mirror(BoundRing& ring, uint32_t place, Queue unicast) {
  const uint32_t ours = mirror_of(place_);
  const uint32_t its = mirror_of(place);
  is_copy_ = true;
  for (const uint32_t to : {ours, its == ours ? Switch::kNowhere : its}) {
    if (to == Switch::kNowhere || to == place || to == place_) continue;
    const Destination* const known = destination(to);
    if (known != nullptr && known->leads_to == 0) deliver(ring, to, 0, unicast, Queue{});
  }
  is_copy_ = false;
}

// Where copies of what the port sends and gets go, or kNowhere.
uint32_t ValeSender::mirror_of(uint32_t place) const {
  if ((vale_->place(place).policy & kMirrors) == 0) return Switch::kNowhere;
  const PortPolicy& policy = vale_->policy(place);
  const uint32_t to = policy.mirror - 1;
  if (to >= vale_->places()) return Switch::kNowhere;
  return vale_->place(to).generation.load(std::memory_order_relaxed) == policy.mirror_generation
             ? to
             : Switch::kNowhere;
}

}  // namespace nm::engine
