#include "traffic/sink.h"

#include <algorithm>
#include <cassert>

#include "cache_line.h"
#include "prefetch.h"
#include "spin_pause.h"
#include "traffic/alarm.h"

namespace nm {
namespace {

// More of a packet than this is not put together; its mark is then not found.
constexpr size_t kLongestPacket = 1 << 20;

// How long the sink lets a full queue of dumped packets be before it looks again.
constexpr uint64_t kDumpPause_ns = 1'000'000;

// Reads one word of each cache line.
void touch_lines(const uint8_t* bytes, uint32_t length) {
  uint64_t seen = 0;
  for (uint32_t offset = 0; offset < length; offset += kCacheLine) seen += bytes[offset];
  // The compiler must believe that somebody needs it.
  asm volatile("" : : "r"(seen));
}

}  // namespace

Sink::Sink(Port& port, const SinkOptions& options)
    : Loop(port), options_(options), budget_(budget_for(options.budget, options.count)) {
  assert(!port.rx_rings().empty() && options.burst > 0);
  for (const Ring& ring : port.rx_rings()) lanes_.push_back({ring, {}});
  if (options.measure) arrivals_ = std::make_unique<Arrivals>(progress());
  if (options.check_numbers) numbers_ = std::make_unique<Numbers>(lanes_.size(), options.header_length);
}

Status Sink::work() {
  const uint64_t end_ns = options_.duration_ns != 0 ? monotonic_ns() + options_.duration_ns : kNever_ns;

  const bool by_waiting = syncs_by_waiting(port());
  Status status = Status::ok;
  while (status == Status::ok && !stopped() && !has_all()) {
    if (!by_waiting) status = sync_rx(port());
    if (arrivals_) arrivals_->begin_round(monotonic_ns());
    const Taken taken = take();
    const uint64_t now = monotonic_ns();
    if (taken.slots > 0) {
      note_moved(taken.packets, taken.bytes, now);
      if (arrivals_) arrivals_->end_round(taken.packets);
      if (now >= end_ns) break;
      if (!by_waiting || has_all()) continue;
    }

    const uint64_t until_ns = deadline_ns(end_ns);
    if (status != Status::ok || now >= until_ns) break;
    if (options_.dump != nullptr && options_.dump->room() == 0) {
      wait_until(std::min(now + kDumpPause_ns, until_ns), stop_flag());
    } else if (options_.busy) {
      while (!port().device().has_news(kReadable) && !stopped() && monotonic_ns() < until_ns) spin_pause();
    } else {
      status = wait_for(kReadable, until_ns);
    }
  }
  // Give back the slots of the last round: a sender may wait for them.
  return status == Status::ok ? sync_rx(port()) : status;
}

// When to give up waiting.
uint64_t Sink::deadline_ns(uint64_t end_ns) {
  const uint64_t last_ns = progress().last_ns.load(std::memory_order_relaxed);
  if (options_.idle_ns == 0 || last_ns == 0) return end_ns;
  return std::min(end_ns, last_ns + options_.idle_ns);
}

Sink::Taken Sink::take() {
  uint64_t left = options_.dump != nullptr ? options_.dump->room() : UINT64_MAX;
  const bool looks = options_.check_numbers || options_.touch || options_.dump != nullptr;
  const bool measures = options_.measure && !looks;
  const bool inspects = options_.measure || looks;

  Taken all;
  for (Lane& lane : lanes_) {
    const uint32_t space = lane.ring.space();
    if (space == 0) continue;
    const uint64_t free = lane.ring.slots() - 1 - space;
    if (free < progress().min_space.load(std::memory_order_relaxed)) set(progress().min_space, free);

    uint32_t slots = static_cast<uint32_t>(std::min<uint64_t>(left, std::min(space, options_.burst)));
    // A packet has a slot at least, so that as many slots as packets are reserved cannot hold too many of them.
    if (budget_) slots = static_cast<uint32_t>(budget_->reserve(slots));
    if (slots == 0) continue;
    const Taken taken = measures   ? measure_all(lane, slots)
                        : inspects ? inspect(lane, slots)
                                   : count(lane.ring, slots);
    if (budget_) budget_->settle(slots, taken.packets);
    left -= slots;
    all.slots += taken.slots;
    all.packets += taken.packets;
    all.bytes += taken.bytes;
  }
  return all;
}

// Takes `slots` slots unseen but for their descriptors: the loop that has to be fast. What it adds up is in
// locals, because the compiler keeps a result that it returns in memory across the loads.
Sink::Taken Sink::count(const Ring& ring, uint32_t slots) {
  uint64_t bytes = 0;
  uint64_t unfinished = 0;
  uint32_t slot = ring.head_in_range();
  for (uint32_t left = slots; left > 0;) {
    const uint32_t run = std::min(left, ring.slots() - slot);
    for (const uint32_t end = slot + run; slot < end; slot++) {
      const Descriptor descriptor = ring.descriptor(slot);
      bytes += descriptor.len;
      unfinished += (descriptor.flags & abi::NS_MOREFRAG) != 0;
    }
    if (slot == ring.slots()) slot = 0;
    left -= run;
  }
  ring.advance(slot);
  return {slots, slots - unfinished, bytes};
}

// Takes `slots` slots and measures their packets. Another core wrote them: while those of a block are read, the next block's are
// on their way.
Sink::Taken Sink::measure_all(Lane& lane, uint32_t slots) {
  Taken taken;
  taken.slots = slots;
  uint32_t slot = lane.ring.head_in_range();
  uint32_t left = slots;
  Block blocks[2];
  const auto gather_next = [&](Block* block) {
    const uint32_t some = std::min(left, kBlockSlots);
    slot = gather(lane.ring, slot, some, block);
    left -= some;
  };
  gather_next(&blocks[0]);
  for (uint32_t now = 0; blocks[now].slots > 0; now = 1 - now) {
    gather_next(&blocks[1 - now]);
    read(lane, blocks[now], &taken);
  }
  lane.ring.advance(slot);
  return taken;
}

// Finds what the next `slots` slots from `slot` on hold, and asks for it. Returns the slot after them.
uint32_t Sink::gather(const Ring& ring, uint32_t slot, uint32_t slots, Block* block) const {
  const bool has_offsets = ring.has_offsets();
  const uint32_t header_length = options_.header_length;
  const uint32_t stride = ring.stride();
  uint64_t bytes = 0;
  uint64_t more = 0;
  bool too_short = false;
  for (uint32_t done = 0; done < slots;) {
    const uint32_t end = std::min(slots, done + ring.slots() - slot);
    for (; done < end; done++, slot++) {
      const Descriptor descriptor = ring.descriptor(slot);
      Ring::Piece piece = {ring.buffer(descriptor.buf_idx), std::min<uint32_t>(descriptor.len, stride)};
      if (has_offsets) [[unlikely]]
        piece = ring.piece(slot, descriptor);
      prefetch_to_read(piece.bytes);
      block->frames[done] = {piece.bytes, piece.length};
      bytes += piece.length;
      more |= uint64_t{(descriptor.flags & abi::NS_MOREFRAG) != 0} << done;
      too_short |= piece.length < header_length;
    }
    if (slot == ring.slots()) slot = 0;
  }
  block->slots = slots;
  block->bytes = bytes;
  block->more = more;
  block->odd = too_short || more != 0;
  return slot;
}

void Sink::read(Lane& lane, Block& block, Taken* taken) {
  taken->bytes += block.bytes;
  if (block.odd || !lane.partial.empty()) [[unlikely]] {
    for (uint32_t i = 0; i < block.slots; i++) {
      const auto [bytes, length] = block.frames[i];
      const bool more = (block.more >> i & 1) != 0;
      taken->packets += !more;
      measure(lane, bytes, length, more);
    }
    return;
  }
  if (const uint32_t header_length = options_.header_length; header_length != 0) {
    for (uint32_t i = 0; i < block.slots; i++) {
      FrameBytes& frame = block.frames[i];
      frame = {frame.bytes + header_length, frame.length - header_length};
    }
  }
  taken->packets += block.slots;
  arrivals_->packets(block.frames, block.slots);
}

// Takes `slots` slots and looks into them.
Sink::Taken Sink::inspect(Lane& lane, uint32_t slots) {
  const Ring& ring = lane.ring;
  Taken taken;
  taken.slots = slots;
  uint32_t slot = ring.head_in_range();
  for (uint32_t i = 0; i < slots; i++) {
    const Descriptor descriptor = ring.descriptor(slot);
    const auto [bytes, length] = ring.piece(slot, descriptor);
    const bool more = (descriptor.flags & abi::NS_MOREFRAG) != 0;
    if (options_.touch) touch_lines(bytes, length);
    if (options_.measure) measure(lane, bytes, length, more);
    if (numbers_) numbers_->arrived(static_cast<size_t>(&lane - lanes_.data()), bytes, length, more);
    if (options_.dump != nullptr) options_.dump->put(ring, slot, descriptor);
    taken.bytes += descriptor.len;
    taken.packets += !more;
    slot = ring.next(slot);
  }
  ring.advance(slot);
  return taken;
}

// Measures a packet when its last slot is there; puts the others by.
void Sink::measure(Lane& lane, const uint8_t* bytes, uint32_t length, bool more) {
  if (!more && lane.partial.empty()) return judge(bytes, length);
  if (lane.partial.size() + length <= kLongestPacket)
    lane.partial.insert(lane.partial.end(), bytes, bytes + length);
  if (more) return;
  judge(lane.partial.data(), static_cast<uint32_t>(lane.partial.size()));
  lane.partial.clear();
}

void Sink::judge(const uint8_t* packet, uint32_t length) {
  const uint32_t header_length = std::min(options_.header_length, length);
  arrivals_->packet(packet + header_length, length - header_length);
}

}  // namespace nm
