#include "traffic/replay/replayer.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "cache_line.h"
#include "prefetch.h"

namespace nm {
namespace {

// How many packets are staged before the thread looks again whether one is due: half a microsecond's work.
constexpr uint64_t kStageAtOnce = 8;
// None are when one is due so soon.
constexpr uint64_t kTooSoon_ns = 1'000;
// How long a device is let be that has not taken all that was sent: some take the rest at the next sync only.
constexpr uint64_t kPending_ns = 200'000;

// How far ahead the bytes of packets are asked for: the processor itself does not look past the end of a page.
constexpr uint32_t kBytesAhead = 1024;
// How many packets ahead their buffers are.
constexpr uint32_t kPacketsAhead = 8;

uint32_t most_slots(const Ring& ring) { return std::min<uint32_t>(abi::NETMAP_MAX_FRAGS, ring.slots() - 1); }

}  // namespace

Replayer::Replayer(const std::vector<Port*>& ports, const ReplayerOptions& options,
                   std::unique_ptr<PieceSource> source)
    : Loop(ports), options_(options), source_(std::move(source)) {
  assert(!ports.empty() && options.burst > 0);
  size_t slots = 0;
  for (Port* const port : ports) {
    const Ring& ring = port->tx_rings().front();
    lanes_.push_back({ring, ring.head_in_range()});
    slots += ring.slots();
  }
  staged_.resize(std::bit_ceil(slots));
  mask_ = staged_.size() - 1;
}

std::vector<double> Replayer::counts() const {
  return {
#define row(name, text) static_cast<double>(figures_.name.load(std::memory_order_relaxed)),
      NM_REPLAY_FIGURES(row)
#undef row
  };
}

uint32_t Replayer::longest_packet(const std::vector<Port*>& ports) {
  uint32_t longest = UINT32_MAX;
  for (const Port* const port : ports) {
    const Ring& ring = port->tx_rings().front();
    longest = std::min(longest, most_slots(ring) * ring.buffer_size());
  }
  return std::min(longest, Batch::kBytes);
}

Status Replayer::work() {
  next_piece(kNever_ns);
  // What is in slots before the start costs no time after it, page faults least of all.
  while (options_.timed && stage_one()) {
  }
  start_ns_ = monotonic_ns();
  set(figures_.start_ns, start_ns_);
  if (options_.duration_ns != 0) end_ns_ = start_ns_ + options_.duration_ns;

  const Status status = options_.timed ? send_in_time() : send_as_taken();
  return status == Status::ok ? drain_all() : status;
}

Status Replayer::send_in_time() {
  Status status = Status::ok;
  uint64_t now = start_ns_;
  while (status == Status::ok && !stopped() && now < end_ns_) {
    stage(now);
    const uint32_t due = count_due(now);
    if (due > 0) {
      status = send(due, now);
    } else if (staged() == 0) {
      if (ended_) break;
      status = wait_to_stage();
    } else if (staged_all_it_can_) {
      now = wait_until_due(now, &status);
      continue;
    }
    now = monotonic_ns();
  }
  return status;
}

// As fast as the ports take them.
Status Replayer::send_as_taken() {
  Status status = Status::ok;
  for (uint64_t now = start_ns_; status == Status::ok && !stopped() && now < end_ns_; now = monotonic_ns()) {
    const SlotsPassed filled = fill();
    if (filled.packets > 0) {
      for (size_t side = 0; side < lanes_.size() && status == Status::ok; side++) {
        const Lane& lane = lanes_[side];
        if (lane.filled_to != lane.ring.head()) status = show(side, lane.filled_to);
      }
      note_moved(filled.packets, filled.bytes, monotonic_ns());
    } else if (ended_) {
      break;
    } else {
      status = wait_to_stage();
    }
  }
  return status;
}

// Waits until the receivers have taken what was sent.
Status Replayer::drain_all() {
  set(figures_.waiting, 1);
  const Status status = drain(options_.linger_ns);
  set(figures_.waiting, 0);
  return status;
}

// Puts what comes next into slots, as far as there is room and time.
void Replayer::stage(uint64_t now_ns) {
  staged_all_it_can_ = false;
  for (uint64_t i = 0; i < kStageAtOnce; i++) {
    if (staged() > 0 && staged(staged_begin_).due_ns + start_ns_ < now_ns + kTooSoon_ns) return;
    if (!stage_one()) {
      staged_all_it_can_ = true;
      return;
    }
  }
}

// Fills slots with the next packets, a burst at most. Returns what found room.
SlotsPassed Replayer::fill() {
  SlotsPassed filled;
  while (filled.packets < options_.burst && more_in_piece()) {
    const SlotsPassed run = fill_run(options_.burst - filled.packets);
    filled.packets += run.packets;
    filled.bytes += run.bytes;
    if (run.packets > 0) continue;
    const Batch::Packet& packet = piece_.packet(next_in_piece_);
    if (!put(packet)) break;
    next_in_piece_++;
    filled.packets++;
    filled.bytes += packet.length;
  }
  return filled;
}

// Fills slots with the next packets of the piece, at most `most` and none past the ring's end, as long as each takes one slot of
// one ring: the loop that has to be fast. Another core may have read the buffers, so their lines are asked for ahead.
SlotsPassed Replayer::fill_run(uint64_t most) {
  if (piece_.linked) return {};
  const Batch::Packet* const packets = piece_.batch->packets.data() + next_in_piece_;
  const uint8_t* const bytes = piece_.batch->bytes.data();
  const uint32_t side = packets->side;
  Lane& lane = lanes_[side];
  const Ring ring = lane.ring;
  const uint32_t size = ring.buffer_size();
  const uint32_t few = few_lines_within(size);
  const uint32_t first = lane.filled_to;
  const auto run = static_cast<uint32_t>(std::min<uint64_t>(
      {most, piece_.count - next_in_piece_, ring.distance(first, ring.tail()), ring.slots() - first}));

  // SlotsAhead, which can go on past the ring's end, makes this a seventh slower. [measured]
  const auto ask_for = [&](uint32_t i) {
    if (i < run) prefetch_to_write(ring.start(ring.descriptor(first + i).buf_idx));
  };
  for (uint32_t i = 0; i < kPacketsAhead; i++) ask_for(i);
  uint64_t sum = 0;
  uint32_t i = 0;
  for (; i < run; i++) {
    ask_for(i + kPacketsAhead);
    const Batch::Packet packet = packets[i];
    if (packet.side != side || packet.length > size || packet.captured != packet.length) [[unlikely]]
      break;
    prefetch_to_read(bytes + packet.offset + kBytesAhead);
    const uint32_t buf_idx = ring.descriptor(first + i).buf_idx;
    uint8_t* const to = ring.start(buf_idx);
    copy_lines(to, bytes + packet.offset, packet.length, few);
    ring.put(first + i, {buf_idx, static_cast<uint16_t>(packet.length), 0});
    sum += packet.length;
  }
  lane.filled_to = first + i == ring.slots() ? 0 : first + i;
  next_in_piece_ += i;
  return {i, sum};
}

// Fills slots with the next packet, and notes when they are to be shown. False when there is none now, or no room.
bool Replayer::stage_one() {
  if (!more_in_piece() || staged() == staged_.size()) return false;
  const Batch::Packet& packet = piece_.packet(next_in_piece_);
  if (!put(packet)) return false;
  const uint64_t due_ns = piece_.due_ns(next_in_piece_++);
  staged_[staged_end_++ & mask_] = {due_ns, packet.length, packet.side, lanes_[packet.side].filled_to};
  return true;
}

// Copies a packet into slots past those that are filled. False when there is no room for it.
bool Replayer::put(const Batch::Packet& packet) {
  Lane& lane = lanes_[packet.side];
  const Ring& ring = lane.ring;
  const uint32_t size = ring.buffer_size();
  // Nearly all packets fit into one; a division would take as long as all the rest.
  const uint32_t slots = packet.length <= size ? 1 : (packet.length + size - 1) / size;
  if (ring.distance(lane.filled_to, ring.tail()) < slots) return false;

  const uint8_t* const bytes = piece_.bytes(packet);
  uint32_t slot = lane.filled_to;
  for (uint32_t done = 0; done < packet.length;) {
    const uint32_t some = std::min(packet.length - done, size);
    const uint32_t captured = done < packet.captured ? std::min(some, packet.captured - done) : 0;
    const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
    uint8_t* const to = ring.start(buf_idx);
    std::memcpy(to, bytes + done, captured);
    if (captured < some) std::memset(to + captured, 0, some - captured);
    done += some;
    const uint16_t flags = done < packet.length ? abi::NS_MOREFRAG : 0;
    ring.put(slot, {buf_idx, static_cast<uint16_t>(some), flags});
    slot = ring.next(slot);
  }
  lane.filled_to = slot;
  return true;
}

// Whether there are more packets now, or by `deadline_ns`.
bool Replayer::next_piece(uint64_t deadline_ns) {
  if (ended_ || !source_->wait_ready(deadline_ns)) return false;
  source_->next(&piece_);
  next_in_piece_ = 0;
#define row(name, text) set(figures_.name, piece_.counts.name);
  NM_FEED_COUNTS(row)
#undef row
  set(figures_.file_offset, piece_.file_offset);
  ended_ = piece_.empty();
  if (ended_) note_end();
  return !ended_;
}

void Replayer::note_end() {
  const FeedEnd& end = source_->end();
  set(figures_.end, static_cast<uint64_t>(end.kind));
  set(figures_.fault, static_cast<uint64_t>(end.fault.kind));
  set(figures_.fault_offset, end.fault.offset);
  set(figures_.fault_found, end.fault.found);
}

// Shows the device of a side its slots before that one.
Status Replayer::show(size_t side, uint32_t slot) {
  lanes_[side].ring.advance(slot);
  return sync_tx(port(side));
}

// How many of the staged packets are due by the time that a sync is over which begins now. Those of the end are not.
uint32_t Replayer::count_due(uint64_t now_ns) const {
  const uint64_t over_ns = std::min(now_ns + lead_.ns(), end_ns_ - 1) - start_ns_;
  const uint32_t most = static_cast<uint32_t>(std::min<uint64_t>(staged(), options_.burst));
  uint32_t due = 0;
  while (due < most && staged(staged_begin_ + due).due_ns <= over_ns) due++;
  return due;
}

// Shows the device the first `packets` that are staged, which were found due at `found_ns`.
Status Replayer::send(uint32_t packets, uint64_t found_ns) {
  uint64_t bytes = 0;
  std::array<bool, 2> touched{};
  std::array<uint32_t, 2> slot_after{};
  for (uint32_t i = 0; i < packets; i++) {
    const Staged& one = staged(staged_begin_ + i);
    bytes += one.bytes;
    touched[one.side] = true;
    slot_after[one.side] = one.slot_after;
  }
  Status status = Status::ok;
  for (size_t side = 0; side < lanes_.size() && status == Status::ok; side++)
    if (touched[side]) status = show(side, slot_after[side]);

  const uint64_t now = monotonic_ns();
  if (packets == 1) lead_.took(now - found_ns);
  for (uint32_t i = 0; i < packets; i++) {
    const uint64_t due_ns = start_ns_ + staged(staged_begin_ + i).due_ns;
    lateness_ns_.record(now - std::min(now, due_ns));
  }
  set(figures_.due_ns, staged(staged_begin_ + packets - 1).due_ns);
  staged_begin_ += packets;
  note_moved(packets, bytes, now);
  return status;
}

// Waits for the time of the first packet that is staged. Returns what the clock showed in the end.
uint64_t Replayer::wait_until_due(uint64_t now_ns, Status* status) {
  const uint64_t at_ns = start_ns_ + staged(staged_begin_).due_ns;
  const uint64_t begin_ns = at_ns < end_ns_ ? at_ns - lead_.ns() : end_ns_;
  const auto is_pending = [](const Lane& lane) { return lane.ring.pending(); };
  const bool pending = std::any_of(lanes_.begin(), lanes_.end(), is_pending);
  if (!pending || begin_ns - now_ns < 2 * kPending_ns) return alarm_.wait_until(begin_ns, stop_flag());
  const uint64_t now = alarm_.wait_until(now_ns + kPending_ns, stop_flag());
  for (size_t side = 0; side < lanes_.size() && *status == Status::ok; side++) *status = sync_tx(port(side));
  return now;
}

// Nothing is staged: waits for room, or for the file.
Status Replayer::wait_to_stage() {
  if (next_in_piece_ < piece_.size()) {
    set(figures_.waiting, 1);
    const Status status = wait_for_room(port(piece_.packet(next_in_piece_).side), end_ns_);
    set(figures_.waiting, 0);
    return status;
  }
  next_piece(end_ns_);
  return Status::ok;
}

}  // namespace nm
