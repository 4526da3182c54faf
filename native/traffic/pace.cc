#include "traffic/pace.h"

#include <cassert>

namespace nm {

Pace::Pace(const ScheduleSpec& schedule, uint64_t start_ns, const PaceOptions& options)
    : schedule_(schedule),
      start_ns_(start_ns),
      options_(options),
      // Packets that wait for others are not late.
      patience_ns_(std::max(options.patience_ns, options.burst_ns)) {
  assert(options.burst_ns != 0);
}

uint64_t Pace::due(uint64_t now_ns) {
  if (now_ns < start_ns_) return 0;
  uint64_t elapsed_ns = now_ns - start_ns_;
  if (options_.gathers) elapsed_ns -= elapsed_ns % options_.burst_ns;
  if (ready_ == 0) {
    if (schedule_.next_ns() > elapsed_ns) return 0;
    first_ns_ = schedule_.next_ns();
  }
  // On time: not yet due when the packets before it left.
  train_goes_on_ = first_ns_ <= round_ns_ && train_ != 0;
  round_ns_ = elapsed_ns;

  if (elapsed_ns - first_ns_ > patience_ns_) {
    const uint64_t late = ready_ + schedule_.skip(elapsed_ns);
    // A late packet alone makes no burst, however late it is, and the next is in time again.
    if (late > 1) {
      stalls_++;
      forgone_ += late - 1;
    }
    ready_ = 1;
    first_ns_ = elapsed_ns;
    return ready_;
  }
  while (ready_ < kMostReady && schedule_.next_ns() <= elapsed_ns &&
         schedule_.next_ns() - first_ns_ < options_.burst_ns) {
    ready_++;
    schedule_.step();
  }
  return ready_;
}

void Pace::sent(uint64_t packets) {
  assert(packets <= ready_);
  ready_ -= packets;
  train_ = train_goes_on_ ? train_ + packets : packets;
  train_goes_on_ = true;
  longest_train_ = std::max(longest_train_, train_);
}

uint64_t Pace::next_ns() const {
  if (ready_ != 0) return start_ns_ + first_ns_;
  const uint64_t next_ns = schedule_.next_ns();
  if (next_ns == kNever_ns) return kNever_ns;
  if (!options_.gathers) return start_ns_ + next_ns;
  return start_ns_ + (next_ns + options_.burst_ns - 1) / options_.burst_ns * options_.burst_ns;
}

}  // namespace nm
