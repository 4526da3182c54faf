#include "traffic/lane.h"

#include <algorithm>
#include <cassert>

#include "traffic/progress.h"

namespace nm {
namespace {

// Room for the packets of a lane that are delayed.
constexpr size_t kDelayedBytes = 64 << 20;

bool share_memory(const Port& a, const Port& b) { return a.granted().nr_mem_id == b.granted().nr_mem_id; }

// One end of an exchange need not be able to say where the other's packets begin.
bool have_offsets(const std::vector<Ring>& rings) {
  return std::any_of(rings.begin(), rings.end(), [](const Ring& ring) { return ring.has_offsets(); });
}

}  // namespace

Lane::Lane(Port& from, Port& to, const LaneOptions& options)
    : from_(from),
      to_(to),
      options_(options),
      swaps_(share_memory(from, to) && !have_offsets(from.rx_rings()) && !have_offsets(to.tx_rings()) &&
             !options.copy && !options.impairment.delays()),
      plain_(!options.filter && !options.impairment.delays() &&
             options.limit.model == BandwidthModel::infinite && !options.impairment.loses() &&
             options.mirror == nullptr && options.capture == nullptr),
      limiter_(options.limit),
      impairments_(options.impairment) {
  const std::vector<Ring>& rx = from.rx_rings();
  const std::vector<Ring>& tx = to.tx_rings();
  assert(!rx.empty() && !tx.empty() && options.burst > 0);
  for (size_t i = 0; i < rx.size(); i++) {
    Pair& pair = pairs_.emplace_back(Pair{rx[i], tx[i % tx.size()], std::nullopt});
    if (options.impairment.delays()) pair.delay.emplace(kDelayedBytes / rx.size());
  }
}

Lane::Turn Lane::turn(uint64_t now_ns) {
  Turn all;
  size_t blocked = 0;
  for (size_t i = 0; i < pairs_.size(); i++) {
    Pair& pair = pairs_[(first_pair_ + i) % pairs_.size()];
    if (pair.delay) all.add(deliver_delayed(pair, now_ns));
    const Turn one = turn_pair(pair, now_ns);
    all.add(one);
    blocked += one.blocked;
  }
  all.all_blocked = blocked == pairs_.size();
  // Rings that share a TX ring have its room first in turn.
  first_pair_ = (first_pair_ + 1) % pairs_.size();
  if (all.blocked) add(counts_.held_back, 1);
  return all;
}

Lane::Turn Lane::turn_pair(Pair& pair, uint64_t now_ns) {
  if (!plain_) return turn_packets(pair, now_ns);
  return swaps_ ? turn_swapping(pair) : turn_copying(pair, now_ns);
}

void Lane::end() {
  for (const Pair& pair : pairs_) {
    if (pair.delay) add(counts_.drops_undelivered, pair.delay->packets());
  }
}

// Swaps as many whole packets as there are and have room, knowing nothing of them but their descriptors.
Lane::Turn Lane::turn_swapping(const Pair& pair) {
  const uint32_t ready = pair.from.space();
  const uint32_t room = pair.to.space();
  const uint32_t slots =
      whole_slots(pair.from, pair.from.head_in_range(), std::min({ready, room, *options_.burst}));
  if (slots == 0) return ready == 0 ? Turn() : turn_stuck(pair, ready);
  return {swap(pair, slots), true, slots < ready && slots == room};
}

// Copies as many packets as there are and have room; one by one those that are not whole in one slot of either ring.
Lane::Turn Lane::turn_copying(Pair& pair, uint64_t now_ns) {
  const uint32_t ready = pair.from.space();
  const uint32_t room = pair.to.space();
  uint32_t received = pair.from.head_in_range();
  uint32_t sent = pair.to.head_in_range();
  const SlotsPassed passed =
      copy_single_slots(pair.from, &received, pair.to, &sent, std::min({ready, room, *options_.burst}));
  if (passed.packets == 0) return turn_packets(pair, now_ns);
  pair.to.advance(sent);
  pair.from.advance(received);
  count(passed);
  add(counts_.copied_bytes, passed.bytes);
  return {passed, true, passed.packets < ready && passed.packets == room};
}

// There is something, and no whole packet of it fits into room and burst: its end has not come, it is longer than a burst,
// it waits for room, or it never has any.
Lane::Turn Lane::turn_stuck(const Pair& pair, uint32_t ready) {
  const uint32_t head = pair.from.head_in_range();
  const PacketSlots packet = find_packet(pair.from, head, ready);
  const bool endless = packet.slots == 0 && ready + 1 == pair.from.slots();
  if (packet.slots == 0 && !endless) return {};
  if (endless || !fits_some_time(pair, packet)) {
    add(counts_.drops_too_long, 1);
    pair.from.advance((head + (endless ? ready : packet.slots)) % pair.from.slots());
    return {{}, true};
  }
  if (!has_room(pair, packet)) return {{}, false, true};
  return {swap(pair, packet.slots), true};
}

SlotsPassed Lane::swap(const Pair& pair, uint32_t slots) {
  uint32_t received = pair.from.head_in_range();
  uint32_t sent = pair.to.head_in_range();
  const SlotsPassed passed = swap_slots(pair.from, &received, pair.to, &sent, slots);
  pair.to.advance(sent);
  pair.from.advance(received);
  count(passed);
  return passed;
}

// The same packet by packet, where something is to be decided or done for each.
Lane::Turn Lane::turn_packets(Pair& pair, uint64_t now_ns) {
  const Ring& from = pair.from;
  Turn turn;
  uint32_t ready = from.space();
  for (uint32_t moved = 0; ready > 0 && moved < *options_.burst;) {
    const uint32_t head = from.head_in_range();
    PacketSlots packet = find_packet(from, head, ready);
    Verdict verdict = Verdict::drop;
    if (packet.slots != 0) {
      verdict = judge(pair, packet, now_ns, &turn);
    } else if (ready + 1 < from.slots()) {
      break;
    } else {
      // It fills the ring and has no end: what is there goes, so that the ring goes on.
      packet.slots = ready;
      add(counts_.drops_too_long, 1);
    }
    if (verdict == Verdict::wait) break;
    if (verdict == Verdict::pass && !hand_on(pair, packet, now_ns, &turn)) break;
    from.advance((head + packet.slots) % from.slots());
    ready -= packet.slots;
    moved += packet.slots;
    turn.moved = true;
  }
  return turn;
}

Lane::Verdict Lane::judge(Pair& pair, const PacketSlots& packet, uint64_t now_ns, Turn* turn) {
  if (options_.filter && !chosen(pair.from, packet)) {
    add(counts_.drops_filtered, 1);
    return Verdict::drop;
  }
  if (!fits_some_time(pair, packet)) {
    add(counts_.drops_too_long, 1);
    return Verdict::drop;
  }
  if (!pair.delay && !has_room(pair, packet)) {
    turn->blocked = true;
    return Verdict::wait;
  }
  if (limiter_.limits()) {
    if (limiter_.due_ns() > now_ns) {
      turn->due_ns = std::min(turn->due_ns, limiter_.due_ns());
      return Verdict::wait;
    }
    limiter_.pass(now_ns, packet.bytes);
  }
  if (options_.impairment.loses() && impairments_.loses(packet.bytes)) {
    add(counts_.drops_loss, 1);
    return Verdict::drop;
  }
  return Verdict::pass;
}

// Packets take as many slots as before where buffers are swapped, and as few as they can where they are copied.
bool Lane::fits_some_time(const Pair& pair, const PacketSlots& packet) const {
  if (pair.delay && !pair.delay->can_hold(packet.bytes)) return false;
  return (swaps_ ? packet.slots : slots_needed(pair.to, packet.bytes)) < pair.to.slots();
}
bool Lane::has_room(const Pair& pair, const PacketSlots& packet) const {
  return (swaps_ ? packet.slots : slots_needed(pair.to, packet.bytes)) <= pair.to.space();
}

bool Lane::chosen(const Ring& ring, const PacketSlots& packet) {
  return options_.filter->matches(packet_bytes(ring, packet, &whole_), packet.bytes, packet.bytes);
}

// Hands on a packet for which there is room in the TX ring. False: the delay line has none.
bool Lane::hand_on(Pair& pair, const PacketSlots& packet, uint64_t now_ns, Turn* turn) {
  if (pair.delay) {
    uint8_t* const to = pair.delay->put(packet.bytes, impairments_.due_ns(now_ns));
    turn->due_ns = std::min(turn->due_ns, pair.delay->front().due_ns);
    if (to == nullptr) return false;
    show(pair.from, packet);
    copy_bytes(pair.from, packet, packet.bytes, to);
    add(counts_.copied_bytes, packet.bytes);
    return true;
  }

  show(pair.from, packet);
  uint32_t received = packet.first;
  uint32_t sent = pair.to.head_in_range();
  if (swaps_) {
    swap_slots(pair.from, &received, pair.to, &sent, packet.slots);
  } else {
    sent = copy_packet(pair.from, packet, pair.to, sent);
    add(counts_.copied_bytes, packet.bytes);
  }
  pair.to.advance(sent);
  turn->passed.packets++;
  turn->passed.bytes += packet.bytes;
  count({1, packet.bytes});
  return true;
}

void Lane::count(SlotsPassed passed) {
  add(counts_.packets, passed.packets);
  add(counts_.bytes, passed.bytes);
}

// Lets those see the packet who get a copy.
void Lane::show(const Ring& ring, const PacketSlots& packet) {
  if (options_.mirror != nullptr) mirror(ring, packet);
  if (options_.capture != nullptr) capture(ring, packet);
}

void Lane::mirror(const Ring& ring, const PacketSlots& packet) {
  const std::vector<Ring>& mirrors = options_.mirror->tx_rings();
  const Ring& to = mirrors[ring.shared()->ringid % mirrors.size()];
  if (slots_needed(to, packet.bytes) > to.space()) return add(counts_.mirror_drops_full, 1);
  to.advance(copy_packet(ring, packet, to, to.head_in_range()));
  add(counts_.mirrored, 1);
}

void Lane::capture(const Ring& ring, const PacketSlots& packet) {
  const CaptureRecord record = {options_.capture_interface, CaptureDirection::unknown,
                                options_.capture->time_ns, packet.bytes, packet.bytes};
  uint8_t* const to = options_.capture->input->put(record);
  if (to == nullptr) return add(counts_.capture_drops_full, 1);
  copy_bytes(ring, packet, packet.bytes, to);
  add(counts_.captured, 1);
}

// Sends the delayed packets that are due, as far as there is room.
Lane::Turn Lane::deliver_delayed(Pair& pair, uint64_t now_ns) {
  Turn turn;
  const Ring& to = pair.to;
  while (!pair.delay->empty()) {
    const DelayLine::Packet packet = pair.delay->front();
    if (packet.due_ns > now_ns) {
      turn.due_ns = packet.due_ns;
      break;
    }
    if (slots_needed(to, packet.length) > to.space()) {
      turn.blocked = true;
      break;
    }
    SlotWriter writer(to, to.head_in_range());
    writer.append(packet.bytes, packet.length);
    to.advance(writer.finish());
    turn.passed.packets++;
    turn.passed.bytes += packet.length;
    count({1, packet.length});
    add(counts_.copied_bytes, packet.length);
    pair.delay->pop();
    turn.moved = true;
  }
  return turn;
}

}  // namespace nm
