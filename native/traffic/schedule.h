// A schedule: when the packets of a job are due, in nanoseconds after its start.
//
//     steady    |   |   |   |   |   |      packet n at n * per_ns / packets
//     ramp      |      |    |   |  | ||    the rate changes evenly from one to another
//     burst     |||         |||            so many packets at once, in every period
//     poisson   | ||     |  |     || |     each independent of the others, at a rate on average
//
// It goes through a list of such phases, each for its time, and through the list once or again and again. A rate of 0
// is a pause.
//
// Each phase counts from its own start, which is a sum of whole durations; a steady one and a burst count in whole numbers
// of which nothing is rounded off. So no error adds up, and packet number n of a month is where it would be if it were
// the first. [native/test/traffic_schedule_test.cc]
//
// Several threads share a schedule: thread `index` of `of` has packets index, index + of, index + 2 * of and so on of
// each phase. In a Poisson phase each has a share of the rate instead, which together come to the same.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "clock.h"
#include "traffic/random.h"

namespace nm {

// So many packets in so many nanoseconds; 0 packets: none.
struct Rate {
  uint64_t packets = 0;
  uint64_t per_ns = kSecond_ns;

  double per_nanosecond() const { return static_cast<double>(packets) / static_cast<double>(per_ns); }
};

// name, meaning
#define NM_PHASE_KINDS(row)                                 \
  row(steady, "packets evenly apart")                       \
  row(ramp, "a rate that changes evenly to another")        \
  row(burst, "packets together, in every period")           \
  row(poisson, "packets independent of one another")

#define row(name, text) name,
enum class PhaseKind : uint8_t { NM_PHASE_KINDS(row) };
#undef row

struct Phase {
  PhaseKind kind = PhaseKind::steady;
  // At its start; of bursts, the packets of one and its period.
  Rate rate;
  // Of a ramp, at its end.
  Rate end_rate;
  uint64_t duration_ns = kNever_ns;
};

// One of several that do a job together.
struct Share {
  uint64_t index = 0;
  uint64_t of = 1;
};

struct ScheduleSpec {
  // None: no packet waits for its time.
  std::vector<Phase> phases;
  bool repeats = false;
  Share share;
  // Of what is random.
  uint64_t seed = 0;

  bool limited() const { return !phases.empty(); }
  // The highest rate of a share, in packets per nanosecond. Bursts count as if they were spread.
  double highest_rate() const;
};

// Packets evenly apart, without end.
inline ScheduleSpec steadily(Rate rate) {
  ScheduleSpec spec;
  spec.phases = {{PhaseKind::steady, rate, {}, kNever_ns}};
  return spec;
}

// The times of one phase, one after the other.
class PhaseTimes {
 public:
  virtual ~PhaseTimes() = default;

  // Begins with the first packet.
  virtual void restart() = 0;
  // When the packet is due, after the start of the phase; kNever_ns when there is none.
  virtual uint64_t at() const = 0;
  // Goes on to the next packet.
  virtual void step() = 0;
  // Goes on to the first packet that is due after `elapsed_ns`. Returns how many were passed over.
  virtual uint64_t skip(uint64_t elapsed_ns) = 0;
};

class Schedule {
 public:
  // Phases have durations and periods above 0, ramps an end; share.of is at most kMostShares. Numbers of rates are below
  // kMostInRate, and none is above a packet in a nanosecond.
  explicit Schedule(const ScheduleSpec& spec);

  static constexpr uint64_t kMostShares = 1024;
  static constexpr uint64_t kMostInRate = uint64_t{1} << 53;

  // When the next packet is due, kNever_ns after the last.
  uint64_t next_ns() const { return next_ns_; }
  // Goes on to the packet after it. There is one, or was.
  void step() {
    times_[phase_]->step();
    settle();
  }
  // Goes on to the first packet that is due after `elapsed_ns`. Returns how many were passed over; of a Poisson phase, how
  // many there would have been on average.
  uint64_t skip(uint64_t elapsed_ns);

 private:
  bool in_phase() const { return times_[phase_]->at() < phases_[phase_].duration_ns; }
  // Finds the next packet, in a later phase when this one has no more.
  void settle() {
    if (in_phase()) [[likely]] {
      next_ns_ = begin_ns_ + times_[phase_]->at();
    } else {
      go_on();
    }
  }
  void go_on();
  bool next_phase();

  const std::vector<Phase> phases_;
  const bool repeats_;
  std::vector<std::unique_ptr<PhaseTimes>> times_;
  size_t phase_ = 0;
  // When the present phase began.
  uint64_t begin_ns_ = 0;
  uint64_t next_ns_ = kNever_ns;
};

}  // namespace nm
