#include "traffic/balancer.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace nm {
namespace {

// How many buffers an overflow queue gives up when no others are left.
constexpr uint32_t kRevoked = 150;

// As many bytes of a packet of several slots as its headers may have.
constexpr uint32_t kMostHeaders = 512;

// How far ahead of the packet that is looked at the next ones are asked for: 16 is a quarter faster than 8 between far
// cores. [measured]
constexpr uint32_t kAhead = 16;

}  // namespace

Balancer::Balancer(const std::vector<Port*>& ports, const BalancerOptions& options)
    : Loop(ports), options_(options), hasher_(options.hash), whole_(kMostHeaders), waiting_(devices()) {
  size_t next = 1;
  for (size_t i = 0; i < options.groups.size(); i++) {
    groups_.push_back({next - 1, options.groups[i]});
    const bool passes_on = i + 1 < options.groups.size();
    for (uint32_t j = 0; j < options.groups[i]; j++) outputs_.emplace_back(*ports[next++], passes_on);
  }
  assert(!groups_.empty() && next == ports.size() && options.batch > 0);
  take_extra_buffers();
}

Status Balancer::work() {
  const uint64_t end_ns = options_.duration_ns != 0 ? monotonic_ns() + options_.duration_ns : kNever_ns;
  Status status = Status::ok;
  while (status == Status::ok && !stopped()) {
    // Packets first: whoever made room before it sent them is seen to have made it.
    status = port().device().rx_sync();
    if (status == Status::ok) status = sync_outputs();
    const uint64_t now = monotonic_ns();
    if (status != Status::ok || now >= end_ns) break;

    // What came back before its slots are filled again, and the last group first, so that there is room in it.
    const bool returned = hand_on_returned();
    const bool drained = drain_queues();
    const SlotsPassed passed = take_new();
    if (passed.packets > 0) {
      note_moved(passed.packets, passed.bytes, now);
      // Shown before their slots go back: a sender that waits for consumers then never has more under way than a ring.
      status = sync_outputs();
    } else if (!options_.busy && !returned && !drained) {
      // What was put into an output is sent before anybody sleeps.
      status = wait(end_ns);
    }
  }
  if (status == Status::ok) status = sync_outputs();
  if (status == Status::ok) status = port().device().rx_sync();
  give_extra_buffers();
  return status;
}

Status Balancer::sync_outputs() {
  for (Output& output : outputs_) {
    if (const Status status = output.device().tx_sync(); status != Status::ok) return status;
    output.note_taken();
  }
  return Status::ok;
}

bool Balancer::hand_on_returned() {
  bool any = false;
  for (size_t group = groups_.size() - 1; group-- > 0;) {
    for (uint32_t i = 0; i < groups_[group].outputs; i++) {
      any |= outputs_[groups_[group].first + i].collect(
          [&](const Ring& ring, const PacketSlots& packet, uint32_t hash) {
            forward(group + 1, ring, packet, hash);
          });
    }
  }
  return any;
}

bool Balancer::drain_queues() {
  if (!has_queues()) return false;
  bool any = false;
  for (Output& output : outputs_) any |= output.drain(&free_);
  set(counts_.free_buffers, free_.size());
  return any;
}

SlotsPassed Balancer::take_new() {
  SlotsPassed all;
  for (const Ring& ring : port().rx_rings()) {
    const SlotsPassed passed = take_new(ring);
    all.packets += passed.packets;
    all.bytes += passed.bytes;
  }
  if (all.packets > 0) {
    add(counts_.received, all.packets);
    add(counts_.received_bytes, all.bytes);
    set(counts_.strayed, hasher_.strayed());
  }
  return all;
}

SlotsPassed Balancer::take_new(const Ring& ring) {
  SlotsPassed passed;
  const uint32_t ready = ring.space();
  const uint32_t batch = std::min(ready, options_.batch);
  uint32_t at = ring.head_in_range();
  uint32_t ahead = at;
  const auto ask_for = [&] {
    __builtin_prefetch(ring.buffer(ring.descriptor(ahead).buf_idx));
    ahead = ring.next(ahead);
  };
  for (uint32_t i = 0; i < std::min(kAhead, ready); i++) ask_for();

  uint64_t non_ip = 0;
  for (uint32_t taken = 0; taken < batch;) {
    PacketSlots packet = find_packet(ring, at, ready - taken);
    if (packet.slots == 0) {
      // Its end has not come; unless it fills the ring and has none.
      if (ready + 1 < ring.slots() || taken > 0) break;
      packet = all_slots(ring, at, ready);
      add(counts_.drops_too_long, 1);
    } else {
      for (uint32_t i = 0; i < packet.slots && taken + kAhead + i < ready; i++) ask_for();
      // Outputs need not be able to say where in its buffer a packet begins.
      if (ring.has_offsets()) [[unlikely]]
        move_to_beginning(ring, packet);
      const uint32_t looked_at = std::min(packet.bytes, packet.slots == 1 ? packet.bytes : kMostHeaders);
      const uint8_t* bytes = ring.buffer(ring.descriptor(at).buf_idx);
      if (packet.slots > 1) {
        copy_bytes(ring, packet, looked_at, whole_.data());
        bytes = whole_.data();
      }
      const Flow flow = hasher_.flow_of(bytes, looked_at);
      non_ip += !flow.is_ip;
      forward(0, ring, packet, flow.hash);
    }
    passed.packets++;
    passed.bytes += packet.bytes;
    taken += packet.slots;
    at += packet.slots;
    if (at >= ring.slots()) at -= ring.slots();
  }
  ring.advance(at);
  add(counts_.non_ip, non_ip);
  return passed;
}

// Hands a packet to the output of its flow. Its slots have other buffers then, or the same if it was dropped.
void Balancer::forward(size_t group, const Ring& ring, const PacketSlots& packet, uint32_t hash) {
  const Group& to = groups_[group];
  Output& output = outputs_[to.first + hasher_.output_of(hash, to.outputs)];
  if (output.has_room(packet.slots)) return output.put(ring, packet, hash);
  if (has_queues() && packet.slots <= Output::kQueueKept && find_buffers(packet.slots)) {
    return output.enqueue(ring, packet, hash, &free_);
  }
  output.drop(packet);
}

// Whether there are so many free buffers, if need be after the longest queue has given up its oldest packets.
bool Balancer::find_buffers(uint32_t slots) {
  if (free_.size() >= slots) return true;
  const auto shorter = [](const Output& a, const Output& b) { return a.queued() < b.queued(); };
  std::max_element(outputs_.begin(), outputs_.end(), shorter)->revoke(std::max(slots, kRevoked), &free_);
  return free_.size() >= slots;
}

// Waits for packets; for room where some wait for it; and for what comes back where there is somebody to hand it on to.
Status Balancer::wait(uint64_t until_ns) {
  for (const Ring& ring : port().rx_rings()) ring.advance_and_want_more(ring.head_in_range());
  waiting_.want(0, kReadable);
  for (size_t group = 0; group < groups_.size(); group++) {
    const bool passes_on = group + 1 < groups_.size();
    for (uint32_t i = 0; i < groups_[group].outputs; i++) {
      const size_t number = groups_[group].first + i;
      const Output& output = outputs_[number];
      const bool wants_room = output.queued() > 0 || (passes_on && output.has_pending());
      if (wants_room) output.want_room();
      waiting_.want(number + 1, wants_room ? kWritable : 0);
    }
  }
  return wait_for(waiting_, until_ns);
}

// The list of extra buffers begins in the netmap_if; each buffer begins with the index of the next. [netmap(4)]
void Balancer::take_extra_buffers() {
  const Ring& ring = port().rx_rings().front();
  uint32_t index = port().interface()->ni_bufs_head;
  const uint32_t most = port().granted().nr_extra_bufs;
  while (index != 0 && index < ring.buffer_count() && free_.size() < most) {
    free_.push_back(index);
    std::memcpy(&index, ring.buffer(index), sizeof(index));
  }
  port().interface()->ni_bufs_head = 0;
  extra_buffers_ = free_.size();
  set(counts_.free_buffers, extra_buffers_);
}

void Balancer::give_extra_buffers() {
  const Ring& ring = port().rx_rings().front();
  for (Output& output : outputs_) output.abandon(&free_);
  for (const uint32_t index : free_) {
    const uint32_t next = port().interface()->ni_bufs_head;
    std::memcpy(ring.buffer(index), &next, sizeof(next));
    port().interface()->ni_bufs_head = index;
  }
  free_.clear();
}

std::vector<double> Balancer::counts() const {
  std::vector<double> all;
#define row(name, text) all.push_back(static_cast<double>(counts_.name.load(std::memory_order_relaxed)));
  NM_BALANCER_COUNTS(row)
#undef row
  for (const Output& output : outputs_) {
#define row(name, text) \
  all.push_back(static_cast<double>(output.counts().name.load(std::memory_order_relaxed)));
    NM_OUTPUT_COUNTS(row)
#undef row
  }
  return all;
}

}  // namespace nm
