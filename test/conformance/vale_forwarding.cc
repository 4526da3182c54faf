// VALE forwarding: which ports a packet reaches, and in which shape.
#include <algorithm>
#include <array>

#include "ports.h"

NOUN("VALE forwarding");

static const nmreq_register kTwoRings = {.nr_tx_rings = 2, .nr_rx_rings = 2};

// The place of a station in a switch's table, as the reference words it: 4.5.2.
static uint32_t bucket(const Station& mac) {
  uint32_t a = 0x9e3779b9, b = 0x9e3779b9, c = 0;
  const std::array<uint32_t, 6> n = {mac.bytes[0], mac.bytes[1], mac.bytes[2],
                                     mac.bytes[3], mac.bytes[4], mac.bytes[5]};
  a += n[3] << 24 | n[2] << 16 | n[1] << 8 | n[0];
  b += n[5] << 8 | n[4];
  const auto round = [&](int x, int y, int z) {
    a = (a - b - c) ^ (c >> x);
    b = (b - c - a) ^ (a << y);
    c = (c - a - b) ^ (b >> z);
  };
  round(13, 8, 13);
  round(12, 16, 5);
  round(3, 10, 15);
  return c & 1023;
}

// The port tells the switch that the station is behind it.
static void appear(Port& port, Station station) { port.send(packet(kEverybody, station)); }
static void empty(Port& port) {
  port.receive();
  EXPECT(port.rx_sync(), 0);
}

CASE("a packet to everybody reaches every port but its own") {
  Port a(vale("a")), b(vale("b")), c(vale("c"));
  a.send(to_everybody('x'));
  EXPECT(a.receive().size(), 0);
  EXPECT(b.receive(), Packets{to_everybody('x')});
  EXPECT(c.receive(), Packets{to_everybody('x')});
}

CASE("a packet to a station that nobody has heard of reaches every port but its own") {
  Port a(vale("a")), b(vale("b")), c(vale("c"));
  a.send(packet(station(99), station(1)));
  EXPECT(a.receive().size(), 0);
  EXPECT(b.receive().size(), 1);
  EXPECT(c.receive().size(), 1);
}

CASE("a packet to a station that has sent reaches its port alone") {
  Port a(vale("a")), b(vale("b")), c(vale("c"));
  appear(c, station(3));
  empty(a);
  empty(b);
  a.send(packet(station(3), station(1)));
  EXPECT(b.receive().size(), 0);
  EXPECT(c.receive(), Packets{packet(station(3), station(1))});
}

CASE("a multicast packet reaches every port, also when its address was a sender's") {
  Port a(vale("a")), b(vale("b")), c(vale("c"));
  const Station group = {{3, 0, 0, 0, 0, 7}};
  appear(c, group);
  empty(a);
  empty(b);
  a.send(packet(group, station(1)));
  EXPECT(b.receive().size(), 1);
  EXPECT(c.receive().size(), 1);
}

CASE("a packet to a station behind its own port is dropped") {
  Port a(vale("a")), b(vale("b"));
  appear(a, station(1));
  empty(b);
  a.send(packet(station(1), station(1)));
  EXPECT(a.receive().size(), 0);
  EXPECT(b.receive().size(), 0);
}

CASE("a station that moves to another port is found there") {
  Port a(vale("a")), b(vale("b")), c(vale("c"));
  appear(b, station(9));
  appear(c, station(9));
  for (Port* port : {&a, &b, &c}) empty(*port);
  a.send(packet(station(9), station(1)));
  EXPECT(b.receive().size(), 0);
  EXPECT(c.receive().size(), 1);
}

CASE("one port may have several stations behind it") {
  Port a(vale("a")), b(vale("b")), c(vale("c"));
  for (uint8_t i = 10; i < 14; i++) appear(b, station(i));
  empty(c);
  empty(a);
  for (uint8_t i = 10; i < 14; i++) a.send(packet(station(i), station(1)));
  EXPECT(b.receive().size(), 4);
  EXPECT(c.receive().size(), 0);
}

CASE("the table's places are those of netmap's hash") {
  EXPECT(bucket({{0, 0, 0, 0, 0, 0}}), 269);
  EXPECT(bucket(kEverybody), 604);
  EXPECT(bucket(station(1)), 92);
  EXPECT(bucket(station(2)), 23);
  EXPECT(bucket({{0x52, 0x54, 0, 0x12, 0x34, 0x56}}), 814);
  EXPECT(bucket(station(0x0f)), bucket(station(0x20)));
}

CASE("of two stations with one place in the table, the one that sent last is known") {
  Port a(vale("a")), b(vale("b")), c(vale("c"));
  appear(b, station(0x0f));
  appear(c, station(0x20));
  for (Port* port : {&a, &b, &c}) empty(*port);
  a.send(packet(station(0x20), station(1)));
  EXPECT(b.receive().size(), 0);
  EXPECT(c.receive().size(), 1);
  // The other one is looked for everywhere.
  a.send(packet(station(0x0f), station(1)));
  EXPECT(b.receive().size(), 1);
  EXPECT(c.receive().size(), 1);
}

CASE("stations with places of their own do not displace each other") {
  Port a(vale("a")), b(vale("b")), c(vale("c"));
  Packets to_b;
  std::array<bool, 1024> taken = {};
  taken[bucket(station(1))] = true;
  for (int i = 2; i < 200; i++) {
    const Station one = station(static_cast<uint8_t>(i));
    if (taken[bucket(one)]) continue;
    taken[bucket(one)] = true;
    appear(b, one);
    to_b.push_back(packet(one, station(1)));
  }
  empty(c);
  empty(a);
  for (const Packet& one : to_b) a.send(one);
  EXPECT(b.receive().size(), to_b.size());
  EXPECT(c.receive().size(), 0);
}

CASE("a station whose place another one took is not learnt again while it keeps sending") {
  Port a(vale("a")), b(vale("b")), c(vale("c"));
  appear(b, station(0x0f));
  appear(c, station(0x20));
  appear(b, station(0x0f));
  for (Port* port : {&a, &b, &c}) empty(*port);
  a.send(packet(station(0x0f), station(1)));
  EXPECT(c.receive().size(), 1);
}

CASE("packets to a station whose port went away reach nobody") {
  Port a(vale("a")), b(vale("b"));
  {
    Port c(vale("c"));
    appear(c, station(3));
  }
  empty(b);
  a.send(packet(station(3), station(1)));
  EXPECT(b.receive().size(), 0);
}

CASE("a packet of 14 bytes is forwarded, a shorter one dropped") {
  Port a(vale("a")), b(vale("b"));
  for (size_t length : {0, 6, 13, 14}) a.send(to_everybody('s', length));
  EXPECT(b.receive(), Packets{to_everybody('s', 14)});
}

CASE("packets of all lengths arrive byte for byte") {
  Port a(vale("a")), b(vale("b"));
  Packets sent;
  for (size_t length = 14; length <= a.tx().nr_buf_size; length += 1 + length / 16) {
    Packet one = to_everybody('l', length);
    for (size_t i = 14; i < length; i++) one.bytes[i] = static_cast<char>(i * 7 + length);
    sent.push_back(one);
    HOLDS(a.put(one));
  }
  EXPECT(a.tx_sync(), 0);
  const Packets found = b.receive();
  EXPECT(found.size(), sent.size());
  for (size_t i = 0; i < sent.size(); i++) HOLDS(found[i] == sent[i]);
}

CASE("a received slot says in its high byte that the packet has one slot") {
  Port a(vale("a")), b(vale("b"));
  a.send(to_everybody());
  EXPECT(b.rx_sync(), 0);
  EXPECT(b.rx().slot[0].flags, 0x0100);
}

CASE("each slot of a packet of three says so, and all but the last that there is more") {
  Port a(vale("a")), b(vale("b"));
  HOLDS(a.put(to_everybody('f', 90), 0, 30));
  EXPECT(a.tx_sync(), 0);
  EXPECT(b.rx_sync(), 0);
  EXPECT(space(b.rx()), 3);
  EXPECT(b.rx().slot[0].flags, 0x0300 | NS_MOREFRAG);
  EXPECT(b.rx().slot[1].flags, 0x0300 | NS_MOREFRAG);
  EXPECT(b.rx().slot[2].flags, 0x0300);
  EXPECT(b.take(b.rx()), Packets{to_everybody('f', 90)});
}

CASE("a packet of 64 slots is forwarded whole") {
  Port a(vale("a")), b(vale("b"));
  const Packet large = to_everybody('g', 64 * 100);
  HOLDS(a.put(large, 0, 100));
  EXPECT(a.tx_sync(), 0);
  EXPECT(b.receive(), Packets{large});
}

CASE("a packet whose first slot ends within the addresses is dropped") {
  Port a(vale("a")), b(vale("b"));
  HOLDS(a.put(to_everybody('h', 60), 0, 10));
  EXPECT(a.tx_sync(), 0);
  EXPECT(b.receive().size(), 0);
}

CASE("the sender's flag REPORT is left alone and not forwarded") {
  Port a(vale("a")), b(vale("b"));
  HOLDS(a.put(to_everybody()));
  a.tx().slot[0].flags = NS_REPORT;
  EXPECT(a.tx_sync(), 0);
  EXPECT(a.tx().slot[0].flags & NS_REPORT, NS_REPORT);
  EXPECT(b.rx_sync(), 0);
  EXPECT(b.rx().slot[0].flags & NS_REPORT, 0);
}

CASE("NO_LEARN is obeyed by nobody: its sender is learnt all the same") {
  Port a(vale("a")), b(vale("b")), c(vale("c"));
  HOLDS(a.put(packet(kEverybody, station(7))));
  a.tx().slot[0].flags = NS_NO_LEARN;
  EXPECT(a.tx_sync(), 0);
  empty(b);
  empty(c);
  b.send(packet(station(7), station(8)));
  EXPECT(a.receive().size(), 1);
  EXPECT(c.receive().size(), 0);
}

CASE("a full receiver loses what does not fit, and the sender does not notice") {
  Port a(vale("a"), {.nr_tx_slots = 64, .nr_rx_slots = 64}),
      b(vale("b"), {.nr_tx_slots = 8, .nr_rx_slots = 8});
  Packets sent;
  for (int i = 0; i < 20; i++) {
    sent.push_back(to_everybody(static_cast<char>('a' + i)));
    HOLDS(a.put(sent.back()));
  }
  EXPECT(a.tx_sync(), 0);
  EXPECT(space(a.tx()), 63);
  sent.resize(7);
  EXPECT(b.receive(), sent);
}

CASE("one full receiver does not keep packets from the others") {
  Port a(vale("a")), slow(vale("b"), {.nr_tx_slots = 8, .nr_rx_slots = 8}), fast(vale("c"));
  for (int i = 0; i < 20; i++) a.send(to_everybody());
  EXPECT(fast.receive().size(), 20);
  EXPECT(slow.receive().size(), 7);
}

CASE("a packet of several slots that does not fit is lost whole") {
  Port a(vale("a")), b(vale("b"), {.nr_tx_slots = 8, .nr_rx_slots = 8});
  for (int i = 0; i < 5; i++) HOLDS(a.put(to_everybody('s')));
  HOLDS(a.put(to_everybody('m', 90), 0, 30));
  EXPECT(a.tx_sync(), 0);
  const Packets found = b.receive();
  EXPECT(found.size(), 5);
  EXPECT(space(b.rx()), 0);
}

CASE("a packet of several slots that does not fit takes those behind it along") {
  Port a(vale("a")), b(vale("b"), {.nr_tx_slots = 8, .nr_rx_slots = 8});
  for (int i = 0; i < 5; i++) HOLDS(a.put(to_everybody('s')));
  HOLDS(a.put(to_everybody('m', 90), 0, 30));
  HOLDS(a.put(to_everybody('t')));
  EXPECT(a.tx_sync(), 0);
  EXPECT(b.receive().size(), 5);
}

CASE("a packet for one station arrives on the receive ring of its transmit ring's number") {
  Port a(vale("a"), kTwoRings), b(vale("b"), kTwoRings);
  appear(b, station(2));
  a.send(packet(station(2), station(1), 'x'), 1);
  EXPECT(b.receive(0).size(), 0);
  EXPECT(b.receive(1).size(), 1);
}

CASE("where the receiver has fewer rings the number is taken modulo them") {
  Port a(vale("a"), {.nr_tx_rings = 3, .nr_rx_rings = 3}), b(vale("b"), kTwoRings);
  appear(b, station(2));
  a.send(packet(station(2), station(1), 'x'), 2);
  EXPECT(b.receive(0).size(), 1);
  EXPECT(b.receive(1).size(), 0);
}

CASE("packets to everybody arrive on receive ring 0, whichever ring sent them") {
  Port a(vale("a"), kTwoRings), b(vale("b"), kTwoRings);
  a.send(to_everybody(), 1);
  EXPECT(b.receive(1).size(), 0);
  EXPECT(b.receive(0).size(), 1);
}

CASE("a batch on a later ring with a packet for one and one for all brings the second one twice") {
  Port a(vale("a"), kTwoRings), b(vale("b"));
  appear(b, station(2));
  HOLDS(a.put(packet(station(2), station(1), 'u'), 1));
  HOLDS(a.put(to_everybody('e'), 1));
  EXPECT(a.tx_sync(), 0);
  EXPECT(b.receive().size(), 3);
}

CASE("packets for one and for all keep their order on ring 0") {
  Port a(vale("a")), b(vale("b"));
  appear(b, station(2));
  Packets sent;
  for (int i = 0; i < 26; i++) {
    const char fill = static_cast<char>('a' + i);
    sent.push_back(i % 3 == 0 ? to_everybody(fill) : packet(station(2), station(1), fill));
    HOLDS(a.put(sent.back()));
  }
  EXPECT(a.tx_sync(), 0);
  EXPECT(b.receive(), sent);
}

CASE("a batch of 3000 packets arrives in order") {
  const nmreq_register large = {.nr_tx_slots = 4096, .nr_rx_slots = 4096};
  Port a(vale("a"), large), b(vale("b"), large);
  for (int i = 0; i < 3000; i++) {
    Packet one = to_everybody('n');
    memcpy(one.bytes.data() + 20, &i, sizeof(i));
    HOLDS(a.put(one));
  }
  EXPECT(a.tx_sync(), 0);
  const Packets found = b.receive();
  EXPECT(found.size(), 3000);
  for (int i = 0; i < 3000; i++) {
    int number;
    memcpy(&number, found[static_cast<size_t>(i)].bytes.data() + 20, sizeof(number));
    EXPECT(number, i);
  }
}

CASE("switches do not hear each other") {
  Port a(vale("a", 'x')), b(vale("b", 'y')), c(vale("c", 'x'));
  a.send(to_everybody());
  EXPECT(b.receive().size(), 0);
  EXPECT(c.receive().size(), 1);
}

CASE("three senders reach one receiver") {
  Port receiver(vale("r"));
  Port a(vale("a")), b(vale("b")), c(vale("c"));
  appear(receiver, station(9));
  for (Port* port : {&a, &b, &c}) port->send(packet(station(9), station(1)));
  EXPECT(receiver.receive().size(), 3);
}

CASE("indirect data is taken from the program's own memory") {
  Port a(vale("a")), b(vale("b"));
  const Packet own = to_everybody('i', 1000);
  netmap_slot& slot = a.tx().slot[0];
  slot.ptr = reinterpret_cast<uint64_t>(own.bytes.data());
  slot.len = static_cast<uint16_t>(own.bytes.size());
  slot.flags = NS_INDIRECT;
  move_to(a.tx(), 1);
  EXPECT(a.tx_sync(), 0);
  EXPECT(b.receive(), Packets{own});
  EXPECT(b.rx().slot[0].flags & NS_INDIRECT, 0);
}

CASE("indirect data at a bad address reaches nobody") {
  Port a(vale("a")), b(vale("b"));
  netmap_slot& slot = a.tx().slot[0];
  slot.ptr = 0x10;
  slot.len = 60;
  slot.flags = NS_INDIRECT;
  move_to(a.tx(), 1);
  EXPECT(a.tx_sync(), 0);
  EXPECT(b.receive(), Packets{});
}

CASE("a buffer that the sender swapped in is what is sent") {
  Port a(vale("a"), {.nr_extra_bufs = 1}), b(vale("b"));
  netmap_ring& ring = a.tx();
  const uint32_t extra = a.nifp->ni_bufs_head;
  const Packet one = to_everybody('e');
  memcpy(buffer(ring, extra), one.bytes.data(), one.bytes.size());
  a.nifp->ni_bufs_head = ring.slot[0].buf_idx;
  memset(buffer(ring, ring.slot[0].buf_idx), 0, 4);
  ring.slot[0].buf_idx = extra;
  ring.slot[0].len = 60;
  ring.slot[0].flags = NS_BUF_CHANGED;
  move_to(ring, 1);
  EXPECT(a.tx_sync(), 0);
  EXPECT(b.receive(), Packets{one});
}
