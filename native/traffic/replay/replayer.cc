#include "traffic/replay/replayer.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace nm {
namespace {

// How many packets are staged before the thread looks again whether one is due: half a microsecond's work.
constexpr uint64_t kStageAtOnce = 8;
// None are when one is due so soon.
constexpr uint64_t kTooSoon_ns = 1'000;
// How long a device is let be that has not taken all that was sent: some take the rest at the next sync only.
constexpr uint64_t kPending_ns = 200'000;

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
  return std::min(longest, Piece::kBytes);
}

Status Replayer::work() {
  next_piece(kNever_ns);
  start_ns_ = monotonic_ns();
  set(figures_.start_ns, start_ns_);
  if (options_.duration_ns != 0) end_ns_ = start_ns_ + options_.duration_ns;

  Status status = Status::ok;
  uint64_t now = start_ns_;
  while (status == Status::ok && !stopped() && now < end_ns_) {
    stage(now);
    const uint32_t due = count_due(now);
    if (due > 0) {
      status = send(due);
    } else if (staged() == 0) {
      if (ended_) break;
      status = wait_to_stage();
    } else if (staged_all_it_can_) {
      status = wait_until_due(now);
    }
    now = monotonic_ns();
  }
  return status == Status::ok ? drain_all() : status;
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
  const uint64_t most = options_.timed ? staged_.size() : options_.burst;
  const uint64_t at_once = options_.timed ? kStageAtOnce : options_.burst;
  for (uint64_t i = 0; i < at_once; i++) {
    if (options_.timed && staged() > 0 && staged(staged_begin_).due_ns + start_ns_ < now_ns + kTooSoon_ns)
      return;
    const bool more = next_in_piece_ < piece_.packets.size() || next_piece(0);
    if (!more || staged() == most || !stage_one(piece_.packets[next_in_piece_])) {
      staged_all_it_can_ = true;
      return;
    }
    next_in_piece_++;
  }
}

// Copies a packet into slots past those that are filled. False when there is no room for it.
bool Replayer::stage_one(const Piece::Packet& packet) {
  Lane& lane = lanes_[packet.side];
  const Ring& ring = lane.ring;
  const uint32_t size = ring.buffer_size();
  // Nearly all packets fit into one; a division would take as long as all the rest.
  const uint32_t slots = packet.length <= size ? 1 : (packet.length + size - 1) / size;
  if (ring.distance(lane.filled_to, ring.tail()) < slots) return false;

  const uint8_t* const bytes = piece_.bytes.data() + packet.offset;
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
  staged_[staged_end_++ & mask_] = {packet.due_ns, packet.length, packet.side, slot};
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
  ended_ = piece_.packets.empty();
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

// How many of the staged packets may leave now.
uint32_t Replayer::count_due(uint64_t now_ns) const {
  const uint32_t most = static_cast<uint32_t>(std::min<uint64_t>(staged(), options_.burst));
  if (!options_.timed) return most;
  uint32_t due = 0;
  while (due < most && staged(staged_begin_ + due).due_ns <= now_ns - start_ns_) due++;
  return due;
}

// Shows the device the first `packets` that are staged.
Status Replayer::send(uint32_t packets) {
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
  for (size_t side = 0; side < lanes_.size() && status == Status::ok; side++) {
    if (!touched[side]) continue;
    lanes_[side].ring.advance(slot_after[side]);
    status = port(side).device().tx_sync();
  }

  const uint64_t now = monotonic_ns();
  if (options_.timed) {
    for (uint32_t i = 0; i < packets; i++)
      lateness_ns_.record(now - start_ns_ - staged(staged_begin_ + i).due_ns);
  }
  set(figures_.due_ns, staged(staged_begin_ + packets - 1).due_ns);
  staged_begin_ += packets;
  note_moved(packets, bytes, now);
  return status;
}

// Waits for the time of the first packet that is staged.
Status Replayer::wait_until_due(uint64_t now_ns) {
  const uint64_t due_ns = std::min(start_ns_ + staged(staged_begin_).due_ns, end_ns_);
  const auto is_pending = [](const Lane& lane) { return lane.ring.pending(); };
  const bool pending = std::any_of(lanes_.begin(), lanes_.end(), is_pending);
  if (!pending || due_ns - now_ns < 2 * kPending_ns) {
    alarm_.wait_until(due_ns, stop_flag());
    return Status::ok;
  }
  alarm_.wait_until(now_ns + kPending_ns, stop_flag());
  Status status = Status::ok;
  for (size_t side = 0; side < lanes_.size() && status == Status::ok; side++)
    status = port(side).device().tx_sync();
  return status;
}

// Nothing is staged: waits for room, or for the file.
Status Replayer::wait_to_stage() {
  if (next_in_piece_ < piece_.packets.size()) {
    set(figures_.waiting, 1);
    const Status status = wait_for_room(port(piece_.packets[next_in_piece_].side), end_ns_);
    set(figures_.waiting, 0);
    return status;
  }
  next_piece(end_ns_);
  return Status::ok;
}

}  // namespace nm
