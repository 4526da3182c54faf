// Exclusive registrations: rings that nobody else may have.
#include <unistd.h>

#include "ports.h"

NOUN("exclusive");

static const nmreq_register kAlone = {.nr_flags = NR_EXCLUSIVE};
static const nmreq_register kTwoRings = {.nr_tx_rings = 2, .nr_rx_rings = 2};

static nmreq_register one_ring(uint16_t ring, uint64_t flags = 0) {
  return {.nr_ringid = ring, .nr_mode = NR_REG_ONE_NIC, .nr_flags = flags};
}

CASE("a port that is open exclusively opens for nobody else") {
  Port first(vale("a"), kAlone);
  EXPECT(opening(vale("a")), EBUSY);
  EXPECT(opening(vale("a"), kAlone), EBUSY);
}

CASE("another process is refused an exclusive port too") {
  Port first(vale("a"), kAlone);
  Process other([] { EXPECT(opening(vale("a")), EBUSY); });
  other.wait();
}

CASE("a port that is open cannot be opened exclusively") {
  Port first(vale("a"));
  EXPECT(opening(vale("a"), kAlone), EBUSY);
  EXPECT(opening(vale("a")), 0);
}

CASE("closing an exclusive port frees it") {
  Port first(vale("a")), second(vale("b"), kAlone);
  second.close();
  EXPECT(opening(vale("b")), 0);
  EXPECT(opening(vale("b"), kAlone), 0);
}

CASE("a process that is killed frees its exclusive port") {
  Port keeps_the_switch(vale("b"));
  int ends[2];
  HOLDS(pipe(ends) == 0);
  Process other([&] {
    Port port(vale("a"), kAlone);
    HOLDS(write(ends[1], "x", 1) == 1);
    pause();
  });
  char byte;
  HOLDS(read(ends[0], &byte, 1) == 1);
  EXPECT(opening(vale("a")), EBUSY);
  other.kill();
  EXPECT(opening(vale("a"), kAlone), 0);
}

CASE("other rings of the port stay open to all") {
  Port all_of_it(vale("z")), first(vale("a"), {.nr_tx_rings = 2,
                                               .nr_rx_rings = 2,
                                               .nr_ringid = 0,
                                               .nr_mode = NR_REG_ONE_NIC,
                                               .nr_flags = NR_EXCLUSIVE});
  EXPECT(opening(vale("a"), one_ring(0)), EBUSY);
  EXPECT(opening(vale("a"), one_ring(1)), 0);
  EXPECT(opening(vale("a"), one_ring(1, NR_EXCLUSIVE)), 0);
}

CASE("a registration of all rings is refused while one of them is exclusive") {
  Port first(vale("a"), {.nr_tx_rings = 2,
                         .nr_rx_rings = 2,
                         .nr_ringid = 1,
                         .nr_mode = NR_REG_ONE_NIC,
                         .nr_flags = NR_EXCLUSIVE});
  EXPECT(opening(vale("a")), EBUSY);
}

CASE("one user of one ring keeps all rings from being opened exclusively") {
  Port first(vale("a"), kTwoRings);
  Port second(vale("a"), one_ring(1));
  first.close();
  EXPECT(opening(vale("a"), kAlone), EBUSY);
  EXPECT(opening(vale("a"), one_ring(0, NR_EXCLUSIVE)), 0);
}

CASE("the receive rings and the transmit rings can be exclusive to two descriptors") {
  Port receiver(vale("a"), {.nr_flags = NR_EXCLUSIVE | NR_RX_RINGS_ONLY});
  Port sender(vale("a"), {.nr_flags = NR_EXCLUSIVE | NR_TX_RINGS_ONLY});
  EXPECT(opening(vale("a"), {.nr_flags = NR_RX_RINGS_ONLY}), EBUSY);
  EXPECT(opening(vale("a"), {.nr_flags = NR_TX_RINGS_ONLY}), EBUSY);
}

CASE("an exclusive end of a pipe leaves the other end open to all") {
  Port master(plain("p") + "{1", kAlone);
  EXPECT(opening(plain("p") + "{1"), EBUSY);
  EXPECT(opening(plain("p") + "}1"), 0);
  EXPECT(opening(plain("p") + "}1", kAlone), 0);
}

CASE("an exclusive port still receives from the others of its switch") {
  Port sender(vale("a")), receiver(vale("b"), kAlone);
  sender.send(to_everybody());
  EXPECT(receiver.receive(), Packets{to_everybody()});
}
