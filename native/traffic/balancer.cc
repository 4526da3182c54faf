#include "traffic/balancer.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "traffic/slots_ahead.h"

namespace nm {
namespace {

// How many buffers an overflow queue gives up when no others are left.
constexpr uint32_t kRevoked = 150;

// As many bytes of a packet of several slots as its headers may have.
constexpr uint32_t kMostHeaders = 512;

// How far ahead of the packet that is looked at the headers of the next ones are asked for. Between far cores 16 to 48 are alike,
// and a tenth faster than 8. [measured]
constexpr uint32_t kHeadersAhead = 24;

}  // namespace

Balancer::Balancer(const std::vector<Port*>& ports, const BalancerOptions& options)
    : Loop(ports), options_(options), hasher_(options.hash), whole_(kMostHeaders), waiting_(devices()) {
  size_t next = 1;
  for (size_t i = 0; i < options.groups.size(); i++) {
    groups_.push_back({next - 1, options.groups[i]});
    const bool passes_on = i + 1 < options.groups.size();
    for (uint32_t j = 0; j < options.groups[i]; j++)
      outputs_.push_back(std::make_unique<Output>(*ports[next++], passes_on));
  }
  assert(!groups_.empty() && next == ports.size() && options.batch > 0);
  take_extra_buffers();
}

Status Balancer::work() {
  const uint64_t end_ns = options_.duration_ns != 0 ? monotonic_ns() + options_.duration_ns : kNever_ns;
  Status status = Status::ok;
  while (status == Status::ok && !stopped()) {
    // Packets first: whoever made room before it sent them is seen to have made it.
    status = sync_rx(port());
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
  if (status == Status::ok) status = sync_rx(port());
  give_extra_buffers();
  return status;
}

Status Balancer::sync_outputs() {
  for (const auto& output : outputs_) {
    if (const Status status = sync_tx(output->port()); status != Status::ok) return status;
    output->note_taken();
  }
  return Status::ok;
}

bool Balancer::hand_on_returned() {
  bool any = false;
  for (size_t group = groups_.size() - 1; group-- > 0;) {
    for (uint32_t i = 0; i < groups_[group].outputs; i++) {
      any |= outputs_[groups_[group].first + i]->collect(
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
  for (const auto& output : outputs_) any |= output->drain(&free_);
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

// Packets of one slot go in two passes over all of them: first to what each is, while the headers of the next are on their way,
// then to its output. Those of several slots go one by one.
SlotsPassed Balancer::take_new(const Ring& ring) {
  SlotsPassed passed;
  const uint32_t ready = ring.space();
  const uint32_t batch = std::min(ready, options_.batch);
  uint32_t at = ring.head_in_range();
  for (uint32_t taken = 0; taken < batch;) {
    const SlotsPassed run = look_at_run(ring, at, batch - taken, ready - taken);
    uint32_t slots = static_cast<uint32_t>(run.packets);
    if (slots > 0) {
      put_run(ring, at, slots);
      passed.packets += run.packets;
      passed.bytes += run.bytes;
    } else {
      const PacketSlots packet = take_packet(ring, at, ready - taken);
      if (packet.slots == 0) break;
      slots = packet.slots;
      passed.packets++;
      passed.bytes += packet.bytes;
    }
    taken += slots;
    at += slots;
    if (at >= ring.slots()) at -= ring.slots();
  }
  ring.advance(at);
  return passed;
}

// Leaves the hashes of up to `most` packets from slot `at` on, as long as they have one slot each. `ready` slots are there. What the
// loop changes is in locals: any store could change the rest.
SlotsPassed Balancer::look_at_run(Ring ring, uint32_t at, uint32_t most, uint32_t ready) {
  // Outputs need not be able to say where in its buffer a packet begins.
  if (ring.has_offsets()) [[unlikely]]
    return {};
  if (hashes_.size() < most) hashes_.resize(most);
  uint32_t* const hashes = hashes_.data();
  uint32_t packets = 0;
  uint64_t bytes = 0;
  uint64_t non_ip = 0;
  SlotsAhead ahead(ring, at, ready, kHeadersAhead);
  for (; packets < most; packets++, at = ring.next(at)) {
    ahead.reach(packets, prefetch_to_read,
                [&](uint32_t next) { return ring.buffer(ring.descriptor(next).buf_idx); });
    const Descriptor slot = ring.descriptor(at);
    if ((slot.flags & abi::NS_MOREFRAG) != 0) break;
    const uint32_t length = std::min<uint32_t>(slot.len, ring.stride());
    const Flow flow = hasher_.flow_of(ring.buffer(slot.buf_idx), length);
    hashes[packets] = flow.hash;
    non_ip += !flow.is_ip;
    bytes += length;
  }
  add(counts_.non_ip, non_ip);
  return {packets, bytes};
}

void Balancer::put_run(const Ring& ring, uint32_t at, uint32_t packets) {
  const Group& to = groups_.front();
  for (uint32_t i = 0; i < to.outputs; i++) outputs_[to.first + i]->begin_run();
  for (uint32_t i = 0; i < packets; i++, at = ring.next(at)) {
    Output& output = *outputs_[to.first + hasher_.output_of(hashes_[i], to.outputs)];
    if (output.put_one(ring, at, hashes_[i])) [[likely]]
      continue;
    keep_or_drop(&output, ring, all_slots(ring, at, 1), hashes_[i]);
  }
  for (uint32_t i = 0; i < to.outputs; i++) outputs_[to.first + i]->end_run();
}

// Hands on the packet that begins in a slot. None: its end has not come.
PacketSlots Balancer::take_packet(const Ring& ring, uint32_t at, uint32_t ready) {
  const PacketSlots packet = find_packet(ring, at, ready);
  if (packet.slots == 0) {
    // Unless it fills the ring and has none.
    if (ready + 1 < ring.slots()) return packet;
    add(counts_.drops_too_long, 1);
    return all_slots(ring, at, ready);
  }
  if (ring.has_offsets()) move_to_beginning(ring, packet);
  const uint32_t looked_at = std::min(packet.bytes, packet.slots == 1 ? packet.bytes : kMostHeaders);
  const uint8_t* bytes = ring.buffer(ring.descriptor(at).buf_idx);
  if (packet.slots > 1) {
    copy_bytes(ring, packet, looked_at, whole_.data());
    bytes = whole_.data();
  }
  const Flow flow = hasher_.flow_of(bytes, looked_at);
  add(counts_.non_ip, !flow.is_ip);
  forward(0, ring, packet, flow.hash);
  return packet;
}

// Hands a packet to the output of its flow. Its slots have other buffers then, or the same if it was dropped.
void Balancer::forward(size_t group, const Ring& ring, const PacketSlots& packet, uint32_t hash) {
  const Group& to = groups_[group];
  Output& output = *outputs_[to.first + hasher_.output_of(hash, to.outputs)];
  if (output.has_room(packet.slots)) return output.put(ring, packet, hash);
  keep_or_drop(&output, ring, packet, hash);
}

void Balancer::keep_or_drop(Output* output, const Ring& ring, const PacketSlots& packet, uint32_t hash) {
  if (has_queues() && packet.slots <= Output::kQueueKept && find_buffers(packet.slots)) {
    return output->enqueue(ring, packet, hash, &free_);
  }
  output->drop(packet);
}

// Whether there are so many free buffers, if need be after the longest queue has given up its oldest packets.
bool Balancer::find_buffers(uint32_t slots) {
  if (free_.size() >= slots) return true;
  const auto shorter = [](const auto& a, const auto& b) { return a->queued() < b->queued(); };
  (*std::max_element(outputs_.begin(), outputs_.end(), shorter))->revoke(std::max(slots, kRevoked), &free_);
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
      const Output& output = *outputs_[number];
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
  for (const auto& output : outputs_) output->abandon(&free_);
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
  for (const auto& output : outputs_) {
#define row(name, text) \
  all.push_back(static_cast<double>(output->counts().name.load(std::memory_order_relaxed)));
    NM_OUTPUT_COUNTS(row)
#undef row
  }
  return all;
}

}  // namespace nm
