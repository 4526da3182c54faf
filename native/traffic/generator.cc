#include "traffic/generator.h"

#include <algorithm>
#include <cassert>

namespace nm {
namespace {

// How long the generator lets a queue of dumped packets be before it looks again.
constexpr uint64_t kDumpPause_ns = 1'000'000;

}  // namespace

Generator::Generator(Port& port, const GeneratorOptions& options)
    : Generator(port, options, std::make_unique<FrameFiller>(port, options)) {}

Generator::Generator(Port& port, const GeneratorOptions& options, std::unique_ptr<Filler> filler)
    : Loop(port), options_(options), filler_(std::move(filler)), lanes_(port.tx_rings()) {
  assert(!lanes_.empty() && options.burst > 0);
}

Status Generator::work() {
  for (const Ring& ring : lanes_) {
    if (filler_->slots_per_packet() >= ring.slots()) return Status::bad_geometry;
  }
  if (options_.start_ns != 0) alarm_.wait_until(options_.start_ns, stop_flag());
  const uint64_t start_ns = options_.start_ns != 0 ? options_.start_ns : monotonic_ns();
  const uint64_t end_ns = options_.duration_ns != 0 ? start_ns + options_.duration_ns : kNever_ns;
  if (options_.schedule.limited()) pace_.emplace(options_.schedule, start_ns, options_.pace);

  Status status = Status::ok;
  for (uint64_t now = monotonic_ns(); status == Status::ok && !over(now, end_ns); now = monotonic_ns()) {
    // What was due before the end leaves or is given up, however late that is noticed.
    const bool ending = now >= end_ns;
    const uint64_t packets = wanted(std::min(now, end_ns - 1));
    if (packets == 0 && ending) break;
    if (packets == 0) {
      const uint64_t next_ns = options_.dump != nullptr ? now + kDumpPause_ns : pace_->next_ns();
      alarm_.wait_until(std::min(next_ns, end_ns), stop_flag());
      continue;
    }

    const Filled filled = fill(packets, now);
    if (filled.packets == 0 && ending) break;
    if (filled.packets == 0) {
      status = wait_for_room(end_ns);
      continue;
    }
    status = sync_tx(port());
    note_sent(filled, now);
  }
  return status == Status::ok ? drain(options_.linger_ns) : status;
}

bool Generator::over(uint64_t now_ns, uint64_t end_ns) const {
  return stopped() || (now_ns >= end_ns && !pace_) || (options_.count != 0 && sent_ == options_.count) ||
         (pace_ && pace_->over());
}

// How many packets this round may send: what is left of the count, what is due, and what the dump has room
// for.
uint64_t Generator::wanted(uint64_t now_ns) {
  uint64_t packets = options_.count != 0 ? options_.count - sent_ : UINT64_MAX;
  if (pace_) packets = std::min(packets, pace_->due(now_ns));
  if (options_.dump != nullptr)
    packets = std::min(packets, options_.dump->room() / filler_->slots_per_packet());
  return packets;
}

// `now_ns` is when the round began. How long it took since then is in the next one's time.
void Generator::note_sent(const Filled& filled, uint64_t now_ns) {
  sent_ += filled.packets;
  note_moved(filled.packets, filled.bytes, now_ns);
  if (before_ns_ != 0) gap_ns_.record(now_ns - before_ns_);
  gap_ns_.record(0, filled.packets - 1);
  before_ns_ = now_ns;
  if (!pace_) return note_departure(now_ns, filled.packets);
  pace_->sent(filled.packets);
  note_departure(now_ns, pace_->longest_train());
  set(progress().stalls, pace_->stalls());
  set(progress().forgone, pace_->forgone());
}

// Fills slots with up to `packets` packets, a burst per ring, as far as there is room.
Filled Generator::fill(uint64_t packets, uint64_t now_ns) {
  Filled all;
  for (size_t i = 0; i < lanes_.size() && all.packets < packets; i++) {
    const size_t lane = (first_lane_ + i) % lanes_.size();
    const uint32_t room = lanes_[lane].space() / filler_->slots_per_packet();
    const uint64_t some = std::min<uint64_t>(packets - all.packets, std::min(room, options_.burst));
    if (some == 0) continue;
    const Filled filled = filler_->fill(lane, static_cast<uint32_t>(some), now_ns);
    all.packets += filled.packets;
    all.bytes += filled.bytes;
  }
  first_lane_ = (first_lane_ + 1) % lanes_.size();
  return all;
}

}  // namespace nm
