// Extra buffers: buffers that belong to a registration and to no ring.
#include <algorithm>
#include <set>

#include "ports.h"

NOUN("extra buffers");

static const nmreq_register kTwelve = {.nr_tx_slots = 16, .nr_rx_slots = 16, .nr_extra_bufs = 12};

static std::vector<uint32_t> chain(const Port& port) {
  std::vector<uint32_t> indexes;
  for (uint32_t index = port.nifp->ni_bufs_head; index != 0 && indexes.size() < 100'000;) {
    indexes.push_back(index);
    memcpy(&index, buffer(port.tx(), index), sizeof(index));
  }
  return indexes;
}

CASE("a registration without them has an empty chain") {
  Port port(vale("a"));
  EXPECT(port.reg.nr_extra_bufs, 0);
  EXPECT(port.nifp->ni_bufs_head, 0);
}

CASE("as many as were asked for are granted, and the chain has them") {
  Port port(vale("a"), kTwelve);
  EXPECT(port.reg.nr_extra_bufs, 12);
  EXPECT(chain(port).size(), 12);
}

CASE("they are no ring's, and each is another one") {
  Port port(vale("a"), kTwelve);
  std::set<uint32_t> seen;
  for (uint32_t index : buffers(port.tx())) seen.insert(index);
  for (uint32_t index : buffers(port.rx())) seen.insert(index);
  for (uint32_t index : chain(port)) HOLDS(index >= 2 && seen.insert(index).second);
}

CASE("two descriptors of one port have chains of their own") {
  Port first(vale("a"), kTwelve), second(vale("a"), {.nr_extra_bufs = 3});
  const std::vector<uint32_t> one = chain(first), other = chain(second);
  EXPECT(one.size(), 12);
  EXPECT(other.size(), 3);
  for (uint32_t index : other) HOLDS(std::find(one.begin(), one.end(), index) == one.end());
}

CASE("packets in them go out by being swapped into slots") {
  Port sender(vale("a"), kTwelve), receiver(vale("b")), other(vale("c"));
  Packets sent;
  netmap_ring& ring = sender.tx();
  for (uint32_t index : chain(sender)) {
    sent.push_back(to_everybody(static_cast<char>('a' + sent.size())));
    memcpy(buffer(ring, index), sent.back().bytes.data(), 60);
    netmap_slot& slot = ring.slot[ring.head];
    slot.buf_idx = index;
    slot.len = 60;
    slot.flags = NS_BUF_CHANGED;
    move_to(ring, next(ring, ring.head));
  }
  sender.nifp->ni_bufs_head = 0;
  EXPECT(sender.tx_sync(), 0);
  EXPECT(receiver.receive(), sent);
  EXPECT(other.receive(), sent);
}

CASE("a pipe's reader gets the very buffer that the sender swapped in") {
  Port sender(plain("p") + "{1", kTwelve), reader(plain("p") + "}1");
  const uint32_t extra = sender.nifp->ni_bufs_head;
  netmap_slot& slot = sender.tx().slot[0];
  memcpy(&sender.nifp->ni_bufs_head, buffer(sender.tx(), extra), sizeof(uint32_t));
  slot.buf_idx = extra;
  slot.len = 60;
  slot.flags = NS_BUF_CHANGED;
  move_to(sender.tx(), 1);
  EXPECT(sender.tx_sync(), 0);
  EXPECT(reader.rx_sync(), 0);
  EXPECT(reader.rx().slot[0].buf_idx, extra);
}

CASE("a pipe may have 58 of them") {
  Port port(plain("p") + "{1", {.nr_extra_bufs = 58});
  EXPECT(port.reg.nr_extra_bufs, 58);
  EXPECT(chain(port).size(), 58);
}

CASE("closing gives them back: a thousand registrations do not run out") {
  Port keeps_the_region(vale("a"), {.nr_tx_slots = 16, .nr_rx_slots = 16});
  for (int i = 0; i < 1000; i++) {
    Descriptor descriptor;
    nmreq_register wanted = {.nr_extra_bufs = 50};
    EXPECT(descriptor.registers(vale("a"), &wanted), 0);
    EXPECT(wanted.nr_extra_bufs, 50);
  }
}

CASE("a chain that the program spoilt is freed as far as it goes, and closing works") {
  Port keeps_the_region(vale("a"), {.nr_tx_slots = 16, .nr_rx_slots = 16});
  {
    Port port(vale("a"), {.nr_extra_bufs = 5});
    const std::vector<uint32_t> all = chain(port);
    const uint32_t nonsense = 0xfffffff0;
    memcpy(buffer(port.tx(), all[2]), &nonsense, sizeof(nonsense));
  }
  Port port(vale("a"), {.nr_extra_bufs = 5});
  EXPECT(chain(port).size(), 5);
}

CASE("a chain that bites its tail does not hang whoever closes") {
  Port keeps_the_region(vale("a"), {.nr_tx_slots = 16, .nr_rx_slots = 16});
  {
    Port port(vale("a"), {.nr_extra_bufs = 5});
    const std::vector<uint32_t> all = chain(port);
    memcpy(buffer(port.tx(), all[4]), &all[0], sizeof(uint32_t));
  }
  Port port(vale("a"), {.nr_extra_bufs = 5});
  const std::vector<uint32_t> all = chain(port);
  EXPECT(std::set<uint32_t>(all.begin(), all.end()).size(), 5);
}
