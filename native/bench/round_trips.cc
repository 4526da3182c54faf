#include "bench/round_trips.h"

#include <array>
#include <cstring>

#include "bench/namespace_directory.h"
#include "traffic/pinger.h"
#include "traffic/ponger.h"

namespace nm::bench {
namespace {

constexpr uint16_t kLength = 60;
// Who answers outlives who asks by so much, or a last request would wait for ever.
constexpr uint64_t kAfter_ns = 500'000'000;

using Packet = std::array<uint8_t, kLength>;

void send_one(Port& port, const Packet& packet) {
  const Ring& ring = port.tx_rings().front();
  const uint32_t slot = ring.head_in_range();
  const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
  std::memcpy(ring.buffer(buf_idx), packet.data(), packet.size());
  ring.put(slot, {buf_idx, kLength, abi::NS_REPORT});
  ring.advance(ring.next(slot));
  if (port.device().tx_sync() != Status::ok) give_up("cannot send");
}

// Takes a packet that is there.
void take_one(const Ring& ring, Packet& packet) {
  const uint32_t slot = ring.head_in_range();
  std::memcpy(packet.data(), ring.buffer(ring.descriptor(slot).buf_idx), packet.size());
  ring.advance(ring.next(slot));
}

// Waits for a packet, as loops do.
void receive_one(Port& port, Packet& packet) {
  const Ring& ring = port.rx_rings().front();
  Device& device = port.device();
  while (true) {
    if (device.rx_sync() != Status::ok) give_up("cannot receive");
    if (ring.space() > 0) break;
    uint32_t ready = 0;
    device.wait(kReadable, -1, &ready);
  }
  take_one(ring, packet);
}

void ask_barely(Seat& seat, Port& port) {
  Histogram times;
  Packet packet{};
  seat.wait_for_start();
  const uint64_t end_ns = monotonic_ns() + seat.working_ns();
  for (uint64_t before = monotonic_ns(); before < end_ns; before = monotonic_ns()) {
    const Packet request = packet;
    send_one(port, request);
    receive_one(port, packet);
    if (packet != request) give_up("another packet came back");
    times.record(monotonic_ns() - before);
    packet[0]++;
  }
  seat.figures[0] = static_cast<double>(times.percentile(0.5));
}

void answer_barely(Seat& seat, Port& port) {
  seat.wait_for_start();
  const uint64_t end_ns = monotonic_ns() + seat.working_ns() + kAfter_ns;
  const Ring& ring = port.rx_rings().front();
  Packet packet{};
  while (monotonic_ns() < end_ns) {
    uint32_t ready = 0;
    if (port.device().rx_sync() != Status::ok) give_up("cannot receive");
    if (ring.space() == 0) {
      constexpr int64_t kLook_ns = 10'000'000;
      port.device().wait(kReadable, kLook_ns, &ready);
      continue;
    }
    take_one(ring, packet);
    send_one(port, packet);
  }
}

void ping(Seat& seat, Port& port) {
  PingerOptions options;
  options.duration_ns = seat.working_ns();
  options.patience_ns = kSecond_ns;
  Pinger pinger(port, options);
  seat.wait_for_start();
  if (pinger.run() != Status::ok) give_up("a port stopped working");
  seat.figures[0] = static_cast<double>(pinger.histogram(Measured::rtt_ns)->percentile(0.5));
}

void pong(Seat& seat, Port& port) {
  PongerOptions options;
  options.duration_ns = seat.working_ns() + kAfter_ns;
  options.linger_ns = 0;
  Ponger ponger(port, options);
  seat.wait_for_start();
  if (ponger.run() != Status::ok) give_up("a port stopped working");
}

using Side = void (*)(Seat& seat, Port& port);

// The median of one window, 0 when it failed.
double median_of(Side asks, Side answers, Placement placement, double seconds, double* disturbance) {
  const NamespaceDirectory directory;
  const std::vector<Party> parties = {
      {placement.to_cpu,
       [&](Seat& seat) {
         const auto port = open_port(directory.path(), "bench}1");
         answers(seat, *port);
       }},
      {placement.from_cpu,
       [&](Seat& seat) {
         const auto port = open_port(directory.path(), "bench{1");
         asks(seat, *port);
       }},
  };
  const Outcome outcome = run_window(parties, placement.cores(), seconds);
  *disturbance += outcome.disturbance;
  return outcome.failed ? 0 : outcome.figures[1][0];
}

}  // namespace

RoundTrips measure_round_trips(Placement placement, double seconds) {
  RoundTrips trips;
  for (int turn = 0; turn < 2 && !trips.failed; turn++) {
    const double bare = median_of(ask_barely, answer_barely, placement, seconds / 4, &trips.disturbance);
    const double pinged = median_of(ping, pong, placement, seconds / 4, &trips.disturbance);
    trips.failed = bare == 0 || pinged == 0;
    trips.bare_p50_ns += bare / 2;
    trips.ping_p50_ns += pinged / 2;
  }
  return trips;
}

}  // namespace nm::bench
