// Network interfaces as ports: what arrives is what was sent, and what the kernel counts; the host is cut off meanwhile and
// has its interface back afterwards.

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <vector>

#include "nic/condition.h"
#include "test/check.h"
#include "test/child.h"
#include "test/frames.h"
#include "test/veth_rig.h"

namespace nm::test {

namespace {

constexpr uint32_t kEthernetHeader = 14;

}  // namespace

DRIVER_TEST("frames arrive as they were sent, in order, and the kernel counted the same") {
  Cable cable;
  Rig rig;
  auto a = rig.open("a");
  auto b = rig.open("b");
  Random random;
  std::vector<Bytes> sent;
  size_t bytes = 0;
  for (uint32_t i = 0; i < 5000; i++) {
    sent.push_back(numbered_frame(i, random.between(18, 1514), random));
    bytes += sent.back().size();
  }
  // Never more under way than the receiver has room for, so that nothing may be lost.
  size_t next = 0;
  for (const Bytes& frame : sent) {
    while (next < sent.size() && next < static_cast<size_t>(&frame - sent.data()) + 200) {
      if (!put_frame(*a, sent[next])) break;
      next++;
    }
    CHECK_EQUAL(a->device().tx_sync(), Status::ok);
    CHECK(next_frame(*b) == frame);
  }
  CHECK_EQUAL(kernel_count("a", "tx_packets"), sent.size());
  CHECK_EQUAL(kernel_count("b", "rx_packets"), sent.size());
  // Of a packet with an skb, a veth leaves out the header in front of which the program gets it. Of a live frame it counts all,
  // and some packets may have gone the one way and some the other.
  const uint64_t left_out = bytes - kernel_count("b", "rx_bytes");
  CHECK_EQUAL(left_out % kEthernetHeader, 0u);
  CHECK(left_out / kEthernetHeader <= sent.size());
  CHECK_EQUAL(received(*b).packets, sent.size());
  CHECK_EQUAL(received(*b).bytes, bytes);
  CHECK_EQUAL(received(*b).drops_full, 0u);
  Counters counters;
  CHECK_EQUAL(a->device().tx_counters(0, &counters), Status::ok);
  CHECK_EQUAL(counters.packets, sent.size());
  CHECK_EQUAL(counters.bytes, bytes);
}

DRIVER_TEST("the kernel says that what is attached is what was asked for") {
  const std::string name = driver.name;
  const uint32_t mode = name == "af-packet"        ? XDP_ATTACHED_NONE
                        : name == "af-xdp-generic" ? XDP_ATTACHED_SKB
                                                   : XDP_ATTACHED_DRV;
  Cable cable;
  Rig rig;
  nic::Condition condition;
  {
    auto b = rig.open("b");
    CHECK_EQUAL(nic::read_condition("b", &condition), Status::ok);
    CHECK_EQUAL(condition.xdp_mode, mode);
  }
  CHECK_EQUAL(nic::read_condition("b", &condition), Status::ok);
  CHECK_EQUAL(condition.xdp_mode, uint32_t{XDP_ATTACHED_NONE});
}

DRIVER_TEST("what a receiver is too slow for is counted, to the last packet") {
  Cable cable;
  Rig rig;
  auto a = rig.open("a");
  auto b = rig.open("b");
  Random random;
  constexpr uint32_t kSent = 20000;
  for (uint32_t i = 0; i < kSent; i++) {
    while (!put_frame(*a, numbered_frame(i, 60, random))) CHECK_EQUAL(a->device().tx_sync(), Status::ok);
  }
  send_all(*a);
  uint32_t arrived = 0;
  int64_t last = -1;
  for (;;) {
    b->device().rx_sync();
    const Bytes frame = take_frame(*b);
    if (frame.empty()) break;
    uint32_t number;
    memcpy(&number, &frame[14], sizeof(number));
    CHECK(number > last);
    last = number;
    arrived++;
  }
  CHECK(arrived > 0 && arrived < kSent);
  CHECK_EQUAL(arrived + received(*b).drops_full, kSent);
}

DRIVER_TEST("VLAN tags stay where they are, whatever the kernel does with them meanwhile") {
  Cable cable;
  Rig rig;
  auto a = rig.open("a");
  auto b = rig.open("b");
  Random random;
  for (const std::vector<uint32_t>& tags : std::vector<std::vector<uint32_t>>{
           {0x81000005}, {0x8100e00a}, {0x88a80064, 0x810000c8}, {0x81000000}}) {
    Bytes frame = numbered_frame(1, 100, random);
    for (size_t i = 0; i < tags.size(); i++) {
      const uint32_t tag = htonl(tags[i]);
      memcpy(&frame[12 + 4 * i], &tag, 4);
    }
    frame[12 + 4 * tags.size()] = 0x88;
    frame[13 + 4 * tags.size()] = 0xb5;
    CHECK(put_frame(*a, frame));
    send_all(*a);
    CHECK(next_frame(*b) == frame);
  }
}

DRIVER_TEST(
    "frames longer than a buffer are spread over slots, up to the MTU, and longer ones are refused and "
    "counted") {
  // A live frame has less than a page.
  if (driver.name == std::string("xdp-live")) return;
  Cable cable(1, 9000);
  Rig rig;
  auto a = rig.open("a");
  auto b = rig.open("b");
  Random random;
  for (const size_t length : {2048u, 2049u, 4096u, 9014u, 9018u}) {
    Bytes frame = numbered_frame(1, length, random);
    // Beyond the MTU there is room for a VLAN tag only.
    if (length > 9014) frame[12] = 0x81, frame[13] = 0x00, frame[16] = 0x88, frame[17] = 0xb5;
    CHECK(put_frame(*a, frame));
    send_all(*a);
    CHECK(next_frame(*b) == frame);
  }
  CHECK(put_frame(*a, numbered_frame(2, 9015, random)));
  CHECK(put_frame(*a, numbered_frame(3, 60, random)));
  send_all(*a);
  CHECK_EQUAL(next_frame(*b).size(), 60u);
  Counters counters;
  CHECK_EQUAL(a->device().tx_counters(0, &counters), Status::ok);
  CHECK_EQUAL(counters.drops_too_long, 1u);
}

DRIVER_TEST("slots that are no packets are left out and counted, and those behind them are sent") {
  Cable cable;
  Rig rig;
  auto a = rig.open("a");
  auto b = rig.open("b");
  Random random;
  const Ring& ring = a->tx_rings()[0];
  const uint32_t first = ring.head();
  for (uint32_t i = 0; i < 5; i++) CHECK(put_frame(*a, numbered_frame(i, 60, random)));
  const uint32_t own = ring.slot(first).buf_idx;
  ring.slot(first).buf_idx = 0xfffffff0;
  ring.slot(first + 1).len = 3000;
  ring.slot(first + 2).len = 13;
  ring.slot(first + 3).flags = abi::NS_INDIRECT;
  send_all(*a);
  ring.slot(first).buf_idx = own;
  const Bytes frame = next_frame(*b);
  CHECK_EQUAL(frame[14], 4);
  Counters counters;
  CHECK_EQUAL(a->device().tx_counters(0, &counters), Status::ok);
  CHECK_EQUAL(counters.packets, 1u);
  CHECK_EQUAL(counters.drops_bad_slot, 3u);
  CHECK_EQUAL(counters.drops_too_short, 1u);
}

DRIVER_TEST(
    "the host gets nothing that arrives while the port is open, sends nothing, and has all back when it is "
    "closed") {
  Cable cable;
  Rig rig;
  Random random;
  HostSide host_a("a");
  HostSide host_b("b");
  const Bytes frame = numbered_frame(1, 60, random);
  host_a.send(frame);
  CHECK_EQUAL(host_b.take_all(), 1u);
  {
    auto b = rig.open("b");
    host_a.send(frame);
    CHECK_EQUAL(host_b.take_all(), 0u);
    CHECK(next_frame(*b) == frame);
    host_b.send(frame);
    CHECK_EQUAL(host_a.take_all(), 0u);
    CHECK(put_frame(*b, frame));
    send_all(*b);
    CHECK_EQUAL(host_a.take_all(), 1u);
    CHECK(take_frame(*b).empty());
  }
  host_a.send(frame);
  host_b.send(frame);
  CHECK_EQUAL(host_a.take_all(), 1u);
  CHECK_EQUAL(host_b.take_all(), 1u);
  CHECK_EQUAL(rig.files(), "namespace");
}

DRIVER_TEST("each queue has its ring; one that is not open stays with the host") {
  // What a veth receives is in queue 0 there, whatever queue it came through.
  if (driver.name == std::string("af-xdp-generic")) return;
  for (const uint32_t queues : {2u, 4u}) {
    Cable cable(queues);
    Rig rig;
    Random random;
    HostSide host_b("b");
    auto a = rig.open("a");
    CHECK_EQUAL(a->granted().nr_rx_rings, queues);
    CHECK_EQUAL(a->granted().nr_tx_rings, queues);
    const uint32_t last = static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_ONLN)) - 1;
    const uint32_t queue = std::min(last, queues - 1);
    {
      auto b = rig.open("b");
      for (const uint32_t number : {queue, 0u}) {
        // Some drivers send through the queue of the ring, others through that of the processor.
        OnProcessor here(number);
        const Bytes frame = numbered_frame(number, 60, random);
        CHECK(put_frame(*a, frame, number));
        send_all(*a);
        CHECK(next_frame(*b, number) == frame);
      }
      CHECK_EQUAL(host_b.take_all(), 0u);
    }
    if (queue == 0) continue;
    auto b = rig.open("b", one_ring(static_cast<uint16_t>(queue)));
    for (const uint32_t number : {queue, 0u}) {
      OnProcessor here(number);
      CHECK(put_frame(*a, numbered_frame(number, 60, random), number));
      send_all(*a);
    }
    CHECK_EQUAL(next_frame(*b)[14], queue);
    CHECK_EQUAL(host_b.take_all(), 1u);
    b->device().rx_sync();
    CHECK(take_frame(*b).empty());
  }
}

DRIVER_TEST(
    "host rings are the host's side of the interface, and what goes through them does not touch the wire") {
  for (const bool with_hardware : {false, true}) {
    if (with_hardware && driver.takes_upward) continue;
    Cable cable;
    Rig rig;
    Random random;
    HostSide host_a("a");
    HostSide host_b("b");
    abi::nmreq_register wanted = {};
    wanted.nr_mode = with_hardware ? abi::NR_REG_NIC_SW : abi::NR_REG_SW;
    {
      auto b = rig.open("b", wanted);
      const uint32_t host = with_hardware ? 1 : 0;
      for (uint32_t i = 0; i < 20; i++) {
        const Bytes down = numbered_frame(i, random.between(60, 1514), random);
        host_b.send(down);
        CHECK(next_frame(*b, host) == down);
        const Bytes up = numbered_frame(i, random.between(60, 1514), random);
        CHECK(put_frame(*b, up, host));
        CHECK_EQUAL(b->device().tx_sync(), Status::ok);
        CHECK(host_b.take() == up);
      }
      CHECK_EQUAL(host_a.take_all(), 0u);
      CHECK_EQUAL(kernel_count("b", "tx_packets"), 0u);
      CHECK_EQUAL(received(*b, 1).packets, 20u);
      // What the wire brings is the host's business while only its rings are open.
      host_a.send(numbered_frame(1, 60, random));
      CHECK_EQUAL(host_b.take_all(), with_hardware ? 0u : 1u);
      if (with_hardware) CHECK(!next_frame(*b).empty());
      CHECK(take_frame(*b, host).empty());
    }
    host_b.send(numbered_frame(1, 60, random));
    CHECK_EQUAL(host_a.take_all(), 1u);
    CHECK_EQUAL(output_of("ip -o link | wc -l"), "3\n");
  }
}

TEST("several host rings share what the host sends, and any of them reaches it") {
  if (!has_own_network()) return;
  Cable cable;
  Rig rig;
  Random random;
  HostSide host_b("b");
  abi::nmreq_register wanted = {};
  wanted.nr_mode = abi::NR_REG_SW;
  wanted.nr_host_tx_rings = 2;
  wanted.nr_host_rx_rings = 3;
  auto b = rig.open("b", wanted);
  CHECK_EQUAL(b->rx_rings().size(), 3u);
  constexpr uint32_t kFrames = 30;
  for (uint32_t i = 0; i < kFrames; i++) host_b.send(numbered_frame(i, 60, random));
  uint32_t arrived = 0;
  while (arrived < kFrames) {
    uint32_t ready = 0;
    CHECK_EQUAL(b->device().wait(kReadable, 5 * kSecond, &ready), Status::ok);
    CHECK_EQUAL(ready, kReadable);
    for (uint32_t ring = 0; ring < 3; ring++) {
      while (!take_frame(*b, ring).empty()) arrived++;
    }
  }
  for (const uint32_t ring : {0u, 1u}) {
    const Bytes up = numbered_frame(ring, 60, random);
    CHECK(put_frame(*b, up, ring));
    CHECK_EQUAL(b->device().tx_sync(), Status::ok);
    CHECK(host_b.take() == up);
  }
}

TEST("host rings and a driver that takes what goes up for what comes in refuse each other") {
  if (!has_own_network()) return;
  Cable cable;
  Rig rig;
  std::unique_ptr<Port> port;
  abi::nmreq_register host = {};
  host.nr_mode = abi::NR_REG_SW;
  setenv("NM_DRIVER", "af-xdp-generic", 1);
  {
    auto rings = rig.open("b", host);
    CHECK_EQUAL(rig.try_open("b", &port), Status::no_driver);
  }
  if (rig.try_open("b", &port) == Status::ok) CHECK_EQUAL(rig.try_open("b", &port, host), Status::no_driver);
  unsetenv("NM_DRIVER");
}

DRIVER_TEST("in transparent mode what is marked goes on to where it would have gone, and the rest does not") {
  if (driver.takes_upward) return;
  for (const bool with_host_rings : {true, false}) {
    Cable cable;
    Rig rig;
    Random random;
    HostSide host_a("a");
    HostSide host_b("b");
    abi::nmreq_register wanted = {};
    wanted.nr_mode = with_host_rings ? abi::NR_REG_NIC_SW : abi::NR_REG_ALL_NIC;
    auto b = rig.open("b", wanted);
    for (const Ring& ring : b->rx_rings()) ring.shared()->flags |= abi::NR_FORWARD;
    std::vector<Bytes> marked;
    const auto mark_even = [&](uint32_t ring_number, HostSide& from) {
      marked.clear();
      const Ring& ring = b->rx_rings()[ring_number];
      for (uint32_t i = 0; i < 6; i++) {
        const Bytes frame = numbered_frame(i, random.between(60, 1500), random);
        from.send(frame);
        if (i % 2 == 0) marked.push_back(frame);
        const uint32_t at = ring.head();
        CHECK(next_frame(*b, ring_number) == frame);
        if (i % 2 == 0) ring.slot(at).flags |= abi::NS_FORWARD;
        CHECK_EQUAL(b->device().rx_sync(), Status::ok);
      }
    };
    mark_even(0, host_a);
    for (const Bytes& frame : marked) CHECK(host_b.take() == frame);
    CHECK_EQUAL(host_b.take_all(), 0u);
    if (!with_host_rings) continue;
    mark_even(1, host_b);
    for (const Bytes& frame : marked) CHECK(host_a.take() == frame);
    CHECK_EQUAL(host_a.take_all(), 0u);
  }
}

DRIVER_TEST("a process that is killed leaves nothing on the interface, and the host has it back at once") {
  Cable cable;
  Rig rig;
  Random random;
  HostSide host_b("b");
  auto a = rig.open("a");
  const Bytes frame = numbered_frame(1, 60, random);
  const auto reaches_host = [&] {
    CHECK(put_frame(*a, frame));
    send_all(*a);
    return host_b.take_all() == 1;
  };
  const char* const kills = getenv("NM_KILLS");
  for (uint32_t i = 0; i < (kills != nullptr ? strtoul(kills, nullptr, 10) : 3); i++) {
    int opened[2];
    CHECK_EQUAL(pipe(opened), 0);
    Child user([&] {
      abi::nmreq_register everything = {};
      everything.nr_mode = driver.takes_upward ? abi::NR_REG_ALL_NIC : abi::NR_REG_NIC_SW;
      auto b = rig.open("b", everything);
      CHECK_EQUAL(write(opened[1], "", 1), 1);
      for (;;) {
        put_frame(*b, frame);
        b->device().tx_sync();
        b->device().rx_sync();
        take_frame(*b);
      }
    });
    char byte;
    CHECK_EQUAL(read(opened[0], &byte, 1), 1);
    close(opened[0]);
    close(opened[1]);
    CHECK(!reaches_host());
    usleep(static_cast<useconds_t>(random.below(3000)));
    user.kill();
    // The kernel lets go of what a process had before it tells that the process is gone.
    CHECK(reaches_host());
    nic::Condition left;
    CHECK_EQUAL(nic::read_condition("b", &left), Status::ok);
    CHECK_EQUAL(left.promiscuous, 0u);
    CHECK_EQUAL(left.xdp_mode, 0u);
    CHECK_EQUAL(output_of("ip -o link | wc -l"), "3\n");
  }
  // The next who comes puts the namespace in order.
  rig.open("b").reset();
  a.reset();
  CHECK_EQUAL(rig.files(), "namespace");
}

DRIVER_TEST("buffers can be exchanged between interfaces and pipes: all are in one region") {
  Cable cable;
  Rig rig;
  auto a = rig.open("a");
  auto b = rig.open("b");
  auto pipe = rig.open("a{1");
  CHECK_EQUAL(a->granted().nr_mem_id, 1u);
  CHECK_EQUAL(b->granted().nr_mem_id, 1u);
  CHECK_EQUAL(pipe->granted().nr_mem_id, 1u);
  Random random;
  const Bytes frame = numbered_frame(7, 300, random);
  const Ring& from = pipe->tx_rings()[0];
  const Ring& to = a->tx_rings()[0];
  abi::netmap_slot& source = from.slot(from.head());
  abi::netmap_slot& target = to.slot(to.head());
  std::swap(source.buf_idx, target.buf_idx);
  memcpy(to.buffer(target.buf_idx), frame.data(), frame.size());
  target.len = 300;
  target.flags = abi::NS_BUF_CHANGED;
  to.advance(to.next(to.head()));
  send_all(*a);
  CHECK(next_frame(*b) == frame);
}

DRIVER_TEST("two descriptors of one ring see each packet once") {
  Cable cable;
  Rig rig;
  auto a = rig.open("a");
  auto b = rig.open("b");
  auto again = rig.open("b");
  Random random;
  for (uint32_t i = 0; i < 10; i++) CHECK(put_frame(*a, numbered_frame(i, 60, random)));
  send_all(*a);
  for (uint32_t i = 0; i < 10; i++) {
    // They share head and tail as well.
    const Bytes frame = next_frame(i % 2 != 0 ? *again : *b);
    CHECK_EQUAL(frame[14], i);
  }
  CHECK(take_frame(*b).empty());
  b.reset();
  CHECK(put_frame(*a, numbered_frame(11, 60, random)));
  send_all(*a);
  CHECK_EQUAL(next_frame(*again)[14], 11);
}

DRIVER_TEST("an interface that goes down, or away, is a status and no silence") {
  Rig rig;
  {
    Cable cable;
    auto a = rig.open("a");
    auto b = rig.open("b");
    command("ip link set dev b down");
    uint32_t ready = 0;
    CHECK_EQUAL(b->device().wait(kReadable, 5 * kSecond, &ready), Status::ok);
    CHECK_EQUAL(ready, kRingError);
    CHECK_EQUAL(b->device().rx_sync(), Status::interface_down);
    Random random;
    CHECK(put_frame(*b, numbered_frame(1, 60, random)));
    CHECK_EQUAL(b->device().tx_sync(), Status::interface_down);
    command("ip link set dev b up");
    // What could not be sent is sent now.
    while (b->tx_rings()[0].pending()) b->device().tx_sync();
    CHECK(!next_frame(*a).empty());
    CHECK_EQUAL(b->device().rx_sync(), Status::ok);
    CHECK(put_frame(*a, numbered_frame(1, 60, random)));
    send_all(*a);
    CHECK(!next_frame(*b).empty());
  }
  {
    auto cable = std::make_unique<Cable>();
    auto b = rig.open("b");
    cable.reset();
    uint32_t ready = 0;
    CHECK_EQUAL(b->device().wait(kReadable, 5 * kSecond, &ready), Status::ok);
    CHECK_EQUAL(ready, kRingError);
    CHECK_EQUAL(b->device().rx_sync(), Status::interface_gone);
  }
}

}  // namespace nm::test
