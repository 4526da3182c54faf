// Offsets: packets that begin somewhere inside their buffers.
#include "ports.h"

NOUN("offsets");

namespace {

struct Option : nmreq_opt_offsets {
  explicit Option(uint64_t most, uint64_t initial = 0, uint32_t bits = 0) : nmreq_opt_offsets{} {
    nro_opt.nro_reqtype = NETMAP_REQ_OPT_OFFSETS;
    nro_max_offset = most;
    nro_initial_offset = initial;
    nro_offset_bits = bits;
  }
};

const nmreq_register kEight = {.nr_tx_slots = 8, .nr_rx_slots = 8};

// Writes a packet `offset` bytes into the next buffer.
void put_at(Port& port, uint64_t offset, const Packet& packet) {
  netmap_ring& ring = port.tx();
  HOLDS(space(ring) != 0);
  netmap_slot& slot = ring.slot[ring.head];
  memcpy(buffer(ring, slot.buf_idx) + offset, packet.bytes.data(), packet.bytes.size());
  slot.ptr = offset;
  slot.len = static_cast<uint16_t>(packet.bytes.size());
  slot.flags = 0;
  move_to(ring, next(ring, ring.head));
}

void send_at(Port& port, uint64_t offset, const Packet& packet) {
  put_at(port, offset, packet);
  EXPECT(port.tx_sync(), 0);
}

uint64_t offset_of(const netmap_ring& ring, uint32_t slot) { return ring.slot[slot].ptr & ring.offset_mask; }

// Syncs, and takes the one packet that is there from where its slot says that it begins.
Packet take_one(Port& port, uint64_t* offset = nullptr) {
  EXPECT(port.rx_sync(), 0);
  netmap_ring& ring = port.rx();
  EXPECT(space(ring), 1);
  const netmap_slot& slot = ring.slot[ring.head];
  const uint64_t at = offset_of(ring, ring.head);
  if (offset != nullptr) *offset = at;
  const Packet taken{std::string(buffer(ring, slot.buf_idx) + at, slot.len)};
  move_to(ring, next(ring, ring.head));
  return taken;
}

Answer opening_with(const std::string& name, Option option, nmreq_register wanted = {}) {
  const Answer answer = opening(name, wanted, &option);
  EXPECT(option.nro_opt.nro_status, answer.number);
  return answer;
}

}  // namespace

CASE("a port that is opened without the option has no offsets") {
  Port port(vale("a"), kEight);
  EXPECT(port.tx().offset_mask, 0);
  EXPECT(port.rx().offset_mask, 0);
}

CASE("the offset is as many of the lowest bits of a slot's ptr as were asked for") {
  Option option(64, 0, 12);
  Port port(vale("a"), kEight, &option);
  EXPECT(option.nro_opt.nro_status, 0);
  EXPECT(port.tx().offset_mask, 0xfff);
  EXPECT(port.rx().offset_mask, 0xfff);
}

CASE("0 bits are all bits of ptr") {
  Option option(64);
  Port port(vale("a"), kEight, &option);
  EXPECT(port.tx().offset_mask, UINT64_MAX);
}

CASE("all slots begin with the initial offset") {
  Option option(64, 32, 8);
  Port port(vale("a"), kEight, &option);
  for (uint32_t i = 0; i < 8; i++) {
    EXPECT(port.tx().slot[i].ptr, 32);
    EXPECT(port.rx().slot[i].ptr, 32);
  }
}

CASE("only the rings that are opened get offsets") {
  Option option(64);
  Port one(vale("a"), {.nr_tx_rings = 2, .nr_rx_rings = 2, .nr_ringid = 1, .nr_mode = NR_REG_ONE_NIC},
           &option);
  Port all(vale("a"));
  EXPECT(all.tx(0).offset_mask, 0);
  EXPECT(all.tx(1).offset_mask, UINT64_MAX);
}

CASE("offsets that cannot be are refused") {
  EXPECT(opening_with(vale("a"), Option(65537)), EINVAL);
  EXPECT(opening_with(vale("a"), Option(64, 65)), EINVAL);
  EXPECT(opening_with(vale("a"), Option(64, 0, 6)), EINVAL);
  EXPECT(opening_with(vale("a"), Option(64, 0, 65)), EINVAL);
  EXPECT(opening_with(vale("a"), Option(64, 64, 7)), 0);
}

CASE("the largest offset that a buffer allows is its whole size") {
  Port port(vale("a"), kEight);
  EXPECT(opening_with(vale("b"), Option(port.tx().nr_buf_size)), 0);
  EXPECT(opening_with(vale("b"), Option(port.tx().nr_buf_size + 1)), EINVAL);
}

CASE("who shares a ring may need no larger offsets and no more bits than were agreed on") {
  Option option(64, 0, 8);
  Port first(vale("a"), kEight, &option);
  EXPECT(opening_with(vale("a"), Option(65, 0, 8)), EBUSY);
  EXPECT(opening_with(vale("a"), Option(64, 0, 9)), EBUSY);
  EXPECT(opening_with(vale("a"), Option(64, 0, 0)), EBUSY);
  EXPECT(opening_with(vale("a"), Option(64, 0, 8)), 0);
  EXPECT(opening_with(vale("a"), Option(10, 0, 4)), 0);
  EXPECT(opening(vale("a")), 0);
}

CASE("who shares a ring is told the largest offset that was agreed on") {
  Option option(64, 0, 8);
  Port first(vale("a"), kEight, &option);
  Option less(10, 0, 4);
  Port second(vale("a"), {}, &less);
  EXPECT(less.nro_max_offset, 64);
}

CASE("who shares a ring does not change the offsets of its slots") {
  Option option(64, 32);
  Port first(vale("a"), kEight, &option);
  Option other(64, 16);
  Port second(vale("a"), {}, &other);
  EXPECT(first.tx().slot[0].ptr, 32);
}

CASE("a ring that was opened without offsets gets them when another descriptor asks for them") {
  Port first(vale("a"), kEight);
  EXPECT(opening_with(vale("a"), Option(64)), 0);
  EXPECT(first.tx().offset_mask, UINT64_MAX);
}

CASE("a switch takes a packet from where its slot says that it begins") {
  Option option(640);
  Port sender(vale("a"), kEight, &option), receiver(vale("b"), kEight);
  for (const uint64_t offset : {0, 64, 640}) {
    send_at(sender, offset, to_everybody('x', 100));
    EXPECT(take_one(receiver), to_everybody('x', 100));
  }
}

CASE("a switch brings a packet to where the receiver's slot says") {
  Option option(256, 128);
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight, &option);
  uint64_t offset = 0;
  sender.send(to_everybody('x', 100));
  EXPECT(take_one(receiver, &offset), to_everybody('x', 100));
  EXPECT(offset, 128);
}

CASE("a switch leaves a packet at its place within 64 bytes, whatever the receiver's slot says") {
  Option option(640), its_option(640);
  Port sender(vale("a"), kEight, &option), receiver(vale("b"), kEight, &its_option);
  uint64_t offset = 0;
  send_at(sender, 10, to_everybody());
  EXPECT(take_one(receiver, &offset), to_everybody());
  EXPECT(offset % 64, 10);
}

CASE("an offset beyond the agreed one is taken for that one") {
  Option option(64);
  Port sender(vale("a"), kEight, &option), receiver(vale("b"), kEight);
  put_at(sender, 64, to_everybody('x'));
  sender.tx().slot[0].ptr = 1000000;
  EXPECT(sender.tx_sync(), 0);
  EXPECT(take_one(receiver), to_everybody('x'));
}

CASE("a packet may fill what its offset leaves of the buffer") {
  Option option(1024);
  Port sender(vale("a"), kEight, &option), receiver(vale("b"), kEight);
  const size_t rest = sender.tx().nr_buf_size - 1024;
  send_at(sender, 1024, to_everybody('x', rest));
  EXPECT(take_one(receiver), to_everybody('x', rest));
}

CASE("a packet that would leave its buffer shows nobody what is behind it") {
  Option option(1024);
  Port sender(vale("a"), kEight, &option), receiver(vale("b"), kEight);
  put_at(sender, 1024, to_everybody('x'));
  sender.tx().slot[0].len = static_cast<uint16_t>(sender.tx().nr_buf_size - 1023);
  EXPECT(sender.tx_sync(), 0);
  for (const Packet& one : receiver.receive()) EXPECT(one.bytes.size(), 0);
}

CASE("a packet for which the receiver's offset leaves no room arrives empty") {
  Option option(2000, 2000);
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight, &option);
  sender.send(to_everybody('x', 1000));
  EXPECT(take_one(receiver).bytes.size(), 0);
}

CASE("a pipe hands the offset on with the buffer") {
  Option option(256, 64), its_option(256);
  Port sender(plain("p") + "{1", kEight, &option);
  Port receiver(plain("p") + "}1", {}, &its_option);
  const uint32_t buffer = sender.tx().slot[0].buf_idx;
  uint64_t offset = 0;
  send_at(sender, 200, to_everybody('x'));
  EXPECT(take_one(receiver, &offset), to_everybody('x'));
  EXPECT(offset, 200);
  EXPECT(receiver.rx().slot[0].buf_idx, buffer);
}

CASE("the first end of a pipe gives the other one its offsets") {
  Option option(256, 64, 10);
  Port first(plain("p") + "{1", kEight, &option);
  Port second(plain("p") + "}1");
  EXPECT(second.rx().offset_mask, 0x3ff);
  EXPECT(second.tx().offset_mask, 0x3ff);
  EXPECT(second.tx().slot[0].ptr, 64);
}

CASE("a receiver gives a pipe's sender its slots back with the offsets that it left there") {
  Option option(256), its_option(256);
  Port sender(plain("p") + "{1", kEight, &option);
  Port receiver(plain("p") + "}1", {}, &its_option);
  send_at(sender, 100, to_everybody());
  take_one(receiver);
  receiver.rx().slot[0].ptr = 77;
  EXPECT(receiver.rx_sync(), 0);
  EXPECT(sender.tx_sync(), 0);
  EXPECT(sender.tx().slot[0].ptr, 77);
}

CASE("a pipe's receiver finds no smaller offset than its slot had, though the packet begins there") {
  Option option(256, 64), its_option(256, 64);
  Port sender(plain("p") + "{1", kEight, &option);
  Port receiver(plain("p") + "}1", {}, &its_option);
  send_at(sender, 0, to_everybody());
  EXPECT(receiver.rx_sync(), 0);
  EXPECT(offset_of(receiver.rx(), 0), 64);
}

CASE("a copying monitor reads at the port's offsets and writes at its own") {
  Option option(256), its_option(128, 64);
  Port port(vale("a"), kEight, &option);
  Port monitor(vale("a"), {.nr_flags = NR_MONITOR_TX}, &its_option);
  uint64_t offset = 0;
  send_at(port, 200, to_everybody('x'));
  EXPECT(take_one(monitor, &offset), to_everybody('x'));
  EXPECT(offset, 64);
}

CASE("a zero-copy monitor cannot ask for offsets") {
  Port port(vale("a"), kEight);
  EXPECT(opening_with(vale("a"), Option(64), {.nr_flags = NR_MONITOR_TX | NR_ZCOPY_MON}), EOPNOTSUPP);
}

CASE("a null port can have offsets") {
  EXPECT(opening_with("", Option(64),
                      {.nr_tx_slots = 8,
                       .nr_rx_slots = 8,
                       .nr_tx_rings = 1,
                       .nr_rx_rings = 1,
                       .nr_mem_id = 1,
                       .nr_mode = NR_REG_NULL}),
         0);
}

CASE("an option that is given twice is refused, and both say so") {
  Option first(64), second(64);
  first.nro_opt.nro_next = reinterpret_cast<uintptr_t>(&second);
  EXPECT(opening(vale("a"), kEight, &first), EINVAL);
  EXPECT(first.nro_opt.nro_status, EINVAL);
  EXPECT(second.nro_opt.nro_status, EINVAL);
}
