// Pipes: two ends over the same buffers.
#include <algorithm>

#include "ports.h"

NOUN("pipes");

static const nmreq_register kEight = {.nr_tx_slots = 8, .nr_rx_slots = 8};
static std::string master(const char* id = "1") { return plain("p") + "{" + id; }
static std::string slave(const char* id = "1") { return plain("p") + "}" + id; }

CASE("what one end sends the other receives, both ways") {
  Port left(master()), right(slave());
  left.send(to_everybody('l'));
  right.send(to_everybody('r'));
  EXPECT(right.receive(), Packets{to_everybody('l')});
  EXPECT(left.receive(), Packets{to_everybody('r')});
}

CASE("packets need no addresses: any bytes go through") {
  Port left(master()), right(slave());
  for (size_t length : {1, 13, 2000}) left.send(Packet{std::string(length, 'x')});
  EXPECT(right.receive(), Packets{{std::string(1, 'x')}, {std::string(13, 'x')}, {std::string(2000, 'x')}});
}

CASE("a packet moves with its buffer, not by a copy") {
  Port left(master()), right(slave());
  const uint32_t index = left.tx().slot[0].buf_idx;
  left.send(to_everybody());
  EXPECT(right.rx_sync(), 0);
  EXPECT(right.rx().slot[0].buf_idx, index);
}

CASE("both ends and their parent lie in one region") {
  Port left(master()), right(slave());
  EXPECT(left.reg.nr_mem_id, right.reg.nr_mem_id);
  Port parent(vale("a"));
  Port child(vale("a") + "{1");
  EXPECT(child.reg.nr_mem_id, parent.reg.nr_mem_id);
}

CASE("a buffer that the reader swapped in comes back to the sender") {
  Port left(master(), kEight), right(slave());
  left.send(to_everybody());
  EXPECT(right.rx_sync(), 0);
  // The reader's own transmit ring lends a buffer of the same region.
  netmap_slot& received = right.rx().slot[0];
  netmap_slot& own = right.tx().slot[3];
  std::swap(received.buf_idx, own.buf_idx);
  const uint32_t given = received.buf_idx;
  received.flags = own.flags = NS_BUF_CHANGED;
  move_to(right.rx(), 1);
  EXPECT(right.rx_sync(), 0);
  EXPECT(left.tx_sync(), 0);
  EXPECT(left.tx().slot[0].buf_idx, given);
}

CASE("a packet received on one pipe is passed to another by swapping buffers") {
  Port source(master("1")), from(slave("1")), to(master("2")), sink(slave("2"));
  source.send(to_everybody('s'));
  EXPECT(from.rx_sync(), 0);
  netmap_slot& received = from.rx().slot[0];
  netmap_slot& sent = to.tx().slot[0];
  std::swap(received.buf_idx, sent.buf_idx);
  sent.len = received.len;
  received.flags = sent.flags = NS_BUF_CHANGED;
  move_to(from.rx(), 1);
  move_to(to.tx(), 1);
  EXPECT(from.rx_sync(), 0);
  EXPECT(to.tx_sync(), 0);
  EXPECT(sink.receive(), Packets{to_everybody('s')});
}

CASE("what the reader has not given back is missing from the sender's room") {
  Port left(master(), {.nr_tx_slots = 64, .nr_rx_slots = 64}), right(slave());
  for (int i = 0; i < 10; i++) HOLDS(left.put(to_everybody()));
  EXPECT(left.tx_sync(), 0);
  EXPECT(right.rx_sync(), 0);
  EXPECT(right.take(right.rx(), 7).size(), 7);
  EXPECT(right.rx_sync(), 0);
  EXPECT(left.tx_sync(), 0);
  const uint32_t room = space(left.tx());
  EXPECT(room, 63 - 3);
  for (uint32_t i = 0; i < room; i++) HOLDS(left.put(to_everybody()));
  HOLDS(!left.put(to_everybody()));
}

CASE("nothing is lost when the reader is slow") {
  Port left(master(), kEight), right(slave());
  Packets sent, received;
  for (char fill = 'a'; fill <= 'z'; fill++) {
    while (!left.put(to_everybody(fill))) {
      EXPECT(left.tx_sync(), 0);
      for (Packet& one : right.receive()) received.push_back(one);
      EXPECT(right.rx_sync(), 0);
      EXPECT(left.tx_sync(), 0);
    }
    sent.push_back(to_everybody(fill));
  }
  EXPECT(left.tx_sync(), 0);
  for (Packet& one : right.receive()) received.push_back(one);
  EXPECT(received, sent);
}

CASE("a packet of several slots is shown when its last one has come") {
  Port left(master(), kEight), right(slave());
  HOLDS(left.put(to_everybody('m', 90), 0, 30));
  left.tx().slot[2].flags |= NS_MOREFRAG;
  EXPECT(left.tx_sync(), 0);
  EXPECT(right.rx_sync(), 0);
  EXPECT(space(right.rx()), 0);
  HOLDS(left.put(Packet{"end"}));
  EXPECT(left.tx_sync(), 0);
  EXPECT(right.rx_sync(), 0);
  EXPECT(space(right.rx()), 4);
  Packet whole = to_everybody('m', 90);
  whole.bytes += "end";
  EXPECT(right.take(right.rx()), Packets{whole});
}

CASE("the packets before an unfinished one are shown") {
  Port left(master(), kEight), right(slave());
  HOLDS(left.put(to_everybody('a')));
  HOLDS(left.put(to_everybody('b')));
  left.tx().slot[1].flags = NS_MOREFRAG;
  EXPECT(left.tx_sync(), 0);
  EXPECT(right.receive(), Packets{to_everybody('a')});
}

CASE("the flag REPORT goes through to the reader") {
  Port left(master()), right(slave());
  HOLDS(left.put(to_everybody()));
  left.tx().slot[0].flags = NS_REPORT;
  EXPECT(left.tx_sync(), 0);
  EXPECT(right.rx_sync(), 0);
  EXPECT(right.rx().slot[0].flags & NS_REPORT, NS_REPORT);
}

CASE("transmit ring i of one end feeds receive ring i of the other") {
  Port left(master(), {.nr_tx_rings = 3, .nr_rx_rings = 3}), right(slave());
  left.send(to_everybody('2'), 2);
  EXPECT(right.receive(0).size(), 0);
  EXPECT(right.receive(2), Packets{to_everybody('2')});
}

CASE("the first opener's geometry is the pipe's, with the directions turned round for the other end") {
  Port left(master(), {.nr_tx_slots = 64, .nr_rx_slots = 32, .nr_tx_rings = 2, .nr_rx_rings = 3});
  Port right(slave());
  EXPECT(right.reg.nr_tx_rings, 3);
  EXPECT(right.reg.nr_rx_rings, 2);
  EXPECT(right.reg.nr_tx_slots, 32);
  EXPECT(right.reg.nr_rx_slots, 64);
}

CASE("the slave's side may be opened first") {
  Port right(slave(), {.nr_tx_slots = 16, .nr_rx_slots = 16}), left(master());
  EXPECT(left.reg.nr_tx_slots, 16);
  right.send(to_everybody('r'));
  EXPECT(left.receive(), Packets{to_everybody('r')});
}

CASE("a pipe has as many slots as its parent unless others are asked for") {
  Port parent(vale("a"), {.nr_tx_slots = 256, .nr_rx_slots = 128});
  Port child(vale("a") + "{1");
  EXPECT(child.reg.nr_tx_slots, 256);
  EXPECT(child.reg.nr_rx_slots, 128);
}

CASE("one ring pair of a pipe can be opened alone") {
  Port left(master(), {.nr_tx_rings = 2, .nr_rx_rings = 2, .nr_ringid = 1, .nr_mode = NR_REG_ONE_NIC});
  Port right(slave());
  left.send(to_everybody('1'), 1);
  EXPECT(right.receive(1), Packets{to_everybody('1')});
}

CASE("modes with host rings are refused") {
  EXPECT(opening(master(), {.nr_mode = NR_REG_SW}), EINVAL);
  EXPECT(opening(master(), {.nr_mode = NR_REG_NIC_SW}), EINVAL);
  EXPECT(opening(slave(), {.nr_mode = NR_REG_ONE_SW}), EINVAL);
}

CASE("PORT_INFO_GET describes a pipe that is open") {
  Port left(master(), {.nr_tx_slots = 64, .nr_rx_slots = 32});
  nmreq_port_info_get info = {};
  EXPECT(asking({.type = NETMAP_REQ_PORT_INFO_GET, .name = slave(), .body = &info}), 0);
  EXPECT(info.nr_tx_slots, 32);
  EXPECT(info.nr_rx_slots, 64);
  EXPECT(info.nr_mem_id, left.reg.nr_mem_id);
}

CASE("looking for a pipe that is not open, where none may be made, says ENODEV") {
  Port parent(vale("a"));
  nmreq_port_hdr header = {};
  EXPECT(asking({.type = NETMAP_REQ_PORT_HDR_GET, .name = vale("a") + "{1", .body = &header}), ENODEV);
}

CASE("what was sent is still there when the reader comes later") {
  Port left(master());
  left.send(to_everybody('x'));
  Port right(slave());
  EXPECT(right.receive(), Packets{to_everybody('x')});
}

CASE("what was sent is still there when the sender has gone and the reader was open") {
  Port right(slave());
  {
    Port left(master());
    left.send(to_everybody('x'));
  }
  EXPECT(right.receive(), Packets{to_everybody('x')});
}

CASE("a reader that goes leaves what it did not take to the next") {
  Port left(master());
  for (char fill : {'a', 'b', 'c'}) left.send(to_everybody(fill));
  {
    Port right(slave());
    EXPECT(right.rx_sync(), 0);
    EXPECT(right.take(right.rx(), 1), Packets{to_everybody('a')});
    EXPECT(right.rx_sync(), 0);
  }
  Port next_reader(slave());
  EXPECT(next_reader.receive(), Packets{to_everybody('b'), to_everybody('c')});
}

CASE("a pipe that both ends have left is gone, with what was in it") {
  {
    Port left(master(), kEight);
    left.send(to_everybody());
  }
  Port right(slave());
  EXPECT(right.reg.nr_rx_slots, 1024);
  EXPECT(right.receive().size(), 0);
}

CASE("a pipe goes on when its parent is closed") {
  Port parent(vale("a"));
  Port left(vale("a") + "{1"), right(vale("a") + "}1");
  parent.close();
  left.send(to_everybody('p'));
  EXPECT(right.receive(), Packets{to_everybody('p')});
}

CASE("packets on a pipe do not reach its parent's switch") {
  Port parent(vale("a")), neighbour(vale("b"));
  Port left(vale("a") + "{1"), right(vale("a") + "}1");
  left.send(to_everybody());
  EXPECT(neighbour.receive().size(), 0);
  EXPECT(parent.receive().size(), 0);
  EXPECT(right.receive().size(), 1);
}

CASE("several pipes hang on one parent and do not mix") {
  Port left_1(master("1"), kEight), left_2(master("2"), kEight), left_3(master("3"), kEight);
  Port right_1(slave("1")), right_2(slave("2")), right_3(slave("3"));
  left_2.send(to_everybody('2'));
  left_3.send(to_everybody('3'));
  EXPECT(right_1.receive().size(), 0);
  EXPECT(right_2.receive(), Packets{to_everybody('2')});
  EXPECT(right_3.receive(), Packets{to_everybody('3')});
}
