// nm-bench: measures one thing once and prints one line of JSON. What to measure how often, and what the figures mean,
// bench/bench.ts knows.
//
//   nm-bench memcpy      LENGTH STRIDE SECONDS
//   nm-bench stream      LENGTH STRIDE words|wide SECONDS PLACEMENT
//   nm-bench ENGINE      LENGTH SENDERS WORKLOAD SECONDS PLACEMENT      see NM_BENCH_WORKLOADS in bench/ports.h
//   nm-bench lateness    FILE                                             see bench/lateness.h
//   nm-bench precision   RATE SECONDS                                     see bench/precision.h
//   nm-bench round-trips SECONDS PLACEMENT                                see bench/round_trips.h
//
// ENGINE is "vale", "pipe", "bridge", "ends" or "lb", see bench/ports.h. PLACEMENT is "two" (sender and receiver each on a core),
// "one" (both on the same), or "any" (the scheduler decides). A port's window comes right after a window of the stream of the same length and cores, its limit. What
// runs on two cores is framed by ping-pongs that tell how near these are to each other.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bench/lateness.h"
#include "bench/limits.h"
#include "bench/ports.h"
#include "bench/precision.h"
#include "bench/processor_time.h"
#include "bench/round_trips.h"

namespace nm::bench {
namespace {

constexpr Placement kTwoCores = {0, 1};
constexpr Placement kOneCore = {0, 0};
constexpr Placement kAnyCore = {kAnyCpu, kAnyCpu};

// One line of JSON, put together a value at a time.
class Line {
 public:
  void add(const char* name, double value) {
    char text[64];
    snprintf(text, sizeof(text), "%s\"%s\":%.6g", text_.empty() ? "" : ",", name, value);
    text_ += text;
  }
  void print() const { printf("{%s}\n", text_.c_str()); }

 private:
  std::string text_;
};

bool read_placement(const char* word, Placement* placement) {
  if (strcmp(word, "two") == 0) {
    *placement = kTwoCores;
  } else if (strcmp(word, "one") == 0) {
    *placement = kOneCore;
  } else if (strcmp(word, "any") == 0) {
    *placement = kAnyCore;
  } else {
    return false;
  }
  return true;
}

bool read_engine(const std::string& word, Engine* engine) {
  static constexpr struct {
    const char* word;
    Engine engine;
  } kEngines[] = {{"vale", Engine::vale},
                  {"pipe", Engine::pipe},
                  {"bridge", Engine::bridge},
                  {"ends", Engine::ends},
                  {"lb", Engine::lb}};
  for (const auto& known : kEngines) {
    if (word != known.word) continue;
    *engine = known.engine;
    return true;
  }
  return false;
}

// Ping-pongs around something on two cores.
template <typename Measure>
bool framed(Line& line, Placement placement, Measure measure) {
  const bool two_cores = placement.cores() == 2;
  if (two_cores) line.add("before_ns", ping_pong_ns(kTwoCores));
  const bool well = measure();
  if (two_cores) line.add("after_ns", ping_pong_ns(kTwoCores));
  return well;
}

bool memcpy_line(Line& line, Buffers buffers, double seconds) {
  const Outcome outcome = measure_memcpy(buffers, kOneCore.from_cpu, seconds);
  if (outcome.failed) return false;
  line.add("per_second", outcome.per_second[0]);
  line.add("disturbance", outcome.disturbance);
  return true;
}

bool stream_line(Line& line, Buffers buffers, Stores stores, double seconds, Placement placement) {
  return framed(line, placement, [&] {
    const Outcome outcome = measure_stream(buffers, stores, placement, seconds);
    if (outcome.failed) return false;
    line.add("per_second", outcome.per_second[1]);
    line.add("disturbance", outcome.disturbance);
    return true;
  });
}

bool port_line(Line& line, const Traffic& traffic, double seconds, Placement placement) {
  return framed(line, placement, [&] {
    const Placement pinned = placement.cores() == 2 ? kTwoCores : kOneCore;
    const Buffers buffers = {traffic.length, kPlainStride};
    const Outcome limit = measure_stream(buffers, usual_stores(traffic.length), pinned, seconds / 2);
    const PortOutcome outcome = measure_ports(traffic, placement, seconds);
    if (limit.failed || outcome.window.failed) return false;
    line.add("limit_per_second", limit.per_second[1]);
    line.add("per_second", outcome.per_second);
    line.add("dropped_share", outcome.dropped_share);
    line.add("disturbance", limit.disturbance + outcome.window.disturbance);
    return true;
  });
}

bool read_workload(const std::string& word, Workload* workload) {
#define row(name, text) \
  if (word == #name) {  \
    *workload = Workload::name; \
    return true;        \
  }
  NM_BENCH_WORKLOADS(row)
#undef row
  return false;
}

bool precision_line(Line& line, uint64_t rate, double seconds) {
  return framed(line, kTwoCores, [&] {
    const Precision precision = measure_precision(rate, kTwoCores, seconds);
    if (precision.failed) return false;
    line.add("noise_share", precision.noise_share);
    line.add("sent_share", precision.sent_share);
    line.add("received_share", precision.received_share);
    line.add("error_ppm", precision.error_ppm);
    line.add("forgone", static_cast<double>(precision.forgone));
    line.add("longest_burst", static_cast<double>(precision.longest_burst));
    line.add("disturbance", precision.disturbance);
    return true;
  });
}

bool lateness_line(Line& line, const char* capture) {
  return framed(line, kTwoCores, [&] {
    const ReplayLateness found = measure_lateness(capture, kTwoCores);
    if (found.failed) return false;
    line.add("packets", found.packets);
    line.add("noise_p50_ns", found.noise.p50_ns);
    line.add("noise_p99_ns", found.noise.p99_ns);
    line.add("noise_in_time", found.noise.in_time);
    line.add("p50_ns", found.replay.p50_ns);
    line.add("p99_ns", found.replay.p99_ns);
    line.add("in_time", found.replay.in_time);
    line.add("disturbance", found.disturbance);
    return true;
  });
}

bool round_trips_line(Line& line, double seconds, Placement placement) {
  return framed(line, placement, [&] {
    const RoundTrips trips = measure_round_trips(placement, seconds);
    if (trips.failed) return false;
    line.add("bare_p50_ns", trips.bare_p50_ns);
    line.add("ping_p50_ns", trips.ping_p50_ns);
    line.add("disturbance", trips.disturbance);
    return true;
  });
}

bool measure(int count, char** words, Line& line) {
  Placement placement = kOneCore;
  const std::string what = words[0];
  const auto length = static_cast<uint32_t>(atoi(words[1]));
  if (what == "memcpy" && count == 4) {
    return memcpy_line(line, {length, static_cast<uint32_t>(atoi(words[2]))}, atof(words[3]));
  }
  if (what == "precision" && count == 3) {
    return precision_line(line, static_cast<uint64_t>(atoll(words[1])), atof(words[2]));
  }
  if (what == "lateness" && count == 2) return lateness_line(line, words[1]);
  if (!read_placement(words[count - 1], &placement)) return false;
  if (what == "stream" && count == 6) {
    const Stores stores = strcmp(words[3], "wide") == 0 ? Stores::wide : Stores::words;
    return stream_line(line, {length, static_cast<uint32_t>(atoi(words[2]))}, stores, atof(words[4]),
                       placement);
  }
  if (Engine engine; read_engine(what, &engine) && count == 6) {
    Traffic traffic = {engine, length, static_cast<uint32_t>(atoi(words[2])), Workload::untouched};
    return read_workload(words[3], &traffic.workload) && port_line(line, traffic, atof(words[4]), placement);
  }
  if (what == "round-trips" && count == 3) return round_trips_line(line, atof(words[1]), placement);
  return false;
}

}  // namespace
}  // namespace nm::bench

int main(int count, char** words) {
  nm::bench::Line line;
  line.add("priority", nm::bench::take_priority());
  if (count < 3 || !nm::bench::measure(count - 1, words + 1, line)) return 1;
  line.print();
  return 0;
}
