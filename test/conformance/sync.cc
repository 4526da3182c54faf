// Syncs: how slots change hands, and what happens to rings that a program has spoilt.
#include <sys/time.h>

#include "ports.h"

NOUN("sync");

// The walk through rings of 8 slots in the reference, section 8.4.
static const nmreq_register kEight = {.nr_tx_slots = 8, .nr_rx_slots = 8};

CASE("before a registration there is nothing to sync") {
  Descriptor descriptor;
  EXPECT(descriptor.tx_sync(), ENXIO);
  EXPECT(descriptor.rx_sync(), ENXIO);
}

CASE("a switch takes all slots at once: tail is the slot before head") {
  Port port(vale("a"), kEight);
  EXPECT(pointers(port.tx()), Pointers{0, 0, 7});
  for (int i = 0; i < 3; i++) HOLDS(port.put(to_everybody()));
  EXPECT(port.tx_sync(), 0);
  EXPECT(pointers(port.tx()), Pointers{3, 3, 2});
}

CASE("a pipe keeps slots until the other end has read and given them back") {
  Port sender(plain("p") + "{1", kEight);
  Port reader(plain("p") + "}1");
  for (int i = 0; i < 3; i++) HOLDS(sender.put(to_everybody()));
  EXPECT(sender.tx_sync(), 0);
  EXPECT(pointers(sender.tx()), Pointers{3, 3, 7});
  EXPECT(reader.rx_sync(), 0);
  move_to(reader.rx(), 2);
  EXPECT(reader.rx_sync(), 0);
  EXPECT(sender.tx_sync(), 0);
  EXPECT(pointers(sender.tx()), Pointers{3, 3, 1});
}

CASE("a receive sync shows what came: tail moves, head and cur stay") {
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight);
  for (int i = 0; i < 3; i++) HOLDS(sender.put(to_everybody()));
  EXPECT(sender.tx_sync(), 0);
  EXPECT(pointers(receiver.rx()), Pointers{0, 0, 0});
  EXPECT(receiver.rx_sync(), 0);
  EXPECT(pointers(receiver.rx()), Pointers{0, 0, 3});
}

CASE("slots that the program has looked at and kept stay as they are") {
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight);
  for (char fill : {'a', 'b', 'c'}) HOLDS(sender.put(to_everybody(fill)));
  EXPECT(sender.tx_sync(), 0);
  EXPECT(receiver.rx_sync(), 0);
  receiver.rx().head = 1;
  receiver.rx().cur = 3;
  EXPECT(receiver.rx_sync(), 0);
  EXPECT(pointers(receiver.rx()), Pointers{1, 3, 3});
  for (int i = 0; i < 20; i++) {
    HOLDS(sender.put(to_everybody('z')));
    EXPECT(sender.tx_sync(), 0);
  }
  EXPECT(receiver.rx_sync(), 0);
  EXPECT(receiver.take(receiver.rx(), 2), Packets{to_everybody('b'), to_everybody('c')});
}

CASE("a sync without news moves nothing") {
  Port port(vale("a"), kEight);
  EXPECT(port.tx_sync(), 0);
  EXPECT(port.rx_sync(), 0);
  EXPECT(pointers(port.tx()), Pointers{0, 0, 7});
  EXPECT(pointers(port.rx()), Pointers{0, 0, 0});
}

CASE("slots between head and cur are not sent") {
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight);
  HOLDS(sender.put(to_everybody('a')));
  HOLDS(sender.put(to_everybody('b')));
  sender.tx().head = 1;
  EXPECT(sender.tx_sync(), 0);
  EXPECT(receiver.receive(), Packets{to_everybody('a')});
  sender.tx().head = 2;
  EXPECT(sender.tx_sync(), 0);
  EXPECT(receiver.receive(), Packets{to_everybody('b')});
}

CASE("packets are sent and received across the end of the ring in their order") {
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight);
  char fill = 'a';
  for (int round = 0; round < 5; round++) {
    Packets sent;
    for (int i = 0; i < 5; i++, fill++) {
      sent.push_back(to_everybody(fill));
      HOLDS(sender.put(sent.back()));
    }
    EXPECT(sender.tx_sync(), 0);
    EXPECT(receiver.receive(), sent);
    EXPECT(receiver.rx_sync(), 0);
  }
}

CASE("a ring of 8 slots holds 7 packets") {
  Port sender(plain("p") + "{1", kEight), reader(plain("p") + "}1");
  for (int i = 0; i < 7; i++) HOLDS(sender.put(to_everybody()));
  HOLDS(!sender.put(to_everybody()));
  EXPECT(sender.tx_sync(), 0);
  EXPECT(reader.receive().size(), 7);
}

CASE("a sync of the transmit rings shows nothing on the receive rings") {
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight);
  sender.send(to_everybody());
  EXPECT(receiver.tx_sync(), 0);
  EXPECT(space(receiver.rx()), 0);
}

CASE("the receive sync stamps the ring with the time") {
  Port port(vale("a"));
  timeval now;
  gettimeofday(&now, nullptr);
  EXPECT(port.rx_sync(), 0);
  HOLDS(port.rx().ts.tv_sec - now.tv_sec >= 0 && port.rx().ts.tv_sec - now.tv_sec < 10);
}

CASE("one sync serves all rings that the descriptor is bound to") {
  Port sender(vale("a"), {.nr_tx_rings = 3, .nr_rx_rings = 1}), receiver(vale("b"));
  for (uint32_t ring = 0; ring < 3; ring++) HOLDS(sender.put(to_everybody('a'), ring));
  EXPECT(sender.tx_sync(), 0);
  EXPECT(receiver.receive().size(), 3);
}

CASE("rings that the descriptor is not bound to are not synced") {
  Port all(vale("a"), {.nr_tx_rings = 2, .nr_rx_rings = 2}), receiver(vale("b"));
  Port second(vale("a"), {.nr_ringid = 1, .nr_mode = NR_REG_ONE_NIC});
  HOLDS(all.put(to_everybody('0'), 0));
  HOLDS(all.put(to_everybody('1'), 1));
  EXPECT(second.tx_sync(), 0);
  EXPECT(receiver.receive(), Packets{to_everybody('1')});
}

CASE("a descriptor without transmit rings may sync them all the same") {
  Port port(vale("a"), {.nr_flags = NR_RX_RINGS_ONLY});
  EXPECT(port.tx_sync(), 0);
}

CASE("two descriptors on one ring see the same slots") {
  Port first(vale("a"), kEight), second(vale("a"));
  Port receiver(vale("b"), kEight);
  HOLDS(first.put(to_everybody('a')));
  EXPECT(second.tx().head, 1);
  EXPECT(second.tx_sync(), 0);
  EXPECT(receiver.receive(), Packets{to_everybody('a')});
}

// --- rings that a program has spoilt

CASE("a transmit ring whose head is past tail sends nothing in this sync, which succeeds") {
  Port sender(plain("p") + "{1", kEight), reader(plain("p") + "}1");
  for (int i = 0; i < 4; i++) HOLDS(sender.put(to_everybody()));
  EXPECT(sender.tx_sync(), 0);
  EXPECT(reader.receive().size(), 4);
  EXPECT(pointers(sender.tx()), Pointers{4, 4, 7});
  move_to(sender.tx(), 2);
  EXPECT(sender.tx_sync(), 0);
  EXPECT(reader.receive().size(), 0);
}

CASE("a head past tail is believed at the next sync") {
  Port sender(plain("p") + "{1", kEight), reader(plain("p") + "}1");
  for (int i = 0; i < 3; i++) HOLDS(sender.put(to_everybody()));
  EXPECT(sender.tx_sync(), 0);
  EXPECT(reader.rx_sync(), 0);
  move_to(sender.tx(), 0);
  EXPECT(sender.tx_sync(), 0);
  EXPECT(sender.tx_sync(), 0);
  EXPECT(sender.tx().head, 0);
}

CASE("a ring whose head cannot be is set back and works again") {
  Port sender(plain("p") + "{1", kEight), reader(plain("p") + "}1");
  for (int i = 0; i < 3; i++) HOLDS(sender.put(to_everybody()));
  EXPECT(sender.tx_sync(), 0);
  move_to(sender.tx(), 1000);
  EXPECT(sender.tx_sync(), 0);
  EXPECT(pointers(sender.tx()), Pointers{3, 3, 7});
  sender.send(to_everybody('z'));
  EXPECT(reader.receive().size(), 4);
}

CASE("a cur that lies before head spoils the ring for this sync") {
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight);
  HOLDS(sender.put(to_everybody()));
  sender.tx().cur = 0;
  EXPECT(sender.tx_sync(), 0);
  EXPECT(receiver.receive().size(), 0);
}

CASE("a tail that the program wrote over is repaired") {
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight);
  sender.tx().tail = 3;
  EXPECT(sender.tx_sync(), 0);
  EXPECT(pointers(sender.tx()), Pointers{0, 0, 7});
  sender.send(to_everybody());
  EXPECT(receiver.receive().size(), 1);
}

CASE("a receive head past tail gives nothing back, and the sync succeeds") {
  Port sender(plain("p") + "{1", kEight), reader(plain("p") + "}1");
  for (int i = 0; i < 3; i++) HOLDS(sender.put(to_everybody()));
  EXPECT(sender.tx_sync(), 0);
  EXPECT(reader.rx_sync(), 0);
  move_to(reader.rx(), 6);
  EXPECT(reader.rx_sync(), 0);
  EXPECT(sender.tx_sync(), 0);
  EXPECT(space(sender.tx()), 4);
}

CASE("a slot whose buffer does not exist reaches nobody") {
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight);
  HOLDS(sender.put(to_everybody()));
  sender.tx().slot[0].buf_idx = 0xfffffff0;
  sender.tx().slot[0].flags = NS_BUF_CHANGED;
  EXPECT(sender.tx_sync(), 0);
  EXPECT(receiver.receive().size(), 0);
}

CASE("a slot that is longer than its buffer shows nobody what is behind it") {
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight);
  HOLDS(sender.put(to_everybody()));
  sender.tx().slot[0].len = 65535;
  EXPECT(sender.tx_sync(), 0);
  for (const Packet& one : receiver.receive()) EXPECT(one.bytes.size(), 0);
}

CASE("a packet that follows a spoilt slot is sent") {
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight);
  HOLDS(sender.put(to_everybody('a')));
  HOLDS(sender.put(to_everybody('b')));
  sender.tx().slot[0].len = 65535;
  EXPECT(sender.tx_sync(), 0);
  const Packets found = receiver.receive();
  HOLDS(!found.empty());
  EXPECT(found.back(), to_everybody('b'));
}
