#include "bench/precision.h"

#include <algorithm>

#include "bench/namespace_directory.h"
#include "spin_pause.h"
#include "traffic/generator.h"
#include "traffic/sink.h"

namespace nm::bench {
namespace {

constexpr uint64_t kExact_ns = 1000;

double exact_share(const Histogram& gaps, uint64_t packets_per_second) {
  const uint64_t wanted_ns = kSecond_ns / packets_per_second;
  // Strictly less: packets of a train are 0 apart, and at 1 Mpps that is off by all there is.
  uint64_t exact = 0;
  for (uint32_t bucket = 0; bucket < Histogram::kBuckets; bucket++) {
    const uint64_t gap_ns = Histogram::middle(bucket);
    const uint64_t off_ns = gap_ns > wanted_ns ? gap_ns - wanted_ns : wanted_ns - gap_ns;
    if (off_ns < kExact_ns) exact += gaps.count_in(bucket);
  }
  return static_cast<double>(exact) / static_cast<double>(std::max<uint64_t>(gaps.count(), 1));
}

// Reads the clock, and does nothing when the time of a packet has come. Late packets are a train, as they are for a sender.
void read_clock(Histogram& gaps, uint64_t packets_per_second, uint64_t duration_ns) {
  const uint64_t period_ns = kSecond_ns / packets_per_second;
  const uint64_t start_ns = monotonic_ns();
  uint64_t before_ns = start_ns;
  for (uint64_t next_ns = start_ns + period_ns; before_ns < start_ns + duration_ns;) {
    const uint64_t now = monotonic_ns();
    if (now < next_ns) {
      spin_pause();
      continue;
    }
    const uint64_t due = 1 + (now - next_ns) / period_ns;
    gaps.record(now - before_ns);
    gaps.record(0, due - 1);
    before_ns = now;
    next_ns += due * period_ns;
  }
}

// Of the sender's core, while the receiver's is as busy as with packets: the hypervisor takes more from both then.
double share_of_noise(uint64_t packets_per_second, Placement placement, double seconds) {
  const auto read = [&](Seat& seat) {
    Histogram gaps;
    seat.wait_for_start();
    read_clock(gaps, packets_per_second, seat.working_ns());
    seat.figures[0] = exact_share(gaps, packets_per_second);
  };
  const std::vector<Party> parties = {{placement.to_cpu, read}, {placement.from_cpu, read}};
  const Outcome outcome = run_window(parties, placement.cores(), seconds);
  return outcome.failed ? -1 : outcome.figures[1][0];
}

void send(Seat& seat, const std::string& directory, uint64_t packets_per_second) {
  const auto port = open_port(directory, "bench{1");
  GeneratorOptions options;
  options.schedule = steadily({packets_per_second});
  options.duration_ns = seat.working_ns();
  options.linger_ns = 0;
  Generator generator(*port, options);
  seat.wait_for_start();
  if (generator.run() != Status::ok) give_up("a port stopped working");

  const Progress& progress = generator.progress();
  const auto packets = static_cast<double>(progress.packets.load() - 1);
  const auto elapsed_ns = static_cast<double>(progress.last_sent_ns.load() - progress.first_sent_ns.load());
  const double asked = packets * 1e9 / static_cast<double>(packets_per_second);
  seat.figures = {exact_share(*generator.histogram(Measured::gap_ns), packets_per_second),
                  (asked / elapsed_ns - 1) * 1e6, static_cast<double>(progress.forgone.load()),
                  static_cast<double>(progress.longest_train.load())};
}

void receive(Seat& seat, const std::string& directory, uint64_t packets_per_second) {
  const auto port = open_port(directory, "bench}1");
  SinkOptions options;
  options.measure = true;
  options.duration_ns = seat.working_ns();
  Sink sink(*port, options);
  seat.wait_for_start();
  if (sink.run() != Status::ok) give_up("a port stopped working");
  seat.figures[0] = exact_share(*sink.histogram(Measured::interarrival_ns), packets_per_second);
}

}  // namespace

Precision measure_precision(uint64_t packets_per_second, Placement placement, double seconds) {
  const NamespaceDirectory directory;
  Precision precision;
  const double before = share_of_noise(packets_per_second, placement, seconds / 6);
  const std::vector<Party> parties = {
      {placement.to_cpu, [&](Seat& seat) { receive(seat, directory.path(), packets_per_second); }},
      {placement.from_cpu, [&](Seat& seat) { send(seat, directory.path(), packets_per_second); }},
  };
  const Outcome outcome = run_window(parties, placement.cores(), seconds);
  const double after = share_of_noise(packets_per_second, placement, seconds / 6);
  precision.failed = outcome.failed || before < 0 || after < 0;
  if (precision.failed) return precision;
  precision.noise_share = (before + after) / 2;
  precision.received_share = outcome.figures[0][0];
  precision.sent_share = outcome.figures[1][0];
  precision.error_ppm = outcome.figures[1][1];
  precision.forgone = static_cast<uint64_t>(outcome.figures[1][2]);
  precision.longest_burst = static_cast<uint64_t>(outcome.figures[1][3]);
  precision.disturbance = outcome.disturbance;
  return precision;
}

}  // namespace nm::bench
