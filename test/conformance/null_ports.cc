// Null ports: rings through which no packet passes.
#include "ports.h"

NOUN("null ports");

static nmreq_register null_port(uint16_t tx, uint16_t rx, uint32_t slots) {
  return {.nr_tx_slots = slots,
          .nr_rx_slots = slots,
          .nr_tx_rings = tx,
          .nr_rx_rings = rx,
          .nr_mem_id = 1,
          .nr_mode = NR_REG_NULL};
}

CASE("a null port needs to be told its region") {
  nmreq_register wanted = null_port(1, 1, 64);
  wanted.nr_mem_id = 0;
  EXPECT(opening("", wanted), EINVAL);
  wanted.nr_mem_id = 54321;
  EXPECT(opening("", wanted), EINVAL);
}

CASE("a null port has the rings and slots that were asked for") {
  nmreq_register wanted = {.nr_tx_slots = 256,
                           .nr_rx_slots = 100,
                           .nr_tx_rings = 10,
                           .nr_rx_rings = 5,
                           .nr_mem_id = 1,
                           .nr_mode = NR_REG_NULL};
  Port port("", wanted);
  EXPECT(port.reg.nr_tx_rings, 10);
  EXPECT(port.reg.nr_rx_rings, 5);
  EXPECT(port.reg.nr_tx_slots, 256);
  EXPECT(port.reg.nr_rx_slots, 100);
  EXPECT(port.reg.nr_mem_id, 1);
}

CASE("a null port may have no rings at all") {
  Descriptor descriptor;
  nmreq_register wanted = null_port(0, 0, 0);
  EXPECT(descriptor.registers("", &wanted), 0);
  EXPECT(descriptor.tx_sync(), 0);
  EXPECT(descriptor.rx_sync(), 0);
}

CASE("syncs of a null port succeed: nothing comes, and what was sent is never given back") {
  Port port("", null_port(1, 1, 8));
  for (int i = 0; i < 3; i++) HOLDS(port.put(to_everybody()));
  EXPECT(port.tx_sync(), 0);
  EXPECT(port.rx_sync(), 0);
  EXPECT(pointers(port.tx()), Pointers{3, 3, 7});
  EXPECT(pointers(port.rx()), Pointers{0, 0, 0});
}

CASE("a null port is writable until its slots are used up") {
  Port port("", null_port(1, 1, 8));
  EXPECT(port.poll(POLLOUT), Events{POLLOUT});
  while (port.put(to_everybody())) {
  }
  EXPECT(port.poll(POLLIN | POLLOUT, 20), Events{0});
}

CASE("its slots have buffers of the region like any port's") {
  Port port("", null_port(1, 1, 8));
  for (uint32_t index : buffers(port.tx())) HOLDS(index >= 2);
  memset(buffer(port.tx(), port.tx().slot[7].buf_idx), 'n', 60);
}

CASE("two null ports are different ports") {
  Port first("", null_port(1, 1, 8)), second("", null_port(2, 2, 16));
  EXPECT(second.reg.nr_tx_rings, 2);
  HOLDS(first.tx().slot[0].buf_idx != second.tx().slot[0].buf_idx);
}

CASE("a null port may hold a private region of a VALE port") {
  Port a(vale("a"));
  nmreq_register wanted = null_port(1, 1, 8);
  wanted.nr_mem_id = a.reg.nr_mem_id;
  Port holder("", wanted);
  const uint16_t id = a.reg.nr_mem_id;
  a.close();
  EXPECT(opening(vale("b"), {.nr_tx_slots = 64, .nr_rx_slots = 64, .nr_mem_id = id}), 0);
}
