// Forwarders with a network interface on one side, or on both: every packet arrives, or is counted.
#include <thread>

#include "test/line.h"
#include "test/veth_rig.h"

namespace nm {
namespace {

using test::Cable;
using test::check_accounts;
using test::has_own_network;
using test::HostSide;
using test::Line;
using test::Rig;

constexpr uint64_t kPackets = 10000;

TEST("a forwarder between two interfaces swaps buffers and accounts for every packet, both ways at once") {
  if (!has_own_network()) return;
  Cable left;
  Cable right(1, 1500, "c", "d");
  Rig rig;
  Line line(rig, "a", "b", "c", "d");
  line.exchange(kPackets);
  check_accounts(line);
  for (const uint32_t lane : {0u, 1u}) {
    CHECK(line.count(lane, &LaneCounts::packets) > 0);
    CHECK_EQUAL(line.count(lane, &LaneCounts::copied_bytes), 0u);
  }
}

TEST("a forwarder between an interface and a switch accounts for every packet, both ways at once") {
  if (!has_own_network()) return;
  Cable cable;
  Rig rig;
  Line line(rig, "a", "b", "vale0:m", "vale0:y");
  line.exchange(kPackets);
  check_accounts(line);
  CHECK(line.left.received() > 0 && line.right.received() > 0);
}

TEST("a forwarder between an interface and a pipe accounts for every packet, both ways at once") {
  if (!has_own_network()) return;
  Cable cable;
  Rig rig;
  Line line(rig, "a", "b", "p{1", "p}1");
  line.exchange(kPackets);
  check_accounts(line);
  CHECK(line.left.received() > 0 && line.right.received() > 0);
}

std::vector<uint8_t> numbered_frame(uint32_t number) {
  std::vector<uint8_t> frame(60 + number * 997 % 1440, static_cast<uint8_t>(number));
  std::fill_n(frame.begin(), 6, uint8_t{0xff});
  frame[12] = test::kTestProtocol >> 8;
  frame[13] = test::kTestProtocol & 0xff;
  memcpy(&frame[14], &number, sizeof(number));
  return frame;
}

// Waits for the next frame.
std::vector<uint8_t> next_frame(HostSide& host) {
  const uint64_t deadline_ns = monotonic_ns() + 20 * kSecond_ns;
  std::vector<uint8_t> frame = host.take();
  for (; frame.empty(); frame = host.take()) {
    usleep(100);
    CHECK(monotonic_ns() < deadline_ns);
  }
  return frame;
}

TEST(
    "a forwarder between an interface and its host stack gives each what the other sends, and copies "
    "nothing") {
  if (!has_own_network()) return;
  Cable cable;
  Rig rig;
  HostSide host_a("a");
  HostSide host_b("b");
  abi::nmreq_register host_rings = {};
  host_rings.nr_mode = abi::NR_REG_SW;
  std::unique_ptr<Port> card = rig.open("b");
  std::unique_ptr<Port> stack = rig.open("b", host_rings);
  ForwarderOptions options;
  options.lanes = {{0, 1, {}}, {1, 0, {}}};
  Forwarder forwarder({card.get(), stack.get()}, options);
  std::thread middle([&] { CHECK_EQUAL(forwarder.run(), Status::ok); });
  constexpr uint32_t kAtOnce = 16;
  for (uint32_t first = 0; first < 100 * kAtOnce; first += kAtOnce) {
    for (uint32_t i = first; i < first + kAtOnce; i++) {
      host_a.send(numbered_frame(i));
      host_b.send(numbered_frame(i));
    }
    for (uint32_t i = first; i < first + kAtOnce; i++) {
      CHECK(next_frame(host_b) == numbered_frame(i));
      CHECK(next_frame(host_a) == numbered_frame(i));
    }
  }
  forwarder.stop();
  middle.join();
  for (const size_t lane : {0, 1}) {
    CHECK_EQUAL(forwarder.lane_counts(lane).packets.load(), 100 * kAtOnce);
    CHECK_EQUAL(forwarder.lane_counts(lane).copied_bytes.load(), 0u);
  }
}

}  // namespace
}  // namespace nm
