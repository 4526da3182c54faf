#include "traffic/arrivals.h"

#include <algorithm>

namespace nm {

void Arrivals::packet(const uint8_t* frame, uint32_t length) {
  Mark mark;
  switch (read_mark(frame, length, &mark)) {
    case MarkState::none:
      unmarked_++;
      return;
    case MarkState::damaged:
      corrupt_++;
      return;
    case MarkState::whole:
      return note(mark);
  }
}

// kMarksAtOnce packets, mostly whole ones of one stream, in order.
inline void Arrivals::note_some(const FrameBytes* frames) {
  MarkWords marks[kMarksAtOnce];
  if (!known_.read_marks(frames, marks)) {
    if (learns_) known_.learn(frames[0].bytes, frames[0].length);
    learns_ = false;
    if (!read_marks(frames, marks)) {
      for (uint32_t i = 0; i < kMarksAtOnce; i++) packet(frames[i].bytes, frames[i].length);
      return;
    }
  }
  const Mark first = marks[0].mark();
  if (!are_in_a_row(marks) || !streams_.arrived_in_order(first.stream, first.sequence, kMarksAtOnce)) {
    for (const MarkWords& mark : marks) note(mark.mark());
    return;
  }
  note_stamp(first.sent_ns, kMarksAtOnce);
}

void Arrivals::packets(const FrameBytes* frames, uint32_t count) {
  for (; count >= kMarksAtOnce; count -= kMarksAtOnce, frames += kMarksAtOnce) note_some(frames);
  for (; count > 0; count--, frames++) packet(frames->bytes, frames->length);
}

// So many packets have this stamp.
void Arrivals::note_stamp(uint64_t sent_ns, uint64_t packets) {
  if (sent_ns != stamp_ns_) {
    note_latencies();
    stamp_ns_ = sent_ns;
  }
  stamped_ += packets;
}

void Arrivals::note(const Mark& mark) {
  note_stamp(mark.sent_ns, 1);
  Sequence::Change change;
  if (!streams_.arrived(mark.stream, mark.sequence, &change)) return;
  changed_ = true;
  // A sum of changes, each of which may be negative; it never is.
  lost_ += static_cast<uint64_t>(change.lost);
  reordered_ += static_cast<uint64_t>(int64_t{change.reordered});
  too_late_ += static_cast<uint64_t>(int64_t{change.too_late});
  duplicated_ += static_cast<uint64_t>(int64_t{change.duplicated});
  if (change.depth != 0) reorder_depth_.record(change.depth);
}

void Arrivals::end_round(uint64_t packets) {
  note_latencies();
  publish();
  if (packets == 0) return;
  if (before_ns_ != 0) interarrival_ns_.record(now_ns_ - before_ns_);
  interarrival_ns_.record(0, packets - 1);
  before_ns_ = now_ns_;
  if (packets > longest_train_) {
    longest_train_ = packets;
    set(progress_.longest_train, packets);
  }
}

// All packets since the last call were stamped at one time. Half of all differences mean that the stamp is not yet
// over: it is of another machine's clock, or of a packet that was under way for longer than half a turn of it.
void Arrivals::note_latencies() {
  if (stamped_ == 0) return;
  const uint64_t elapsed_ns = (now_ns_ - stamp_ns_) & kStampMask_ns;
  if (elapsed_ns <= kLongestLatency_ns) {
    latency_ns_.record(elapsed_ns, stamped_);
  } else {
    untimed_ += stamped_;
  }
  stamped_ = 0;
}

void Arrivals::publish() {
  set(progress_.corrupt, corrupt_);
  set(progress_.unmarked, unmarked_);
  set(progress_.untimed, untimed_);
  if (!changed_) return;
  changed_ = false;
  set(progress_.lost, lost_);
  set(progress_.reordered, reordered_);
  set(progress_.too_late, too_late_);
  set(progress_.duplicated, duplicated_);
}

const Histogram* Arrivals::histogram(Measured what) const {
  switch (what) {
    case Measured::latency_ns:
      return &latency_ns_;
    case Measured::interarrival_ns:
      return &interarrival_ns_;
    case Measured::reorder_depth:
      return &reorder_depth_;
    default:
      return nullptr;
  }
}

}  // namespace nm
