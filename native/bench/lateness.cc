#include "bench/lateness.h"

#include <fcntl.h>

#include <algorithm>

#include "bench/namespace_directory.h"
#include "traffic/replay/replayer.h"
#include "traffic/sink.h"

namespace nm::bench {
namespace {

Lateness told_by(const Histogram& late_ns) {
  uint64_t in_time = 0;
  for (uint32_t bucket = 0; bucket < Histogram::kBuckets; bucket++)
    if (Histogram::middle(bucket) <= kInTime_ns) in_time += late_ns.count_in(bucket);
  return {static_cast<double>(late_ns.percentile(0.5)), static_cast<double>(late_ns.percentile(0.99)),
          static_cast<double>(in_time) / static_cast<double>(std::max<uint64_t>(late_ns.count(), 1))};
}

void say(Seat& seat, const Lateness& lateness) {
  seat.figures = {lateness.p50_ns, lateness.p99_ns, lateness.in_time};
}

Lateness said(const std::array<double, 4>& figures) { return {figures[0], figures[1], figures[2]}; }

// A capture as a feed gave it, all of it in memory. Made by the process that replays it: pages that come with a fork are slow to
// touch the first time under some hypervisors.
class Preloaded final : public PieceSource {
 public:
  explicit Preloaded(const std::string& path) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) give_up("cannot read the capture");
    Feed feed(descriptor, {});
    for (Piece piece; feed.next(&piece), !piece.empty(); piece = {}) {
      for (size_t i = 0; i < piece.size(); i++) dues_ns_.push_back(piece.due_ns(i));
      pieces_.push_back(std::move(piece));
    }
    end_ = feed.end();
    if (dues_ns_.empty() || end_.kind != FeedEnd::Kind::whole) give_up("the capture has a fault");
  }

  // Exchanges pieces, so that no memory is given back while packets are due.
  void next(Piece* piece) override {
    if (next_ == pieces_.size()) return piece->clear();
    std::swap(*piece, pieces_[next_++]);
  }
  void stop() override { next_ = pieces_.size(); }
  const FeedEnd& end() const override { return end_; }

  const std::vector<uint64_t>& dues_ns() const { return dues_ns_; }

 private:
  std::vector<Piece> pieces_;
  std::vector<uint64_t> dues_ns_;
  size_t next_ = 0;
  FeedEnd end_;
};

double seconds_of(const std::vector<uint64_t>& dues_ns) { return static_cast<double>(dues_ns.back()) / 1e9; }

// What a loop sees that does nothing at each packet's time but note it. The times are a copy, touched before the start.
void read_clock(Seat& seat, std::vector<uint64_t> dues_ns) {
  Histogram late_ns;
  seat.wait_for_start();
  const uint64_t start_ns = monotonic_ns();
  uint64_t now = start_ns;
  for (const uint64_t due_ns : dues_ns) {
    while (now < start_ns + due_ns) now = monotonic_ns();
    late_ns.record(now - start_ns - due_ns);
  }
  say(seat, told_by(late_ns));
}

// Of the sender's core, while the receiver's is as busy.
bool measure_noise(const std::vector<uint64_t>& dues_ns, Placement placement, Lateness* noise) {
  const auto read = [&](Seat& seat) { read_clock(seat, dues_ns); };
  const Outcome outcome = run_window({{placement.to_cpu, read}, {placement.from_cpu, read}},
                                     placement.cores(), seconds_of(dues_ns));
  *noise = said(outcome.figures[1]);
  return !outcome.failed;
}

void replay(Seat& seat, const std::string& directory, const std::string& capture) {
  const auto port = open_port(directory, "bench{1");
  Replayer replayer({port.get()}, {}, std::make_unique<Preloaded>(capture));
  seat.wait_for_start();
  if (replayer.run() != Status::ok) give_up("a port stopped working");
  say(seat, told_by(*replayer.histogram(Measured::lateness_ns)));
}

void receive(Seat& seat, const std::string& directory, uint64_t packets) {
  const auto port = open_port(directory, "bench}1");
  SinkOptions options;
  options.count = packets;
  options.busy = true;
  Sink sink(*port, options);
  seat.wait_for_start();
  if (sink.run() != Status::ok) give_up("a port stopped working");
}

}  // namespace

ReplayLateness measure_lateness(const std::string& capture, Placement placement) {
  ReplayLateness found;
  found.failed = true;
  const std::vector<uint64_t> dues_ns = Preloaded(capture).dues_ns();
  found.packets = static_cast<double>(dues_ns.size());

  Lateness before;
  Lateness after;
  if (!measure_noise(dues_ns, placement, &before)) return found;
  const NamespaceDirectory directory;
  const std::vector<Party> parties = {
      {placement.to_cpu, [&](Seat& seat) { receive(seat, directory.path(), dues_ns.size()); }},
      {placement.from_cpu, [&](Seat& seat) { replay(seat, directory.path(), capture); }},
  };
  const Outcome outcome = run_window(parties, placement.cores(), seconds_of(dues_ns));
  found.failed = outcome.failed || !measure_noise(dues_ns, placement, &after);
  if (found.failed) return found;
  found.noise = {(before.p50_ns + after.p50_ns) / 2, (before.p99_ns + after.p99_ns) / 2,
                 (before.in_time + after.in_time) / 2};
  found.replay = said(outcome.figures[1]);
  found.disturbance = outcome.disturbance;
  return found;
}

}  // namespace nm::bench
