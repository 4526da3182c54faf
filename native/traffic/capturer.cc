#include "traffic/capturer.h"

#include <algorithm>
#include <cassert>

#include "traffic/alarm.h"

namespace nm {
namespace {

// How long to leave the recorder alone that has no room.
constexpr uint64_t kFullPause_ns = 1'000'000;

// Packets that had no room in the port's rings.
uint64_t dropped_by(Port& port) {
  uint64_t dropped = 0;
  for (const Ring& ring : port.rx_rings()) {
    Counters counters;
    port.device().rx_counters(ring.shared()->ringid, &counters);
    dropped += counters.drops_full;
  }
  return dropped;
}

}  // namespace

Capturer::Capturer(const std::vector<Port*>& ports, const CapturerOptions& options)
    : Loop(ports),
      options_(options),
      input_(std::make_unique<Recorder::Input>(options.recorder)),
      counts_(ports.size()),
      gone_(ports.size()),
      waiting_(devices()) {
  for (Port* const port : ports) {
    assert(!port->rx_rings().empty());
    tells_direction_.push_back((port->granted().nr_flags & (abi::NR_MONITOR_TX | abi::NR_MONITOR_RX)) != 0);
    dropped_before_.push_back(dropped_by(*port));
  }
}

Status Capturer::work() {
  const uint64_t start_ns = monotonic_ns();
  const uint64_t end_ns = options_.duration_ns != 0 ? start_ns + options_.duration_ns : kNever_ns;
  uint64_t flush_ns = start_ns + Recorder::kFlush_ns;
  Status status = Status::ok;
  while (status == Status::ok && !stopped() && (options_.count == 0 || captured_ < options_.count)) {
    status = sync();
    const uint64_t now = monotonic_ns();
    if (status != Status::ok || now >= end_ns || options_.recorder->error() != 0) break;

    const Round round = take_all(real_time_ns());
    if (round.passed.packets > 0) note_moved(round.passed.packets, round.passed.bytes, now);
    if (now >= flush_ns || !round.moved) {
      note_drops();
      input_->flush();
      flush_ns = now + Recorder::kFlush_ns;
    }
    if (round.held_back) {
      wait_until(std::min(now + kFullPause_ns, end_ns), stop_flag());
    } else if (!round.moved) {
      status = wait(end_ns);
    }
  }
  if (status == Status::port_gone) take_rest();
  // What was taken goes back.
  if (status == Status::ok) status = sync();
  note_drops();
  // Returns when everything is written.
  input_.reset();
  return status;
}

Status Capturer::sync() {
  bool any = false;
  for (size_t i = 0; i < ports().size(); i++) {
    if (gone_[i]) continue;
    const Status status = sync_rx(*ports()[i]);
    gone_[i] = status == Status::port_gone || status == Status::interface_gone;
    if (status != Status::ok && !gone_[i]) return status;
    any |= !gone_[i];
  }
  return any ? Status::ok : Status::port_gone;
}

// What ports that went away had received before.
void Capturer::take_rest() {
  for (Round round; !stopped();) {
    round = take_all(real_time_ns());
    if (!round.moved && !round.held_back) break;
    if (round.passed.packets > 0) note_moved(round.passed.packets, round.passed.bytes, monotonic_ns());
    if (round.held_back) wait_until(monotonic_ns() + kFullPause_ns, stop_flag());
  }
}

Capturer::Round Capturer::take_all(int64_t time_ns) {
  Round all;
  for (uint32_t number = 0; number < ports().size(); number++) {
    for (const Ring& ring : ports()[number]->rx_rings()) {
      const Round round = take(number, ring, time_ns);
      all.passed.packets += round.passed.packets;
      all.passed.bytes += round.passed.bytes;
      all.moved |= round.moved;
      all.held_back |= round.held_back;
    }
  }
  return all;
}

Capturer::Round Capturer::take(uint32_t number, const Ring& ring, int64_t time_ns) {
  Round round;
  uint32_t at = ring.head_in_range();
  const uint32_t begin = at;
  uint32_t left = std::min(ring.space(), options_.burst);
  while (left > 0 && (options_.count == 0 || captured_ < options_.count)) {
    PacketSlots packet = find_packet(ring, at, ring.space() - ring.distance(begin, at));
    // One that fills the ring and has no end is captured as far as it goes.
    if (packet.slots == 0) {
      if (ring.space() + 1 < ring.slots()) break;
      packet = all_slots(ring, at, ring.space());
    }
    if (options_.filter && !chosen(ring, packet)) {
      add(counts_[number].filtered, 1);
    } else if (record(number, ring, packet, time_ns)) {
      captured_++;
      round.passed.packets++;
      round.passed.bytes += packet.bytes;
    } else {
      round.held_back = true;
      add(counts_[number].held_back, 1);
      break;
    }
    round.moved = true;
    at = (at + packet.slots) % ring.slots();
    left -= std::min(left, packet.slots);
  }
  ring.advance(at);
  return round;
}

bool Capturer::chosen(const Ring& ring, const PacketSlots& packet) {
  return options_.filter->matches(packet_bytes(ring, packet, &whole_), packet.bytes, packet.bytes);
}

// Whether the recorder had room.
bool Capturer::record(uint32_t number, const Ring& ring, const PacketSlots& packet, int64_t time_ns) {
  CaptureRecord record;
  record.interface = number;
  record.time_ns = time_ns;
  record.length = packet.bytes;
  record.captured = options_.snaplen != 0 ? std::min(packet.bytes, options_.snaplen) : packet.bytes;
  if (tells_direction_[number]) {
    const bool sent = (ring.descriptor(packet.first).flags & abi::NS_TXMON) != 0;
    record.direction = sent ? CaptureDirection::sent : CaptureDirection::received;
  }
  uint8_t* to = input_->put(record);
  if (to == nullptr) return false;

  copy_bytes(ring, packet, record.captured, to);
  CaptureCounts& counts = counts_[number];
  add(counts.packets, 1);
  add(counts.bytes, packet.bytes);
  add(counts.kept_bytes, record.captured);
  return true;
}

Status Capturer::wait(uint64_t until_ns) {
  for (size_t i = 0; i < ports().size(); i++) {
    for (const Ring& ring : ports()[i]->rx_rings()) ring.advance_and_want_more(ring.head_in_range());
    waiting_.want(i, gone_[i] ? 0 : kReadable);
  }
  return wait_for(waiting_, until_ns);
}

// Tells the recorder what each port received, and what it dropped because nobody took it in time.
void Capturer::note_drops() {
  for (uint32_t number = 0; number < ports().size(); number++) {
    const CaptureCounts& counts = counts_[number];
    const uint64_t dropped = dropped_by(*ports()[number]) - dropped_before_[number];
    input_->note(number, counts.packets + counts.filtered + dropped, dropped);
  }
}

// Of each port, its counts in the order of NM_CAPTURE_COUNTS.
std::vector<double> Capturer::counts() const {
  std::vector<double> all;
  for (const CaptureCounts& counts : counts_) {
#define row(name, text) all.push_back(static_cast<double>(counts.name.load(std::memory_order_relaxed)));
    NM_CAPTURE_COUNTS(row)
#undef row
  }
  return all;
}

}  // namespace nm
