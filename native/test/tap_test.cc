// Ports of TAP devices: the host is on the other side. The device comes and goes with its port.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <set>

#include "bytes.h"
#include "checksum.h"
#include "test/check.h"
#include "test/child.h"
#include "test/frames.h"
#include "test/veth_rig.h"

namespace nm::test {

namespace {

bool is_there(const std::string& device) { return if_nametoindex(device.c_str()) != 0; }

abi::nmreq_register many_rings(uint16_t count) {
  abi::nmreq_register wanted = {};
  wanted.nr_mode = abi::NR_REG_ALL_NIC;
  wanted.nr_tx_rings = wanted.nr_rx_rings = count;
  return wanted;
}

// Takes what arrives for `milliseconds`, on any ring.
std::vector<Bytes> take_all(Port& port, int milliseconds = 100) {
  std::vector<Bytes> frames;
  const int64_t end = engine::monotonic_ns() + milliseconds * 1'000'000ll;
  while (engine::monotonic_ns() < end) {
    CHECK_EQUAL(port.device().rx_sync(), Status::ok);
    for (uint32_t ring = 0; ring < port.rx_rings().size(); ring++) {
      for (Bytes frame = take_frame(port, ring); !frame.empty(); frame = take_frame(port, ring)) {
        frames.push_back(std::move(frame));
      }
    }
    usleep(200);
  }
  return frames;
}

// A host with an address on the device, and a neighbour that answers nothing.
class Udp {
 public:
  explicit Udp(const std::string& device) {
    command("ip addr add 198.18.0.1/24 dev " + device);
    command("ip neigh add 198.18.0.2 lladdr 02:00:00:00:00:02 dev " + device);
    socket_ = FileDescriptor(socket(AF_INET, SOCK_DGRAM, 0));
    to_.sin_family = AF_INET;
    to_.sin_port = htons(5000);
    inet_pton(AF_INET, "198.18.0.2", &to_.sin_addr);
  }
  void send(const Bytes& payload, uint16_t segment = 0) {
    const int size = segment;
    constexpr int kUdpSegment = 103;
    if (segment != 0)
      CHECK_EQUAL(setsockopt(socket_.number(), IPPROTO_UDP, kUdpSegment, &size, sizeof(size)), 0);
    CHECK_EQUAL(sendto(socket_.number(), payload.data(), payload.size(), 0, reinterpret_cast<sockaddr*>(&to_),
                       sizeof(to_)),
                static_cast<ssize_t>(payload.size()));
  }

 private:
  FileDescriptor socket_;
  sockaddr_in to_ = {};
};

// Whether the checksums of an IPv4 frame with UDP are right.
bool has_right_checksums(const Bytes& frame) {
  constexpr size_t kIp = 14;
  constexpr size_t kUdp = kIp + 20;
  const auto udp_length = static_cast<uint32_t>(frame.size() - kUdp);
  uint64_t sum = 0;
  const auto add = [&](size_t at, size_t end) {
    for (; at + 1 < end; at += 2) sum += static_cast<uint32_t>(frame[at] << 8 | frame[at + 1]);
    if (at < end) sum += static_cast<uint32_t>(frame[at] << 8);
  };
  const auto folded = [&] {
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
  };
  add(kIp, kUdp);
  const bool ip_is_right = folded() == 0xffff;
  sum = IPPROTO_UDP + udp_length;
  add(kIp + 12, kUdp);
  add(kUdp, frame.size());
  return ip_is_right && folded() == 0xffff;
}

}  // namespace

TEST("the device of a tap port comes with it, is up, and goes with its last user") {
  if (!has_own_network()) return;
  Rig rig;
  CHECK(!is_there("blue"));
  auto port = rig.open("tap:blue");
  CHECK(is_there("blue"));
  CHECK(output_of("ip -o link show dev blue").find("UP") != std::string::npos);
  auto again = rig.open("tap:blue");
  port.reset();
  CHECK(is_there("blue"));
  again.reset();
  CHECK(!is_there("blue"));
  CHECK_EQUAL(rig.files(), std::string("namespace"));
}

TEST("what is sent on a tap port the host receives, in order") {
  if (!has_own_network()) return;
  Rig rig;
  auto port = rig.open("tap:blue");
  HostSide host("blue");
  Random random;
  std::vector<Bytes> sent;
  for (uint32_t i = 0; i < 3000; i++) sent.push_back(numbered_frame(i, random.between(18, 1514), random));
  size_t received = 0;
  for (const Bytes& frame : sent) {
    CHECK(put_frame(*port, frame));
    if (&frame != &sent.back() && random.below(100) != 0) continue;
    send_all(*port);
    for (Bytes got = host.take(); !got.empty(); got = host.take()) CHECK(got == sent[received++]);
  }
  CHECK_EQUAL(received, sent.size());
  CHECK_EQUAL(kernel_count("blue", "rx_packets"), sent.size());
  Counters counters;
  CHECK_EQUAL(port->device().tx_counters(0, &counters), Status::ok);
  CHECK_EQUAL(counters.packets, sent.size());
}

TEST("what the host sends on the device arrives, in order") {
  if (!has_own_network()) return;
  Rig rig;
  auto port = rig.open("tap:blue");
  HostSide host("blue");
  Random random;
  for (uint32_t round = 0; round < 20; round++) {
    std::vector<Bytes> sent;
    for (uint32_t i = 0; i < 100; i++) {
      sent.push_back(numbered_frame(round * 100 + i, random.between(18, 1514), random));
      host.send(sent.back());
    }
    for (const Bytes& frame : sent) CHECK(next_frame(*port) == frame);
  }
  CHECK_EQUAL(received(*port).packets, 2000u);
}

TEST("packets that the host left unfinished are whole when they arrive") {
  if (!has_own_network()) return;
  Rig rig;
  auto port = rig.open("tap:blue");
  Udp udp("blue");
  udp.send(Bytes(333, 7));
  Bytes frame = next_frame(*port);
  CHECK_EQUAL(frame.size(), size_t{14 + 20 + 8 + 333});
  CHECK(has_right_checksums(frame));

  // Ten datagrams as one packet, if the kernel can: each must be one of its own here.
  udp.send(Bytes(10 * 500, 9), 500);
  uint32_t datagrams = 0;
  for (const Bytes& one : take_all(*port)) {
    CHECK_EQUAL(one.size(), size_t{14 + 20 + 8 + 500});
    CHECK(has_right_checksums(one));
    datagrams++;
  }
  CHECK_EQUAL(datagrams, 10u);
}

TEST("frames longer than a buffer pass both ways, over several slots") {
  if (!has_own_network()) return;
  Rig rig;
  auto port = rig.open("tap:blue");
  command("ip link set dev blue mtu 9000");
  HostSide host("blue");
  Random random;
  for (uint32_t i = 0; i < 50; i++) {
    const Bytes down = numbered_frame(i, random.between(2000, 9014), random);
    CHECK(put_frame(*port, down));
    send_all(*port);
    CHECK(host.take() == down);
    const Bytes up = numbered_frame(i, random.between(2000, 9014), random);
    host.send(up);
    CHECK(next_frame(*port) == up);
  }
}

TEST("a receiver that sleeps is woken by the host") {
  if (!has_own_network()) return;
  Rig rig;
  auto port = rig.open("tap:blue");
  HostSide host("blue");
  uint32_t ready = 1;
  CHECK_EQUAL(port->device().wait(kReadable, 20'000'000, &ready), Status::ok);
  CHECK_EQUAL(ready, 0u);
  Random random;
  const Bytes frame = numbered_frame(1, 60, random);
  for (uint32_t i = 0; i < 20; i++) {
    Child sender([&] {
      usleep(20'000);
      host.send(frame);
    });
    CHECK_EQUAL(port->device().wait(kReadable, 5 * kSecond, &ready), Status::ok);
    CHECK_EQUAL(ready, kReadable);
    CHECK(take_frame(*port) == frame);
    sender.join();
  }
}

TEST("every ring of a tap port has a queue of the device") {
  if (!has_own_network()) return;
  Rig rig;
  auto port = rig.open("tap:blue", many_rings(4));
  CHECK_EQUAL(port->tx_rings().size(), size_t{4});
  HostSide host("blue");
  Random random;
  std::set<Bytes> sent;
  for (uint32_t ring = 0; ring < 4; ring++) {
    for (uint32_t i = 0; i < 50; i++) {
      const Bytes frame = numbered_frame(ring * 1000 + i, 100, random);
      sent.insert(frame);
      CHECK(put_frame(*port, frame, ring));
    }
  }
  CHECK_EQUAL(port->device().tx_sync(), Status::ok);
  std::set<Bytes> got;
  for (Bytes frame = host.take(); !frame.empty(); frame = host.take()) got.insert(frame);
  CHECK(got == sent);

  for (const Bytes& frame : sent) host.send(frame);
  const std::vector<Bytes> arrived = take_all(*port);
  CHECK_EQUAL(arrived.size(), sent.size());
  CHECK(std::set<Bytes>(arrived.begin(), arrived.end()) == sent);
}

TEST("two processes have a ring each of one device, or share one") {
  if (!has_own_network()) return;
  Rig rig;
  auto first = rig.open("tap:blue", many_rings(2));
  HostSide host("blue");
  Child other([&] {
    auto port = rig.open("tap:blue", one_ring(1));
    Random random;
    CHECK(put_frame(*port, numbered_frame(7, 60, random)));
    send_all(*port);
  });
  other.join();
  Bytes frame = host.take();
  uint32_t number;
  CHECK(!frame.empty());
  memcpy(&number, &frame[14], sizeof(number));
  CHECK_EQUAL(number, 7u);
  CHECK(is_there("blue"));
}

TEST("the device is gone when its user is killed") {
  if (!has_own_network()) return;
  Rig rig;
  for (uint32_t i = 0; i < 5; i++) {
    Child user([&] {
      auto port = rig.open("tap:blue");
      Random random;
      for (;;) {
        put_frame(*port, numbered_frame(1, 60, random));
        port->device().tx_sync();
      }
    });
    while (!is_there("blue")) usleep(1000);
    usleep(3000 * i);
    user.kill();
    CHECK(!is_there("blue"));
  }
  auto port = rig.open("tap:blue");
  CHECK(is_there("blue"));
  port.reset();
  CHECK_EQUAL(rig.files(), std::string("namespace"));
}

TEST("a device that was there before stays, as it was") {
  if (!has_own_network()) return;
  for (const std::string kind : {"", " multi_queue"}) {
    command("ip tuntap add dev blue mode tap" + kind);
    Rig rig;
    std::unique_ptr<Port> port = rig.open("tap:blue");
    CHECK(output_of("ip -o link show dev blue").find("UP") == std::string::npos);
    Random random;
    CHECK(put_frame(*port, numbered_frame(1, 60, random)));
    CHECK_EQUAL(port->device().tx_sync(), Status::interface_down);
    command("ip link set dev blue up");
    HostSide host("blue");
    CHECK_EQUAL(port->device().tx_sync(), Status::ok);
    CHECK(!host.take().empty());
    port.reset();
    CHECK(is_there("blue"));
    command("ip link del dev blue");
  }
}

TEST("a device that is taken away is gone, and can be made again") {
  if (!has_own_network()) return;
  Rig rig;
  auto port = rig.open("tap:blue");
  command("ip link del dev blue");
  Random random;
  CHECK(put_frame(*port, numbered_frame(1, 60, random)));
  CHECK_EQUAL(port->device().tx_sync(), Status::interface_gone);
  CHECK_EQUAL(port->device().rx_sync(), Status::interface_gone);
  port.reset();
  port = rig.open("tap:blue");
  CHECK(is_there("blue"));
  CHECK_EQUAL(port->device().rx_sync(), Status::ok);
}

TEST("slots that cannot be sent are counted, and those behind them go") {
  if (!has_own_network()) return;
  Rig rig;
  auto port = rig.open("tap:blue");
  HostSide host("blue");
  Random random;
  const Ring& ring = port->tx_rings()[0];
  const uint32_t bad = ring.head();
  CHECK(put_frame(*port, numbered_frame(1, 60, random)));
  ring.slot(bad).buf_idx = ~0u;
  const uint32_t runt = ring.head();
  CHECK(put_frame(*port, numbered_frame(2, 60, random)));
  ring.slot(runt).len = 10;
  const Bytes good = numbered_frame(3, 60, random);
  CHECK(put_frame(*port, good));
  const uint32_t buffer = ring.slot(bad).buf_idx;
  CHECK_EQUAL(port->device().tx_sync(), Status::ok);
  CHECK(host.take() == good);
  CHECK(host.take().empty());
  Counters counters;
  CHECK_EQUAL(port->device().tx_counters(0, &counters), Status::ok);
  CHECK_EQUAL(counters.packets, 1u);
  CHECK_EQUAL(counters.drops_bad_slot, 1u);
  CHECK_EQUAL(counters.drops_too_short, 1u);
  CHECK_EQUAL(buffer, ~0u);
}

TEST("what the host sends faster than it is read is counted") {
  if (!has_own_network()) return;
  Rig rig;
  auto port = rig.open("tap:blue");
  HostSide host("blue");
  Random random;
  constexpr uint32_t kSent = 8000;
  for (uint32_t i = 0; i < kSent; i++) host.send(numbered_frame(i, 60, random));
  const size_t arrived = take_all(*port, 300).size();
  CHECK(arrived < kSent);
  CHECK_EQUAL(received(*port).packets, arrived);
  // What a packet socket is refused, it counts for itself; the host counts what the device had no room for.
  CHECK_EQUAL(received(*port).drops_full, kernel_count("blue", "tx_dropped"));
  CHECK(received(*port).drops_full > 0);
}

TEST("a monitor sees what a tap port sends and receives") {
  if (!has_own_network()) return;
  Rig rig;
  auto port = rig.open("tap:blue");
  HostSide host("blue");
  abi::nmreq_register watch = {};
  watch.nr_mode = abi::NR_REG_ALL_NIC;
  watch.nr_flags = abi::NR_MONITOR_RX | abi::NR_MONITOR_TX;
  auto monitor = rig.open("tap:blue", watch);
  Random random;
  const Bytes down = numbered_frame(1, 60, random);
  CHECK(put_frame(*port, down));
  send_all(*port);
  const Bytes up = numbered_frame(2, 60, random);
  host.send(up);
  CHECK(next_frame(*port) == up);
  CHECK(next_frame(*monitor) == down);
  CHECK(next_frame(*monitor) == up);
}

TEST("an interface that is no tap device cannot be opened as one") {
  if (!has_own_network()) return;
  Cable cable;
  Rig rig;
  std::unique_ptr<Port> port;
  CHECK_EQUAL(rig.try_open("tap:a", &port), Status::no_driver);
  CHECK(is_there("a"));
  CHECK_EQUAL(rig.try_open("tap:", &port), Status::no_such_interface);
  CHECK_EQUAL(rig.try_open("tap:x%d", &port), Status::no_such_interface);
  CHECK_EQUAL(rig.try_open("tap:blue{1", &port), Status::bad_name);
  CHECK_EQUAL(rig.files(), std::string("namespace"));
}

TEST("tap ports and interfaces share memory, so buffers can go from one to the other") {
  if (!has_own_network()) return;
  Cable cable;
  Rig rig;
  auto tap = rig.open("tap:blue");
  auto nic = rig.open("a");
  CHECK_EQUAL(tap->granted().nr_mem_id, nic->granted().nr_mem_id);
}

}  // namespace nm::test
