#include "traffic/pinger.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "traffic/alarm.h"

namespace nm {
namespace {

// Requests that are remembered: enough to know late answers, and 32 MB of them at most.
constexpr uint64_t kFewestRequests = 4096;
constexpr uint64_t kMostRequests = 1 << 20;

// As many requests as may wait for an answer at a time, and some more.
uint64_t capacity_for(const PingerOptions& options) {
  uint64_t waiting = options.burst;
  if (options.schedule.limited()) {
    // In doubles: exactness does not matter, and nothing overflows.
    const double in_patience = options.schedule.highest_rate() * static_cast<double>(options.patience_ns);
    waiting = in_patience < kMostRequests ? static_cast<uint64_t>(in_patience) + 1 : kMostRequests;
  }
  return std::clamp(2 * waiting, kFewestRequests, kMostRequests);
}

}  // namespace

Pinger::Pinger(Port& port, const PingerOptions& options)
    : Loop(port), options_(options), frame_(options.frame), requests_(capacity_for(options)) {
  assert(!port.tx_rings().empty() && !port.rx_rings().empty());
  assert(options.burst > 0 && options.burst <= kLargestPingBurst);
  assert(options.header_length + frame_.length() <= port.tx_rings().front().buffer_size());
}

Status Pinger::work() {
  if (options_.start_ns != 0) wait_until(options_.start_ns, stop_flag());
  const uint64_t start_ns = options_.start_ns != 0 ? options_.start_ns : monotonic_ns();
  const uint64_t end_ns = options_.duration_ns != 0 ? start_ns + options_.duration_ns : kNever_ns;
  if (options_.schedule.limited()) pace_.emplace(options_.schedule, start_ns, options_.pace);

  const bool by_waiting = syncs_by_waiting(port());
  Status status = Status::ok;
  while (status == Status::ok && !stopped()) {
    // Answers first: their time runs until they are seen.
    if (!by_waiting) status = sync_rx(port());
    const uint64_t now = monotonic_ns();
    receive(now);
    give_up(now);
    const bool done_sending = now >= end_ns || all_sent();
    if (status != Status::ok || (done_sending && waiting_ == 0)) break;

    const uint64_t due = done_sending ? 0 : wanted(now);
    const uint32_t sent = due > 0 ? send(due) : 0;
    if (sent > 0) status = sync_tx(port());
    const bool no_room = due > 0 && sent == 0;
    if (status == Status::ok) {
      status = wait_for(no_room ? kReadable | kWritable : kReadable, next_event_ns(end_ns));
    }
  }
  set(progress().pending, waiting_);
  return status == Status::ok ? sync_rx(port()) : status;
}

// How many requests leave now.
uint64_t Pinger::wanted(uint64_t now_ns) {
  uint64_t requests = options_.count != 0 ? options_.count - sent_ : UINT64_MAX;
  if (pace_) {
    requests = std::min(requests, pace_->due(now_ns));
  } else {
    requests = waiting_ == 0 ? std::min<uint64_t>(requests, options_.burst) : 0;
  }
  return std::min<uint64_t>(requests, requests_.size() - (sent_ - oldest_));
}

// Puts up to `requests` into TX rings. Returns how many found room.
uint32_t Pinger::send(uint64_t requests) {
  uint32_t sent = 0;
  const uint64_t now = monotonic_ns();
  for (const Ring& ring : port().tx_rings()) {
    const uint32_t some = static_cast<uint32_t>(std::min<uint64_t>(requests - sent, ring.space()));
    if (some > 0) sent += put(ring, some, now);
  }
  if (sent == 0) return sent;
  if (!pace_) {
    note_departure(now, sent);
    return sent;
  }
  pace_->sent(sent);
  note_departure(now, pace_->longest_train());
  set(progress().stalls, pace_->stalls());
  set(progress().forgone, pace_->forgone());
  return sent;
}

uint32_t Pinger::put(const Ring& ring, uint32_t requests, uint64_t now_ns) {
  uint32_t slot = ring.head_in_range();
  for (uint32_t i = 0; i < requests; i++, sent_++) {
    request(sent_) = {sent_, now_ns, true, false};
    const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
    uint8_t* const to = ring.start(buf_idx);
    std::memset(to, 0, options_.header_length);
    frame_.write(to + options_.header_length, words_of(sent_, now_ns));
    const uint32_t length = options_.header_length + frame_.length();
    ring.put(slot, {buf_idx, static_cast<uint16_t>(length), abi::NS_REPORT});
    dump(options_.dump, ring, slot);
    slot = ring.next(slot);
  }
  ring.advance(slot);
  waiting_ += requests;
  set(progress().requests, sent_);
  return requests;
}

void Pinger::receive(uint64_t now_ns) {
  for (const Ring& ring : port().rx_rings()) {
    uint32_t slot = ring.head_in_range();
    for (uint32_t left = ring.space(); left > 0; left--) {
      const Descriptor descriptor = ring.descriptor(slot);
      const Ring::Piece answer = ring.piece(slot, descriptor);
      dump(options_.dump, ring, slot);
      answered(answer.bytes, answer.length, now_ns);
      slot = ring.next(slot);
    }
    ring.advance(slot);
  }
}

void Pinger::answered(const uint8_t* frame, uint32_t length, uint64_t now_ns) {
  RoundTripWords words;
  const uint32_t header = std::min(options_.header_length, length);
  if (!frame_.read(frame + header, length - header, &words)) return add(progress().unmarked, 1);
  // The newest request with this sequence number: 32 bits of it are sent.
  const uint64_t number =
      sent_ - 1 - static_cast<uint32_t>(static_cast<uint32_t>(sent_ - 1) - words.sequence);
  Request& asked = request(number);
  if (sent_ == 0 || asked.number != number || words != words_of(number, asked.sent_ns)) {
    return add(progress().unmarked, 1);
  }
  if (!asked.waiting) return add(asked.lost ? progress().late : progress().duplicated, 1);
  asked.waiting = false;
  waiting_--;
  round_trips_.record(now_ns - asked.sent_ns);
  note_moved(1, length, now_ns);
}

// Lets go of requests whose time is over, oldest first.
void Pinger::give_up(uint64_t now_ns) {
  for (; oldest_ < sent_; oldest_++) {
    Request& asked = request(oldest_);
    if (!asked.waiting) continue;
    if (now_ns - asked.sent_ns < options_.patience_ns) return;
    asked.waiting = false;
    asked.lost = true;
    waiting_--;
    add(progress().lost, 1);
  }
}

// When something is to be done even if nothing arrives.
uint64_t Pinger::next_event_ns(uint64_t end_ns) const {
  uint64_t next = kNever_ns;
  if (oldest_ < sent_) next = requests_[oldest_ % requests_.size()].sent_ns + options_.patience_ns;
  if (all_sent()) return next;
  return std::min({next, end_ns, pace_ ? pace_->next_ns() : kNever_ns});
}

// Whether no more requests are to leave, ever.
bool Pinger::all_sent() const {
  return (options_.count != 0 && sent_ == options_.count) || (pace_ && pace_->over());
}

RoundTripWords Pinger::words_of(uint64_t number, uint64_t sent_ns) {
  return {static_cast<uint32_t>(number), static_cast<uint32_t>(sent_ns / kSecond_ns),
          static_cast<uint32_t>(sent_ns % kSecond_ns)};
}

}  // namespace nm
