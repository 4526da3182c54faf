// Monitors: ports that see the packets of another port.
#include "ports.h"

NOUN("monitors");

static nmreq_register watching(uint64_t flags, uint32_t slots = 0) {
  return {.nr_rx_slots = slots, .nr_flags = flags};
}

// What a monitor shows: the packets, each with whether it was sent by the port.
struct Seen {
  Packets packets;
  std::string marks;  // 's' for sent, 'r' for received
  bool operator==(const Seen&) const = default;
  std::string describe() const { return conformance::describe(packets) + " (" + marks + ")"; }
};

static const Seen kNothing;

static Seen look(Port& monitor, uint32_t number = 0) {
  EXPECT(monitor.rx_sync(), 0);
  netmap_ring& ring = monitor.rx(number);
  Seen seen;
  for (uint32_t slot = ring.head; slot != ring.tail; slot = next(ring, slot)) {
    seen.marks += (ring.slot[slot].flags & NS_TXMON) != 0 ? 's' : 'r';
  }
  seen.packets = monitor.take(ring);
  EXPECT(monitor.rx_sync(), 0);
  return seen;
}

static Seen sent(const Packets& packets) { return {packets, std::string(packets.size(), 's')}; }
static Seen received(const Packets& packets) { return {packets, std::string(packets.size(), 'r')}; }

CASE("a copy of what a port receives is there before the port looks") {
  Port port(vale("a")), other(vale("b")), monitor(vale("a"), watching(NR_MONITOR_RX));
  other.send(to_everybody('x'));
  EXPECT(look(monitor), received({to_everybody('x')}));
  EXPECT(port.receive(), Packets{to_everybody('x')});
  EXPECT(look(monitor), kNothing);
}

CASE("a copy of what the end of a pipe receives is there before that end looks") {
  Port left(plain("p") + "{1"), right(plain("p") + "}1");
  Port monitor(plain("p") + "}1", watching(NR_MONITOR_RX));
  left.send(to_everybody('x'));
  EXPECT(look(monitor), received({to_everybody('x')}));
  EXPECT(right.receive(), Packets{to_everybody('x')});
}

CASE("a copy of what a port sends is marked as sent") {
  Port port(vale("a")), other(vale("b")), monitor(vale("a"), watching(NR_MONITOR_TX));
  port.send(to_everybody('x'));
  EXPECT(look(monitor), sent({to_everybody('x')}));
  EXPECT(other.receive(), Packets{to_everybody('x')});
}

CASE("a monitor of one direction sees nothing of the other") {
  Port port(vale("a")), other(vale("b"));
  Port of_sent(vale("a"), watching(NR_MONITOR_TX)), of_received(vale("a"), watching(NR_MONITOR_RX));
  port.send(to_everybody('o'));
  other.send(to_everybody('i'));
  EXPECT(look(of_sent), sent({to_everybody('o')}));
  EXPECT(look(of_received), received({to_everybody('i')}));
}

CASE("a monitor of both directions sees both in one ring") {
  Port port(vale("a")), other(vale("b"));
  Port monitor(vale("a"), watching(NR_MONITOR_TX | NR_MONITOR_RX));
  port.send(to_everybody('o'));
  other.send(to_everybody('i'));
  EXPECT(look(monitor), Seen{{to_everybody('o'), to_everybody('i')}, "sr"});
}

CASE("all copy monitors of a port see all its packets") {
  Port port(vale("a")), other(vale("b"));
  Port first(vale("a"), watching(NR_MONITOR_TX)), second(vale("a"), watching(NR_MONITOR_TX));
  port.send(to_everybody('x'));
  EXPECT(look(first), sent({to_everybody('x')}));
  EXPECT(look(second), sent({to_everybody('x')}));
}

CASE("a zero-copy monitor sees what a switch port received when the port gives it back") {
  Port port(vale("a")), other(vale("b")), monitor(vale("a"), watching(NR_ZCOPY_MON | NR_MONITOR_RX));
  other.send(to_everybody('x'));
  EXPECT(look(monitor), kNothing);
  EXPECT(port.rx_sync(), 0);
  EXPECT(look(monitor), kNothing);
  EXPECT(port.take(port.rx()), Packets{to_everybody('x')});
  EXPECT(port.rx_sync(), 0);
  EXPECT(look(monitor), received({to_everybody('x')}));
}

CASE("a zero-copy monitor sees at once what a switch port sends") {
  Port port(vale("a")), other(vale("b")), monitor(vale("a"), watching(NR_ZCOPY_MON | NR_MONITOR_TX));
  port.send(to_everybody('x'));
  EXPECT(look(monitor), sent({to_everybody('x')}));
}

CASE(
    "a zero-copy monitor sees what a pipe sends when the reader has given it back and the sender syncs "
    "again") {
  Port left(plain("p") + "{1"), right(plain("p") + "}1");
  Port monitor(plain("p") + "{1", watching(NR_ZCOPY_MON | NR_MONITOR_TX));
  left.send(to_everybody('x'));
  EXPECT(look(monitor), kNothing);
  EXPECT(right.receive(), Packets{to_everybody('x')});
  EXPECT(right.rx_sync(), 0);
  EXPECT(look(monitor), kNothing);
  EXPECT(left.tx_sync(), 0);
  EXPECT(look(monitor), sent({to_everybody('x')}));
}

CASE("a zero-copy monitor takes the buffer, and the port's slot gets another one") {
  Port port(vale("a")), other(vale("b")), monitor(vale("a"), watching(NR_ZCOPY_MON | NR_MONITOR_TX));
  const uint32_t buffer = port.tx().slot[0].buf_idx;
  port.send(to_everybody('x'));
  HOLDS(port.tx().slot[0].buf_idx != buffer);
  EXPECT(monitor.rx_sync(), 0);
  EXPECT(monitor.rx().slot[0].buf_idx, buffer);
}

CASE("a zero-copy monitor that names no direction sees both, and its reply says so") {
  Port port(vale("a")), other(vale("b")), monitor(vale("a"), watching(NR_ZCOPY_MON));
  EXPECT(monitor.reg.nr_flags & (NR_ZCOPY_MON | NR_MONITOR_TX | NR_MONITOR_RX),
         NR_ZCOPY_MON | NR_MONITOR_TX | NR_MONITOR_RX);
}

CASE("a zero-copy monitor lies in its port's region, a copy monitor in one of its own") {
  Port port(vale("a"));
  Port zero_copy(vale("a"), watching(NR_ZCOPY_MON)), copy(vale("a"), watching(NR_MONITOR_RX));
  EXPECT(zero_copy.reg.nr_mem_id, port.reg.nr_mem_id);
  HOLDS(copy.reg.nr_mem_id != port.reg.nr_mem_id);
}

CASE("a port that nobody has open cannot be watched") {
  EXPECT(opening(vale("a"), watching(NR_MONITOR_RX)), EINVAL);
  EXPECT(opening(plain("p") + "{1", watching(NR_MONITOR_RX)), EINVAL);
}

CASE("a monitor cannot send") {
  Port port(vale("a")), monitor(vale("a"), watching(NR_MONITOR_RX));
  EXPECT(monitor.tx_sync(), EIO);
}

CASE("a monitor has as many receive rings as the port has of the direction with more, and as many slots") {
  Port port(vale("a"), {.nr_rx_slots = 64, .nr_tx_rings = 2, .nr_rx_rings = 3});
  Port monitor(vale("a"), watching(NR_MONITOR_RX));
  EXPECT(monitor.reg.nr_rx_rings, 3);
  EXPECT(monitor.reg.nr_rx_slots, 64);
}

CASE("a monitor may have another number of slots") {
  Port port(vale("a")), monitor(vale("a"), watching(NR_MONITOR_RX, 128));
  EXPECT(monitor.reg.nr_rx_slots, 128);
}

CASE("ring i of a monitor has the packets of ring i of its port") {
  Port port(vale("a"), {.nr_tx_rings = 2, .nr_rx_rings = 2}), other(vale("b"));
  Port monitor(vale("a"), watching(NR_MONITOR_TX));
  port.send(to_everybody('x'), 1);
  EXPECT(look(monitor, 0), kNothing);
  EXPECT(look(monitor, 1), sent({to_everybody('x')}));
}

CASE("a monitor of one ring sees that ring alone") {
  Port port(vale("a"), {.nr_tx_rings = 2, .nr_rx_rings = 2}), other(vale("b"));
  Port monitor(vale("a"), {.nr_ringid = 1, .nr_mode = NR_REG_ONE_NIC, .nr_flags = NR_MONITOR_TX});
  port.send(to_everybody('0'), 0);
  port.send(to_everybody('1'), 1);
  EXPECT(look(monitor, 1), sent({to_everybody('1')}));
}

CASE("a full monitor keeps the newest packets of a batch and does not hold the port up") {
  Port port(vale("a")), other(vale("b")), monitor(vale("a"), watching(NR_MONITOR_TX, 8));
  Packets packets;
  for (char fill = 'a'; fill < 'k'; fill++) packets.push_back(to_everybody(fill));
  for (const Packet& one : packets) HOLDS(port.put(one));
  EXPECT(port.tx_sync(), 0);
  EXPECT(look(monitor), sent({packets.end() - 7, packets.end()}));
  EXPECT(other.receive(), packets);
}

CASE("a packet of several slots is copied slot by slot") {
  Port port(vale("a")), other(vale("b")), monitor(vale("a"), watching(NR_MONITOR_TX));
  HOLDS(port.put(to_everybody('x', 3000), 0, 1000));
  EXPECT(port.tx_sync(), 0);
  EXPECT(monitor.rx_sync(), 0);
  EXPECT(space(monitor.rx()), 3);
  for (uint32_t slot : {0, 1, 2}) {
    EXPECT(monitor.rx().slot[slot].len, 1000);
    EXPECT((monitor.rx().slot[slot].flags & NS_MOREFRAG) != 0, slot != 2);
  }
}

CASE("a monitor wakes when its port sends") {
  Port port(vale("a")), other(vale("b")), monitor(vale("a"), watching(NR_MONITOR_TX));
  Process sender([&] { port.send(to_everybody('x')); });
  EXPECT(monitor.poll(POLLIN, 5000), Events{POLLIN});
  sender.wait();
}

CASE("when its port is closed a monitor's syncs fail and poll reports an error") {
  Port port(vale("a")), monitor(vale("a"), watching(NR_MONITOR_RX));
  port.close();
  EXPECT(monitor.rx_sync(), EIO);
  EXPECT(monitor.poll(POLLIN, 0), Events{POLLERR});
}

CASE("a port goes on when its monitor is closed") {
  Port port(vale("a")), other(vale("b"));
  {
    Port monitor(vale("a"), watching(NR_ZCOPY_MON));
  }
  for (char fill = 'a'; fill < 'd'; fill++) {
    other.send(to_everybody(fill));
    EXPECT(port.receive(), Packets{to_everybody(fill)});
  }
}

CASE("monitors are not on the switch: it lists them nowhere, and they hear nothing of their own") {
  Port port(vale("a")), other(vale("b")), monitor(vale("a"), watching(NR_MONITOR_TX));
  other.send(to_everybody('x'));
  EXPECT(look(monitor), kNothing);
  nmreq_vale_list place = {};
  EXPECT(asking({.type = NETMAP_REQ_VALE_LIST, .name = vale("a/t"), .body = &place}), 0);
  EXPECT(place.nr_port_idx, 255);
}
