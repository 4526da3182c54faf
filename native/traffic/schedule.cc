#include "traffic/schedule.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace nm {
namespace {

using Wide = unsigned __int128;

// No clock gets there. What would be later is as good as never.
constexpr uint64_t kLatest_ns = uint64_t{1} << 62;

uint64_t bounded(Wide ns) { return ns < kLatest_ns ? static_cast<uint64_t>(ns) : kNever_ns; }

// Of the packets first, first + step, first + 2 * step and so on: how many are before packet `number`.
uint64_t before(uint64_t number, const Share& share) {
  return number <= share.index ? 0 : (number - share.index - 1) / share.of + 1;
}

// The time of packet n, n * per_ns / packets, as a whole number and the part of `packets` that is beyond it.
class SteadyTimes final : public PhaseTimes {
 public:
  SteadyTimes(Rate rate, Share share) : rate_(rate), share_(share) {
    const Wide apart = Wide{share.of} * rate.per_ns;
    step_whole_ = bounded(apart / rate.packets);
    step_part_ = static_cast<uint64_t>(apart % rate.packets);
    restart();
  }

  void restart() override { go_to(0); }
  uint64_t at() const override { return whole_ + (part_ != 0); }

  void step() override {
    mine_++;
    if (whole_ >= kLatest_ns || step_whole_ >= kLatest_ns) {
      whole_ = kNever_ns;
      part_ = 0;
      return;
    }
    whole_ += step_whole_;
    part_ += step_part_;
    if (part_ >= rate_.packets) {
      part_ -= rate_.packets;
      whole_++;
    }
  }

  uint64_t skip(uint64_t elapsed_ns) override {
    if (at() > elapsed_ns) return 0;
    // Packet n is due by then when n * per_ns <= elapsed_ns * packets.
    const Wide last = Wide{elapsed_ns} * rate_.packets / rate_.per_ns;
    const uint64_t passed = before(static_cast<uint64_t>(last) + 1, share_) - mine_;
    go_to(mine_ + passed);
    return passed;
  }

 private:
  void go_to(uint64_t mine) {
    mine_ = mine;
    const Wide product = Wide{share_.index + mine * share_.of} * rate_.per_ns;
    whole_ = bounded(product / rate_.packets);
    part_ = whole_ == kNever_ns ? 0 : static_cast<uint64_t>(product % rate_.packets);
  }

  const Rate rate_;
  const Share share_;
  uint64_t step_whole_;
  uint64_t step_part_;
  // Which of the share's packets is next.
  uint64_t mine_ = 0;
  uint64_t whole_ = 0;
  uint64_t part_ = 0;
};

class BurstTimes final : public PhaseTimes {
 public:
  BurstTimes(Rate rate, Share share) : rate_(rate), share_(share) { restart(); }

  void restart() override { go_to(0); }
  uint64_t at() const override { return at_ns_; }
  void step() override { go_to(mine_ + 1); }

  uint64_t skip(uint64_t elapsed_ns) override {
    if (at_ns_ > elapsed_ns) return 0;
    const Wide due = (Wide{elapsed_ns / rate_.per_ns} + 1) * rate_.packets;
    const uint64_t passed = before(static_cast<uint64_t>(due), share_) - mine_;
    go_to(mine_ + passed);
    return passed;
  }

 private:
  void go_to(uint64_t mine) {
    mine_ = mine;
    at_ns_ = bounded(Wide{(share_.index + mine * share_.of) / rate_.packets} * rate_.per_ns);
  }

  const Rate rate_;
  const Share share_;
  uint64_t mine_ = 0;
  uint64_t at_ns_ = 0;
};

// Packet n is due when the area under the rate has come to n: first * t + slope * t^2 / 2. Doubles are exact to a
// nanosecond for phases of a month.
class RampTimes final : public PhaseTimes {
 public:
  RampTimes(Rate from, Rate to, uint64_t duration_ns, Share share)
      : first_(from.per_nanosecond()),
        slope_((to.per_nanosecond() - first_) / static_cast<double>(duration_ns)),
        share_(share) {
    restart();
  }

  void restart() override {
    mine_ = 0;
    at_ns_ = time_of(0);
  }
  uint64_t at() const override { return at_ns_; }
  void step() override {
    mine_++;
    at_ns_ = std::max(at_ns_, time_of(mine_));
  }

  uint64_t skip(uint64_t elapsed_ns) override {
    if (at_ns_ > elapsed_ns) return 0;
    // The first that is due later lies after `early` and not after `late`.
    uint64_t early = mine_;
    uint64_t late = early + 1;
    for (uint64_t stride = 1; time_of(late) <= elapsed_ns; late += stride) {
      early = late;
      stride *= 2;
    }
    while (late - early > 1) {
      const uint64_t middle = early + (late - early) / 2;
      (time_of(middle) <= elapsed_ns ? early : late) = middle;
    }
    const uint64_t passed = late - mine_;
    mine_ = late;
    at_ns_ = std::max(elapsed_ns + 1, time_of(late));
    return passed;
  }

 private:
  uint64_t time_of(uint64_t mine) const {
    const double number = static_cast<double>(share_.index + mine * share_.of);
    const double root = first_ * first_ + 2 * slope_ * number;
    // The rate has come to 0 before.
    if (root < 0) return kNever_ns;
    if (number == 0) return 0;
    const double ns = 2 * number / (first_ + std::sqrt(root));
    return ns < static_cast<double>(kLatest_ns) ? static_cast<uint64_t>(std::ceil(ns)) : kNever_ns;
  }

  const double first_;
  const double slope_;
  const Share share_;
  uint64_t mine_ = 0;
  uint64_t at_ns_ = 0;
};

class PoissonTimes final : public PhaseTimes {
 public:
  PoissonTimes(Rate rate, Share share, uint64_t seed)
      : mean_ns_(static_cast<double>(share.of) / rate.per_nanosecond()), random_(seed) {
    restart();
  }

  // Goes on with other numbers than before.
  void restart() override {
    whole_ = 0;
    part_ = 0;
    step();
  }
  uint64_t at() const override { return whole_; }

  void step() override {
    // Above 0 and at most 1.
    const double uniform = static_cast<double>((random_.next() >> 11) + 1) * 0x1p-53;
    const double ns = part_ - std::log(uniform) * mean_ns_;
    if (!(ns < static_cast<double>(kLatest_ns)) || whole_ >= kLatest_ns) {
      whole_ = kNever_ns;
      return;
    }
    const uint64_t whole = static_cast<uint64_t>(ns);
    whole_ += whole;
    // What is beyond whole nanoseconds is kept, so that the rate is right in the long run.
    part_ = ns - static_cast<double>(whole);
  }

  // From any moment on, such a process goes on as if it began there.
  uint64_t skip(uint64_t elapsed_ns) override {
    if (whole_ > elapsed_ns) return 0;
    const double passed = static_cast<double>(elapsed_ns - whole_) / mean_ns_;
    whole_ = elapsed_ns + 1;
    part_ = 0;
    step();
    return static_cast<uint64_t>(std::llround(passed)) + 1;
  }

 private:
  const double mean_ns_;
  Random random_;
  uint64_t whole_ = 0;
  double part_ = 0;
};

class NoTimes final : public PhaseTimes {
 public:
  void restart() override {}
  uint64_t at() const override { return kNever_ns; }
  void step() override {}
  uint64_t skip(uint64_t) override { return 0; }
};

std::unique_ptr<PhaseTimes> times_of(const Phase& phase, const Share& share, uint64_t seed) {
  if (phase.kind == PhaseKind::ramp && (phase.rate.packets != 0 || phase.end_rate.packets != 0)) {
    return std::make_unique<RampTimes>(phase.rate, phase.end_rate, phase.duration_ns, share);
  }
  if (phase.rate.packets == 0) return std::make_unique<NoTimes>();
  switch (phase.kind) {
    case PhaseKind::burst:
      return std::make_unique<BurstTimes>(phase.rate, share);
    case PhaseKind::poisson:
      return std::make_unique<PoissonTimes>(phase.rate, share, seed);
    default:
      return std::make_unique<SteadyTimes>(phase.rate, share);
  }
}

// Whether a share has packets in it. Of a Poisson phase nobody knows, but some time it has.
bool yields(const Phase& phase, const PhaseTimes& times) {
  return (phase.kind == PhaseKind::poisson && phase.rate.packets != 0) || times.at() < phase.duration_ns;
}

}  // namespace

double ScheduleSpec::highest_rate() const {
  double highest = 0;
  for (const Phase& phase : phases) {
    highest = std::max(highest, phase.rate.per_nanosecond());
    if (phase.kind == PhaseKind::ramp) highest = std::max(highest, phase.end_rate.per_nanosecond());
  }
  return highest / static_cast<double>(share.of);
}

Schedule::Schedule(const ScheduleSpec& spec) : phases_(spec.phases), repeats_(spec.repeats) {
  assert(spec.limited() && spec.share.index < spec.share.of && spec.share.of <= kMostShares);
  Random seeds(spec.seed + spec.share.index);
  bool any = false;
  for (const Phase& phase : phases_) {
    assert(phase.duration_ns != 0 && phase.rate.per_ns != 0 && phase.end_rate.per_ns != 0);
    times_.push_back(times_of(phase, spec.share, seeds.next()));
    any |= yields(phase, *times_.back());
  }
  // A list without packets would be gone through for ever.
  if (any) settle();
}

void Schedule::go_on() {
  while (!in_phase()) {
    if (!next_phase()) {
      next_ns_ = kNever_ns;
      return;
    }
  }
  next_ns_ = begin_ns_ + times_[phase_]->at();
}

// Begins the phase after the present one; returns false when there is none.
bool Schedule::next_phase() {
  const uint64_t duration_ns = phases_[phase_].duration_ns;
  const bool last = phase_ + 1 == phases_.size();
  if (duration_ns >= kLatest_ns - std::min(begin_ns_, kLatest_ns) || (last && !repeats_)) return false;
  begin_ns_ += duration_ns;
  phase_ = last ? 0 : phase_ + 1;
  times_[phase_]->restart();
  return true;
}

uint64_t Schedule::skip(uint64_t elapsed_ns) {
  uint64_t passed = 0;
  while (next_ns_ <= elapsed_ns) {
    const uint64_t in_phase_ns = std::min(elapsed_ns - begin_ns_, phases_[phase_].duration_ns - 1);
    passed += times_[phase_]->skip(in_phase_ns);
    settle();
  }
  return passed;
}

}  // namespace nm
