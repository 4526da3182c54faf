#include "bench/ports.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <vector>

#include "bench/ends.h"
#include "bench/namespace_directory.h"
#include "bench/payload_sender.h"
#include "capture/writer.h"
#include "traffic/balancer.h"
#include "traffic/forwarder.h"
#include "traffic/generator.h"
#include "traffic/replay/replayer.h"
#include "traffic/sink.h"

namespace nm::bench {
namespace {

constexpr Mac station(uint32_t number) { return {0x02, 0, 0, 0, 0, static_cast<uint8_t>(number)}; }
constexpr Mac kReceiver = station(1);
constexpr uint32_t kFirstSender = 2;

constexpr char kFromSender[] = "bench{0";
constexpr char kToMiddle[] = "bench}0";
std::string to_middle(uint32_t) { return kToMiddle; }
// The ends of the pipes that what stands between sends into, and those that are read.
std::string from_middle(uint32_t number) { return "bench{" + std::to_string(1 + number); }
std::string to_receiver(uint32_t number) { return "bench}" + std::to_string(1 + number); }

// Sends one packet from the receiver, so that the switch knows where its station is.
void introduce(Port& port) {
  FrameSpec spec;
  spec.from_mac = kReceiver;
  const Frame frame(spec);
  const Ring& ring = port.tx_rings().front();
  const uint32_t slot = ring.head();
  const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
  frame.write(ring.buffer(buf_idx));
  ring.put(slot, {buf_idx, static_cast<uint16_t>(frame.length()), 0});
  ring.advance(ring.next(slot));
  if (port.device().tx_sync() != Status::ok) give_up("cannot send");
}

// Makes the loop where whoever watches the window can see its progress, and runs it.
template <typename MadeLoop, typename Ports, typename Options, typename... Rest>
void run_loop(Seat& seat, Ports& ports, Options options, Rest... rest) {
  static_assert(sizeof(MadeLoop) <= Seat::kObjectSize);
  options.duration_ns = seat.working_ns();
  MadeLoop* const loop = new (seat.object) MadeLoop(ports, options, std::move(rest)...);
  seat.counts_in = &loop->progress().packets;
  seat.wait_for_start();
  if (loop->run() != Status::ok) give_up("a port stopped working");
}

// What `number` of the senders sends.
FrameFillerOptions packets_of(const Traffic& traffic, uint32_t number) {
  FrameFillerOptions options;
  options.frame.length = traffic.length;
  options.frame.to_mac = kReceiver;
  options.frame.from_mac = station(kFirstSender + number);
  options.frame.from.last_port =
      traffic.workload == Workload::ranged ? 60'000 : options.frame.from.first_port;
  options.frame.from.random = options.frame.to.random = traffic.workload == Workload::random;
  options.mark = traffic.workload == Workload::marked;
  if (traffic.workload == Workload::bare) options.contents = Contents::never;
  return options;
}

void generate(Seat& seat, Port& port, const Traffic& traffic, uint32_t number) {
  GeneratorOptions options;
  static_cast<FrameFillerOptions&>(options) = packets_of(traffic, number);
  options.linger_ns = 0;
  run_loop<Generator>(seat, port, options);
}

// A capture of packets that all differ, more of them than a core's caches hold.
int make_capture(uint32_t length) {
  constexpr uint32_t kPackets = 100'000;
  constexpr uint64_t kGap_ns = 1000;
  const int descriptor = memfd_create("capture", MFD_CLOEXEC);
  CaptureWriter writer(descriptor, CaptureEncoder(CaptureKind::pcap, "nm", {}));
  std::vector<uint8_t> bytes(length);
  for (uint32_t i = 0; i < kPackets; i++) {
    bytes.assign(length, static_cast<uint8_t>(i));
    CaptureRecord record;
    record.time_ns = static_cast<int64_t>(i * kGap_ns);
    record.captured = record.length = length;
    writer.put(record, bytes.data());
  }
  if (!writer.flush() || lseek(descriptor, 0, SEEK_SET) != 0) give_up("cannot make a capture");
  return descriptor;
}

void replay(Seat& seat, Port& port, const Traffic& traffic) {
  FeedOptions capture;
  capture.passes = 0;
  capture.bandwidth = {BandwidthModel::infinite, {}};
  ReplayerOptions options;
  options.timed = false;
  options.burst = ReplayerOptions::kFastBurst;
  options.linger_ns = 0;
  std::vector<Port*> ports = {&port};
  run_loop<Replayer>(seat, ports, options, std::make_unique<Feed>(make_capture(traffic.length), capture));
}

void send(Seat& seat, const std::string& directory, const Traffic& traffic, uint32_t number) {
  const bool is_vale = traffic.engine == Engine::vale;
  const auto port = open_port(directory, is_vale ? "vale0:from" + std::to_string(number) : kFromSender);
  const bool touched = traffic.workload == Workload::touched;
  if (touched || traffic.workload == Workload::bare) {
    run_loop<PayloadSender>(seat, *port,
                            PayloadSenderOptions{.length = traffic.length, .writes_payload = touched});
  } else if (traffic.workload == Workload::replayed) {
    replay(seat, *port, traffic);
  } else {
    generate(seat, *port, traffic, number);
  }

  Counters counters;
  if (port->device().tx_counters(0, &counters) != Status::ok) give_up("cannot read counters");
  seat.sent = counters.packets;
  seat.dropped = counters.drops_full;
}

void receive(Seat& seat, const std::string& directory, const Traffic& traffic) {
  const bool is_vale = traffic.engine == Engine::vale;
  const auto port = open_port(directory, is_vale ? "vale0:to" : kToMiddle);
  if (is_vale) introduce(*port);
  SinkOptions options;
  options.touch = traffic.workload == Workload::touched;
  options.measure = traffic.workload == Workload::marked;
  run_loop<Sink>(seat, *port, options);
}

// One pipe to what stands between, and those from it.
class OpenPipes {
 public:
  OpenPipes(const std::string& directory, const char* first, std::string (*others)(uint32_t),
            uint32_t number) {
    opened_.push_back(open_port(directory, first));
    for (uint32_t i = 0; i < number; i++) opened_.push_back(open_port(directory, others(i)));
  }
  std::vector<Port*> ports() const {
    std::vector<Port*> ports;
    for (const auto& port : opened_) ports.push_back(port.get());
    return ports;
  }

 private:
  std::vector<std::unique_ptr<Port>> opened_;
};

constexpr uint32_t pipes_from(Engine engine) { return engine == Engine::lb ? kBalancedPipes : 1; }

void be_both_ends(Seat& seat, const std::string& directory, const Traffic& traffic) {
  const OpenPipes pipes(directory, kFromSender, traffic.engine == Engine::ends ? to_middle : to_receiver,
                        pipes_from(traffic.engine));
  EndsOptions options;
  static_cast<FrameFillerOptions&>(options) = packets_of(traffic, 0);
  const std::vector<Port*> ports = pipes.ports();
  run_loop<Ends>(seat, ports, options);
}

void stand_between(Seat& seat, const std::string& directory, const Traffic& traffic) {
  const OpenPipes pipes(directory, kToMiddle, from_middle, pipes_from(traffic.engine));
  const std::vector<Port*> ports = pipes.ports();
  if (traffic.engine == Engine::lb) {
    BalancerOptions options;
    options.groups = {kBalancedPipes};
    run_loop<Balancer>(seat, ports, options);
  } else {
    ForwarderOptions options;
    options.lanes = {{0, 1, {}}};
    options.linger_ns = 0;
    run_loop<Forwarder>(seat, ports, options);
  }
}

std::vector<Party> parties_of(const Traffic& traffic, const std::string& directory, Placement placement) {
  if (traffic.engine == Engine::ends) {
    return {{placement.from_cpu, [&](Seat& seat) { be_both_ends(seat, directory, traffic); }}};
  }
  if (traffic.engine == Engine::bridge || traffic.engine == Engine::lb) {
    return {{placement.from_cpu, [&](Seat& seat) { be_both_ends(seat, directory, traffic); }},
            {placement.to_cpu, [&](Seat& seat) { stand_between(seat, directory, traffic); }}};
  }
  std::vector<Party> parties = {{placement.to_cpu, [&](Seat& seat) { receive(seat, directory, traffic); }}};
  for (uint32_t number = 0; number < traffic.senders; number++) {
    parties.push_back(
        {placement.from_cpu, [&, number](Seat& seat) { send(seat, directory, traffic, number); }});
  }
  return parties;
}

}  // namespace

PortOutcome measure_ports(const Traffic& traffic, Placement placement, double seconds) {
  const NamespaceDirectory directory;
  const std::vector<Party> parties = parties_of(traffic, directory.path(), placement);
  PortOutcome outcome;
  outcome.window = run_window(parties, placement.cores(), seconds);
  if (outcome.window.failed) return outcome;
  outcome.per_second = outcome.window.per_second.front();
  uint64_t sent = 0;
  uint64_t dropped = 0;
  for (size_t i = 1; i < parties.size(); i++) {
    sent += outcome.window.sent[i];
    dropped += outcome.window.dropped[i];
  }
  if (sent != 0) outcome.dropped_share = static_cast<double>(dropped) / static_cast<double>(sent);
  return outcome;
}

}  // namespace nm::bench
