#include "traffic/generator.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "traffic/alarm.h"

namespace nm {
namespace {

// No buffer has this index, so a slot that remembers it is written.
constexpr uint32_t kNothingWritten = UINT32_MAX;

// How long the generator lets a queue of dumped packets be before it looks again.
constexpr uint64_t kDumpPause_ns = 1'000'000;

FrameSpec with_room_for_mark(FrameSpec frame, bool mark) {
  if (mark) frame.reserved_at_end = kMarkLength;
  return frame;
}

}  // namespace

Generator::Generator(Port& port, const GeneratorOptions& options)
    : Loop(port), options_(options), frame_(with_room_for_mark(options.frame, options.mark)) {
  assert(!port.tx_rings().empty() && options.burst > 0 && options.fragments > 0);
  assert(!options.mark || options.contents != Contents::never);

  uint16_t stream = options.first_stream;
  for (const Ring& ring : port.tx_rings()) {
    Lane& lane = lanes_.emplace_back();
    lane.ring = ring;
    lane.written.assign(ring.slots(), kNothingWritten);
    if (options.mark) lane.marker.emplace(frame_, stream++);
  }

  const uint32_t length = frame_.length();
  const uint32_t buffer_size = lanes_.front().ring.buffer_size();
  assert(buffer_size >= kHeadersLength);
  const uint32_t longest =
      options.longest_fragment == 0 ? buffer_size : std::min(options.longest_fragment, buffer_size);
  slots_per_packet_ = std::min(options.fragments, length);
  fragment_length_ = length / slots_per_packet_;
  if (fragment_length_ > longest) {
    fragment_length_ = longest;
    slots_per_packet_ = (length + longest - 1) / longest;
  }
  if (slots_per_packet_ > 1) assembled_.resize(std::max(length, kHeadersLength));

  const bool differ = options.mark || frame_.varies() || options.contents == Contents::always;
  composes_ =
      (differ && options.contents != Contents::never) || slots_per_packet_ > 1 || options.dump != nullptr;
}

Status Generator::work() {
  for (const Lane& lane : lanes_) {
    if (slots_per_packet_ >= lane.ring.slots()) return Status::bad_geometry;
  }
  if (options_.start_ns != 0) wait_until(options_.start_ns, stop_flag());
  const uint64_t start_ns = options_.start_ns != 0 ? options_.start_ns : monotonic_ns();
  const uint64_t end_ns = options_.duration_ns != 0 ? start_ns + options_.duration_ns : kNever_ns;
  if (options_.rate.limited()) pace_.emplace(options_.rate, start_ns);

  Status status = Status::ok;
  while (status == Status::ok && !stopped() && (options_.count == 0 || sent_ < options_.count)) {
    const uint64_t now = monotonic_ns();
    if (now >= end_ns) break;

    const uint64_t packets = wanted(now);
    if (packets == 0) {
      const uint64_t next_ns = options_.dump != nullptr ? now + kDumpPause_ns : pace_->due_ns(sent_);
      wait_until(std::min(next_ns, end_ns), stop_flag());
      continue;
    }

    const uint64_t filled = fill(packets, now);
    if (filled == 0) {
      status = wait_for_room(end_ns);
      continue;
    }
    sent_ += filled;
    status = port().device().tx_sync();
    note_moved(filled, filled * frame_.length(), now);
  }
  return status == Status::ok ? finish() : status;
}

// How many packets this round may send: what is left of the count, what is due, and what the dump has room
// for.
uint64_t Generator::wanted(uint64_t now_ns) {
  uint64_t packets = options_.count != 0 ? options_.count - sent_ : UINT64_MAX;
  if (pace_) {
    packets = std::min(packets, pace_->due(now_ns, sent_));
    set(progress().stalls, pace_->stalls());
    set(progress().forgone, pace_->forgone());
  }
  if (options_.dump != nullptr) packets = std::min(packets, options_.dump->room() / slots_per_packet_);
  return packets;
}

// Fills slots with up to `packets` packets, a burst per ring. Returns how many found room.
uint64_t Generator::fill(uint64_t packets, uint64_t now_ns) {
  uint64_t left = packets;
  for (size_t i = 0; i < lanes_.size() && left > 0; i++) {
    Lane& lane = lanes_[(first_lane_ + i) % lanes_.size()];
    const uint32_t room = lane.ring.space() / slots_per_packet_;
    const uint32_t some = static_cast<uint32_t>(std::min<uint64_t>(left, std::min(room, options_.burst)));
    if (some == 0) continue;
    if (composes_) {
      put_composed(lane, some, now_ns);
    } else {
      put_same(lane, some);
    }
    left -= some;
  }
  first_lane_ = (first_lane_ + 1) % lanes_.size();
  return packets - left;
}

// Packets of one slot that are all the same: the loop that has to be fast. What it uses is in locals, because
// the compiler must assume that storing a descriptor changes everything else.
void Generator::put_same(Lane& lane, uint32_t packets) {
  const Ring ring = lane.ring;
  const bool writes = options_.contents != Contents::never;
  const uint16_t length = static_cast<uint16_t>(frame_.length());
  uint32_t* const written = lane.written.data();

  uint32_t slot = ring.head_in_range();
  uint32_t last = slot;
  for (uint32_t left = packets; left > 0;) {
    const uint32_t run = std::min(left, ring.slots() - slot);
    for (const uint32_t end = slot + run; slot < end; slot++) {
      const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
      if (writes && written[slot] != buf_idx) [[unlikely]] {
        frame_.write(ring.buffer(buf_idx));
        written[slot] = buf_idx;
      }
      ring.put(slot, {buf_idx, length, 0});
    }
    last = slot - 1;
    if (slot == ring.slots()) slot = 0;
    left -= run;
  }
  // A network card tells us only of slots with this flag that they were sent.
  ring.put(last, {ring.descriptor(last).buf_idx, length, abi::NS_REPORT});
  ring.advance(slot);
}

// Packets that differ, that take several slots, or that somebody wants to see.
void Generator::put_composed(Lane& lane, uint32_t packets, uint64_t now_ns) {
  const Ring& ring = lane.ring;
  uint32_t slot = ring.head_in_range();
  for (uint32_t i = 0; i < packets; i++) {
    const uint16_t report = i + 1 == packets ? abi::NS_REPORT : 0;
    if (slots_per_packet_ > 1) {
      compose(lane, assembled_.data(), true, now_ns);
      slot = put_fragments(lane, slot, report);
      continue;
    }
    const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
    const bool anew = lane.written[slot] != buf_idx || options_.contents == Contents::always;
    compose(lane, ring.buffer(buf_idx), anew, now_ns);
    lane.written[slot] = buf_idx;
    put(ring, slot, {buf_idx, static_cast<uint16_t>(frame_.length()), report});
    slot = ring.next(slot);
  }
  ring.advance(slot);
}

// Cuts the assembled frame into slots from `slot` on. Returns the slot after them.
uint32_t Generator::put_fragments(Lane& lane, uint32_t slot, uint16_t report) {
  const Ring& ring = lane.ring;
  uint32_t offset = 0;
  for (uint32_t i = 0; i < slots_per_packet_; i++) {
    const bool last = i + 1 == slots_per_packet_;
    const uint32_t length = last ? frame_.length() - offset : fragment_length_;
    const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
    if (options_.contents != Contents::never)
      std::memcpy(ring.buffer(buf_idx), assembled_.data() + offset, length);
    put(ring, slot, {buf_idx, static_cast<uint16_t>(length), last ? report : abi::NS_MOREFRAG});
    offset += length;
    slot = ring.next(slot);
  }
  return slot;
}

// Makes `to` the next packet. What it holds already may stay, unless it is to be written `anew`.
void Generator::compose(Lane& lane, uint8_t* to, bool anew, uint64_t now_ns) {
  if (options_.contents == Contents::never) return;
  if (anew) {
    frame_.write(to);
  } else if (frame_.varies()) {
    frame_.write_varying(to);
  }
  if (lane.marker) lane.marker->write(frame_, to, lane.sequence++, static_cast<uint32_t>(now_ns));
  if (frame_.varies()) frame_.step();
}

void Generator::put(const Ring& ring, uint32_t slot, Descriptor descriptor) {
  ring.put(slot, descriptor);
  if (options_.dump != nullptr) options_.dump->put(ring, slot, descriptor);
}

// Waits until a ring has more room than it has now, which was too little.
Status Generator::wait_for_room(uint64_t deadline_ns) {
  for (const Lane& lane : lanes_) lane.ring.advance_and_want_more(lane.ring.head_in_range());
  return wait_for(kWritable, deadline_ns);
}

// Waits until the receiver has taken everything, as long as it goes on taking.
Status Generator::finish() {
  Status status = port().device().tx_sync();
  uint64_t left = pending();
  uint64_t deadline_ns = monotonic_ns() + options_.linger_ns;
  while (status == Status::ok && left > 0 && !stopped() && monotonic_ns() < deadline_ns) {
    status = wait_for_room(deadline_ns);
    const uint64_t still = pending();
    if (still < left) deadline_ns = monotonic_ns() + options_.linger_ns;
    left = still;
  }
  set(progress().pending, left);
  if (left == 0 && sent_ > 0) set(progress().last_ns, monotonic_ns());
  return status;
}

// Slots that were sent and that the device still holds.
uint64_t Generator::pending() const {
  uint64_t slots = 0;
  for (const Lane& lane : lanes_) slots += lane.ring.slots() - 1 - lane.ring.space();
  return slots;
}

}  // namespace nm
