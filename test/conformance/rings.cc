// Rings: what a registration lays out, and how many of them it binds.
#include <cstddef>
#include <set>

#include "ports.h"

NOUN("rings");

CASE("a transmit ring begins with all slots but one in the program's hands") {
  Port port(vale("a"));
  EXPECT(pointers(port.tx()), Pointers{0, 0, port.tx().num_slots - 1});
}

CASE("a receive ring begins empty") {
  Port port(vale("a"));
  EXPECT(pointers(port.rx()), Pointers{0, 0, 0});
}

CASE("each slot of a new ring has a buffer of its own, of the numbers from 2 on") {
  Port port(vale("a"), {.nr_tx_slots = 128, .nr_rx_slots = 128, .nr_tx_rings = 2, .nr_rx_rings = 2});
  std::set<uint32_t> seen;
  for (uint32_t i = 0; i < 2; i++) {
    for (uint32_t index : buffers(port.tx(i))) HOLDS(index >= 2 && seen.insert(index).second);
    for (uint32_t index : buffers(port.rx(i))) HOLDS(index >= 2 && seen.insert(index).second);
  }
  EXPECT(seen.size(), 512);
}

CASE("slots of new rings say the length of a whole buffer, and no flags") {
  Port port(vale("a"), {.nr_tx_slots = 64, .nr_rx_slots = 64});
  for (const netmap_ring* ring : {&port.tx(), &port.rx()}) {
    for (uint32_t i = 0; i < ring->num_slots; i++) {
      EXPECT(ring->slot[i].len, ring->nr_buf_size);
      EXPECT(ring->slot[i].flags, 0);
    }
  }
}

CASE("rings know their number, and their direction as 1 for transmit and 0 for receive") {
  Port port(vale("a"), {.nr_tx_rings = 2, .nr_rx_rings = 3});
  EXPECT(port.tx(1).ringid, 1);
  EXPECT(port.tx(1).dir, 1);
  EXPECT(port.rx(2).ringid, 2);
  EXPECT(port.rx(2).dir, 0);
}

CASE("a VALE port has one ring of 1024 slots each way unless more are asked for") {
  Port port(vale("a"));
  EXPECT(port.nifp->ni_tx_rings, 1);
  EXPECT(port.nifp->ni_rx_rings, 1);
  EXPECT(port.tx().num_slots, 1024);
  EXPECT(port.rx().num_slots, 1024);
}

CASE("the geometry that was asked for is granted, and the reply and the rings say so") {
  Port port(vale("a"), {.nr_tx_slots = 256, .nr_rx_slots = 512, .nr_tx_rings = 3, .nr_rx_rings = 2});
  EXPECT(port.reg.nr_tx_slots, 256);
  EXPECT(port.reg.nr_rx_slots, 512);
  EXPECT(port.reg.nr_tx_rings, 3);
  EXPECT(port.reg.nr_rx_rings, 2);
  EXPECT(port.nifp->ni_tx_rings, 3);
  EXPECT(port.nifp->ni_rx_rings, 2);
  EXPECT(port.tx(2).num_slots, 256);
  EXPECT(port.rx(1).num_slots, 512);
}

CASE("a VALE port may have 16 rings each way") {
  Port port(vale("a"), {.nr_tx_slots = 16, .nr_rx_slots = 16, .nr_tx_rings = 16, .nr_rx_rings = 16});
  EXPECT(port.tx(15).num_slots, 16);
  EXPECT(port.rx(15).num_slots, 16);
}

CASE("a VALE ring may have 4096 slots") {
  Port port(vale("a"), {.nr_tx_slots = 4096, .nr_rx_slots = 4096});
  EXPECT(space(port.tx()), 4095);
}

CASE("more rings than a VALE port may have are cut to the limit") {
  Port port(vale("a"), {.nr_tx_slots = 16, .nr_rx_slots = 16, .nr_tx_rings = 40, .nr_rx_rings = 1});
  EXPECT(port.reg.nr_tx_rings, 16);
}

CASE("who opens a port that exists gets its geometry, whatever was asked for") {
  Port first(vale("a"), {.nr_tx_slots = 256, .nr_rx_slots = 256, .nr_tx_rings = 2, .nr_rx_rings = 2});
  Port second(vale("a"), {.nr_tx_slots = 64, .nr_rx_slots = 64, .nr_tx_rings = 1, .nr_rx_rings = 1});
  EXPECT(second.reg.nr_tx_rings, 2);
  EXPECT(second.reg.nr_tx_slots, 256);
  EXPECT(second.reg.nr_rx_rings, 2);
  EXPECT(second.reg.nr_rx_slots, 256);
}

CASE("a VALE port says that it has one host ring each way, and does not bind it") {
  Port port(vale("a"));
  EXPECT(port.nifp->ni_host_tx_rings, 1);
  EXPECT(port.nifp->ni_host_rx_rings, 1);
  EXPECT(port.nifp->ring_ofs[1], 0);
  EXPECT(port.nifp->ring_ofs[3], 0);
}

CASE("ring_ofs lists transmit, host transmit, receive and host receive rings in this order") {
  Port port(vale("a"), {.nr_tx_rings = 2, .nr_rx_rings = 2});
  for (uint32_t entry : {0u, 1u, 3u, 4u}) HOLDS(port.nifp->ring_ofs[entry] != 0);
  const auto ring = [&](uint32_t entry) -> netmap_ring& {
    return *reinterpret_cast<netmap_ring*>(reinterpret_cast<char*>(port.nifp) + port.nifp->ring_ofs[entry]);
  };
  EXPECT(ring(1).dir, 1);
  EXPECT(ring(1).ringid, 1);
  EXPECT(ring(4).dir, 0);
  EXPECT(ring(4).ringid, 1);
}

CASE("a registration of one ring pair binds it alone") {
  Port port(vale("a"), {.nr_tx_rings = 3, .nr_rx_rings = 3, .nr_ringid = 1, .nr_mode = NR_REG_ONE_NIC});
  EXPECT(port.nifp->ring_ofs[0], 0);
  HOLDS(port.nifp->ring_ofs[1] != 0);
  EXPECT(port.nifp->ring_ofs[2], 0);
  EXPECT(port.nifp->ring_ofs[4], 0);
  HOLDS(port.nifp->ring_ofs[5] != 0);
  EXPECT(port.nifp->ring_ofs[6], 0);
  EXPECT(port.rx(1).ringid, 1);
}

CASE("a ring number that neither direction has is refused") {
  Port port(vale("a"), {.nr_tx_rings = 2, .nr_rx_rings = 3});
  EXPECT(opening(vale("a"), {.nr_ringid = 3, .nr_mode = NR_REG_ONE_NIC}), EINVAL);
}

CASE("where only one direction has the ring, ring 0 stands in for the other") {
  Port all(vale("a"), {.nr_tx_rings = 1, .nr_rx_rings = 3});
  Port one(vale("a"), {.nr_ringid = 2, .nr_mode = NR_REG_ONE_NIC});
  HOLDS(one.nifp->ring_ofs[0] != 0);
  EXPECT(one.nifp->ring_ofs[2], 0);
  HOLDS(one.nifp->ring_ofs[4] != 0);
}

CASE("RX_RINGS_ONLY binds no transmit ring") {
  Port port(vale("a"), {.nr_flags = NR_RX_RINGS_ONLY});
  EXPECT(port.nifp->ring_ofs[0], 0);
  HOLDS(port.nifp->ring_ofs[2] != 0);
}

CASE("TX_RINGS_ONLY binds no receive ring") {
  Port port(vale("a"), {.nr_flags = NR_TX_RINGS_ONLY});
  HOLDS(port.nifp->ring_ofs[0] != 0);
  EXPECT(port.nifp->ring_ofs[2], 0);
}

CASE("buffers of neighbouring numbers lie a buffer's size apart") {
  Port port(vale("a"));
  netmap_ring& ring = port.tx();
  memset(buffer(ring, ring.slot[0].buf_idx), 'x', ring.nr_buf_size);
  memset(buffer(ring, ring.slot[1].buf_idx), 'y', ring.nr_buf_size);
  EXPECT(buffer(ring, ring.slot[0].buf_idx)[0], 'x');
  EXPECT(buffer(ring, ring.slot[0].buf_idx)[ring.nr_buf_size - 1], 'x');
  EXPECT(buffer(ring, 3) - buffer(ring, 2), static_cast<ptrdiff_t>(ring.nr_buf_size));
}

CASE("buffers are 2048 bytes apart") {
  Port port(vale("a"));
  EXPECT(port.tx().nr_buf_size, 2048);
}

CASE("transmit and receive rings of one region count buffers from the same place") {
  Port port(vale("a"));
  HOLDS(buffer(port.tx(), 2) == buffer(port.rx(), 2));
}

CASE("rings begin at multiples of 128 bytes of the region") {
  Port port(vale("a"), {.nr_tx_rings = 3, .nr_rx_rings = 3});
  for (uint32_t i = 0; i < 3; i++) {
    EXPECT((reinterpret_cast<char*>(&port.tx(i)) - port.memory) % 128, 0);
    EXPECT((reinterpret_cast<char*>(&port.rx(i)) - port.memory) % 128, 0);
  }
}

CASE("the 128 bytes of sem are the program's and are left alone") {
  Port port(vale("a"));
  memset(port.rx().sem, 0x5a, sizeof(port.rx().sem));
  port.rx_sync();
  for (uint8_t byte : port.rx().sem) EXPECT(byte, 0x5a);
}

CASE("structs have the sizes and places of netmap's binary interface") {
  EXPECT(sizeof(netmap_slot), 16);
  EXPECT(offsetof(netmap_ring, num_slots), 8);
  EXPECT(offsetof(netmap_ring, head), 20);
  EXPECT(offsetof(netmap_ring, tail), 28);
  EXPECT(offsetof(netmap_ring, ts), 40);
  EXPECT(offsetof(netmap_ring, offset_mask), 56);
  EXPECT(offsetof(netmap_ring, sem), 128);
  EXPECT(offsetof(netmap_ring, slot), 256);
  EXPECT(offsetof(netmap_if, ring_ofs), 56);
  EXPECT(sizeof(nmreq_header), 88);
  EXPECT(sizeof(nmreq_register), 56);
  EXPECT(sizeof(nmreq), 60);
}
