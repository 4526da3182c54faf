// Packets that begin somewhere inside their buffers.
#include <string>
#include <vector>

#include "engine/layout.h"
#include "engine/vnet.h"
#include "test/control_rig.h"
#include "test/engine_rig.h"

using namespace nm;
using namespace nm::test;

namespace {

PortOptions offsets(uint64_t most, uint64_t initial = 0, uint32_t bits = 0, uint64_t gap = 0) {
  abi::nmreq_opt_offsets option = {};
  option.nro_max_offset = most;
  option.nro_initial_offset = initial;
  option.nro_offset_bits = bits;
  option.nro_min_gap = gap;
  return {option};
}

abi::nmreq_register with_flags(uint64_t flags, uint32_t slots = 64) {
  abi::nmreq_register wanted = {};
  wanted.nr_flags = flags;
  wanted.nr_tx_slots = wanted.nr_rx_slots = slots;
  return wanted;
}
const abi::nmreq_register kSmall = with_flags(0);

constexpr uint8_t kUntouched = 0xee;

// A frame to everybody whose bytes can be told from those of any other length and fill.
std::string frame(uint32_t length, char fill = 'a') {
  std::string bytes(length, fill);
  for (uint32_t i = 0; i < 6; i++) bytes[i] = '\xff';
  for (uint32_t i = 6; i < 12; i++) bytes[i] = '\x02';
  for (uint32_t i = 14; i < length; i++) bytes[i] = static_cast<char>(fill + i % 7);
  return bytes;
}

// Puts a packet at `offset` of the next slot's buffer, the rest of which says that nobody wrote it.
void put_at(Port& port, uint64_t offset, const std::string& bytes, uint16_t flags = 0) {
  const Ring& ring = port.tx_rings()[0];
  CHECK(ring.space() != 0);
  const uint32_t slot = ring.head();
  uint8_t* const buffer = ring.buffer(ring.slot(slot).buf_idx);
  memset(buffer, kUntouched, ring.stride());
  memcpy(buffer + offset, bytes.data(), bytes.size());
  ring.slot(slot).ptr = offset;
  ring.slot(slot).len = static_cast<uint16_t>(bytes.size());
  ring.slot(slot).flags = flags;
  ring.advance(ring.next(slot));
}

void send_at(Port& port, uint64_t offset, const std::string& bytes) {
  put_at(port, offset, bytes);
  CHECK_EQUAL(port.device().tx_sync(), Status::ok);
}

struct Got {
  uint64_t offset;
  std::string bytes;
  uint16_t flags;
};

// All that the buffers of a ring hold says that nobody wrote there.
void clear(const Ring& ring) {
  for (uint32_t i = 0; i < ring.slots(); i++)
    memset(ring.buffer(ring.slot(i).buf_idx), kUntouched, ring.stride());
}

// Takes the next slot. Around its packet nothing may have been written.
Got take_one(Port& port) {
  CHECK_EQUAL(port.device().rx_sync(), Status::ok);
  const Ring& ring = port.rx_rings()[0];
  CHECK(ring.space() != 0);
  const abi::netmap_slot& slot = ring.slot(ring.head());
  const uint32_t offset = ring.offset(ring.head());
  const uint8_t* const buffer = ring.buffer(slot.buf_idx);
  Got got = {offset, std::string(reinterpret_cast<const char*>(buffer) + offset, slot.len), slot.flags};
  // Whole cache lines may be written where packets begin with their buffers.
  const bool exact = ring.shared()->offset_mask != 0;
  for (uint32_t i = 0; exact && i < ring.stride(); i++) {
    if (i < offset || i >= offset + slot.len) CHECK_EQUAL(buffer[i], kUntouched);
  }
  ring.advance(ring.next(ring.head()));
  return got;
}

bool is_empty(Port& port) {
  CHECK_EQUAL(port.device().rx_sync(), Status::ok);
  return port.rx_rings()[0].space() == 0;
}

void expect(Port& port, uint64_t offset, const std::string& bytes) {
  const Got got = take_one(port);
  CHECK_EQUAL(got.offset, offset);
  CHECK_EQUAL(got.bytes.size(), bytes.size());
  CHECK(got.bytes == bytes);
}

uint64_t drops(Port& port, bool is_tx, uint64_t Counters::* which) {
  Counters counters;
  CHECK_EQUAL(is_tx ? port.device().tx_counters(0, &counters) : port.device().rx_counters(0, &counters),
              Status::ok);
  return counters.*which;
}

}  // namespace

TEST("vale brings a packet from the sender's place in its buffer to the receiver's place in its own") {
  Rig rig;
  auto sender = rig.open("vale0:s", kSmall, offsets(200));
  auto plain_sender = rig.open("vale0:p", kSmall);
  auto receiver = rig.open("vale0:r", kSmall, offsets(128, 100));
  auto plain = rig.open("vale0:q", kSmall);
  clear(receiver->rx_rings()[0]);
  for (const uint32_t length : {14u, 60u, 64u, 65u, 300u, 1500u}) {
    for (const uint64_t offset : {0u, 1u, 63u, 64u, 65u, 200u}) {
      send_at(*sender, offset, frame(length));
      expect(*receiver, 100, frame(length));
      expect(*plain, 0, frame(length));
    }
    clear(receiver->rx_rings()[0]);
    send_at(*plain_sender, 0, frame(length, 'p'));
    expect(*receiver, 100, frame(length, 'p'));
    expect(*plain, 0, frame(length, 'p'));
    clear(receiver->rx_rings()[0]);
  }
}

TEST("vale leaves each of several packets at the place that its slot names") {
  Rig rig;
  auto sender = rig.open("vale0:s", kSmall);
  auto receiver = rig.open("vale0:r", kSmall, offsets(500));
  const Ring& ring = receiver->rx_rings()[0];
  clear(ring);
  for (uint32_t i = 0; i < ring.slots(); i++) ring.slot(i).ptr = i * 7;
  for (uint32_t i = 0; i < 20; i++) CHECK(put(*sender, kBroadcast, station(1), i));
  CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
  for (uint32_t i = 0; i < 20; i++) CHECK_EQUAL(take_one(*receiver).offset, i * 7);
}

TEST("an offset beyond what was agreed is cut, in what is sent and in what is received") {
  Rig rig;
  auto sender = rig.open("vale0:s", kSmall, offsets(64));
  auto receiver = rig.open("vale0:r", kSmall, offsets(32));
  clear(receiver->rx_rings()[0]);
  for (uint32_t i = 0; i < receiver->rx_rings()[0].slots(); i++) receiver->rx_rings()[0].slot(i).ptr = ~0ull;
  put_at(*sender, 64, frame(60));
  sender->tx_rings()[0].slot(0).ptr = 1'000'000'000'000;
  CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
  expect(*receiver, 32, frame(60));
  CHECK_EQUAL(receiver->rx_rings()[0].slot(0).ptr, 32);
}

TEST("bits of a slot's ptr that are not the offset stay the program's") {
  Rig rig;
  auto sender = rig.open("vale0:s", kSmall, offsets(64, 0, 8));
  auto receiver = rig.open("vale0:r", kSmall, offsets(32, 16, 8));
  clear(receiver->rx_rings()[0]);
  CHECK_EQUAL(receiver->rx_rings()[0].shared()->offset_mask, 0xff);
  abi::netmap_slot& slot = receiver->rx_rings()[0].slot(0);
  CHECK_EQUAL(slot.ptr, 16);
  slot.ptr = 0xabcd'00ff;
  put_at(*sender, 64, frame(60));
  sender->tx_rings()[0].slot(0).ptr = 0x1234'0040;
  CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
  expect(*receiver, 32, frame(60));
  CHECK_EQUAL(slot.ptr, 0xabcd'0020);
}

TEST(
    "a packet that would leave its buffer is dropped, the sender's as a bad slot and the receiver's as too "
    "long") {
  Rig rig;
  auto sender = rig.open("vale0:s", kSmall, offsets(2000));
  auto receiver = rig.open("vale0:r", kSmall, offsets(1500, 1500));
  const Ring& ring = receiver->rx_rings()[0];
  const uint32_t stride = ring.stride();
  clear(ring);
  send_at(*sender, 0, frame(stride - 1500));
  expect(*receiver, 1500, frame(stride - 1500));
  send_at(*sender, 0, frame(stride - 1499));
  CHECK_EQUAL(take_one(*receiver).bytes.size(), 0);
  CHECK_EQUAL(drops(*receiver, false, &Counters::drops_too_long), 1);
  clear(ring);
  send_at(*sender, 2000, frame(stride - 2000));
  expect(*receiver, 1500, frame(stride - 2000));
  put_at(*sender, 2000, frame(60));
  sender->tx_rings()[0].slot(3).len = static_cast<uint16_t>(stride - 1999);
  CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
  CHECK(is_empty(*receiver));
  CHECK_EQUAL(drops(*sender, true, &Counters::drops_bad_slot), 1);
}

TEST("with an offset as large as the buffer nothing fits, and nothing breaks") {
  Rig rig;
  auto sender = rig.open("vale0:s", kSmall);
  auto receiver = rig.open("vale0:r", kSmall, offsets(engine::kBufferStride, engine::kBufferStride));
  clear(receiver->rx_rings()[0]);
  abi::nmreq_port_hdr header = {12, 0};
  auto guest = rig.open("vale0:g", kSmall);
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_PORT_HDR_SET, "vale0:g", &header), Status::ok);
  send_at(*sender, 0, frame(60));
  CHECK_EQUAL(take_one(*receiver).bytes.size(), 0);
  send_at(*guest, 0, std::string(12, '\0') + frame(60));
  CHECK(is_empty(*receiver));
  CHECK_EQUAL(drops(*receiver, false, &Counters::drops_too_long), 2);
}

TEST("where slots share a buffer, a packet beyond the gap between them is dropped") {
  Rig rig;
  auto sender = rig.open("vale0:s", kSmall);
  auto receiver = rig.open("vale0:r", kSmall, offsets(1024, 512, 0, 256));
  clear(receiver->rx_rings()[0]);
  send_at(*sender, 0, frame(256));
  expect(*receiver, 512, frame(256));
  send_at(*sender, 0, frame(257));
  CHECK_EQUAL(take_one(*receiver).bytes.size(), 0);
  CHECK_EQUAL(drops(*receiver, false, &Counters::drops_too_long), 1);
}

TEST("each slot of a packet of several has an offset of its own") {
  Rig rig;
  auto sender = rig.open("vale0:s", kSmall, offsets(300));
  auto receiver = rig.open("vale0:r", kSmall, offsets(90));
  const Ring& ring = receiver->rx_rings()[0];
  clear(ring);
  for (uint32_t i = 0; i < 3; i++) ring.slot(i).ptr = 30 * (i + 1);
  put_at(*sender, 300, frame(100), abi::NS_MOREFRAG);
  put_at(*sender, 5, frame(70, 'b'), abi::NS_MOREFRAG);
  put_at(*sender, 0, frame(30, 'c'));
  CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
  expect(*receiver, 30, frame(100));
  expect(*receiver, 60, frame(70, 'b'));
  expect(*receiver, 90, frame(30, 'c'));
}

TEST("indirect data comes from its address, whatever the offsets of the ring") {
  Rig rig;
  auto sender = rig.open("vale0:s", kSmall, offsets(300, 10));
  auto receiver = rig.open("vale0:r", kSmall, offsets(90, 80));
  clear(receiver->rx_rings()[0]);
  const std::string data = frame(77);
  put_at(*sender, 0, frame(77, 'z'), abi::NS_INDIRECT);
  sender->tx_rings()[0].slot(0).ptr = reinterpret_cast<uint64_t>(data.data());
  CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
  expect(*receiver, 80, data);
}

TEST("virtio-net headers are read, made and taken off where packets begin") {
  Rig rig;
  auto guest = rig.open("vale0:g", kSmall, offsets(300));
  auto plain = rig.open("vale0:p", kSmall, offsets(40, 33));
  abi::nmreq_port_hdr header = {engine::kLongVnetHeader, 0};
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_PORT_HDR_SET, "vale0:g", &header), Status::ok);
  clear(plain->rx_rings()[0]);
  clear(guest->rx_rings()[0]);
  send_at(*guest, 257, std::string(12, '\0') + frame(99));
  expect(*plain, 33, frame(99));
  guest->rx_rings()[0].slot(0).ptr = 77;
  send_at(*plain, 40, frame(64));
  expect(*guest, 77, std::string(12, '\0') + frame(64));
}

TEST("a pipe hands on buffer and offset, and takes both back") {
  Rig rig;
  auto sender = rig.open("p{1", with_flags(0, 8), offsets(128, 16));
  auto receiver = rig.open("p}1");
  CHECK_EQUAL(receiver->rx_rings()[0].shared()->offset_mask, ~0ull);
  CHECK_EQUAL(receiver->tx_rings()[0].shared()->offset_mask, ~0ull);
  CHECK_EQUAL(sender->tx_rings()[0].slot(3).ptr, 16);
  const uint32_t buffer = sender->tx_rings()[0].slot(0).buf_idx;
  send_at(*sender, 100, frame(60));
  const abi::netmap_slot& slot = receiver->rx_rings()[0].slot(0);
  const Got got = take_one(*receiver);
  CHECK_EQUAL(got.offset, 100);
  CHECK(got.bytes == frame(60));
  CHECK_EQUAL(slot.buf_idx, buffer);
  receiver->rx_rings()[0].slot(0).ptr = 120;
  CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
  CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
  CHECK_EQUAL(sender->tx_rings()[0].slot(0).ptr, 120);

  // The other direction has the same agreement.
  put_at(*receiver, 99, frame(50, 'r'));
  receiver->tx_rings()[0].slot(0).ptr = 500;
  CHECK_EQUAL(receiver->device().tx_sync(), Status::ok);
  CHECK_EQUAL(sender->device().rx_sync(), Status::ok);
  CHECK_EQUAL(sender->rx_rings()[0].slot(0).ptr, 128);
}

TEST("a pipe passes an empty slot for one that leaves its buffer") {
  Rig rig;
  auto sender = rig.open("p{1", with_flags(0, 8), offsets(2000));
  auto receiver = rig.open("p}1");
  put_at(*sender, 2000, frame(60));
  sender->tx_rings()[0].slot(0).len = 1000;
  put_at(*sender, 2000, frame(60));
  CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
  CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
  CHECK_EQUAL(receiver->rx_rings()[0].slot(0).len, 0);
  CHECK_EQUAL(receiver->rx_rings()[0].slot(1).len, 60);
  CHECK_EQUAL(drops(*sender, true, &Counters::drops_bad_slot), 1);
}

TEST("the ends of a pipe have one agreement: the second may ask for less, not for more") {
  Rig rig;
  auto first = rig.open("p{1", with_flags(0, 8), offsets(64, 0, 16));
  std::unique_ptr<Port> second;
  CHECK_EQUAL(rig.try_open("p}1", &second, {}, offsets(65, 0, 16)), Status::offsets_agreed);
  CHECK_EQUAL(rig.try_open("p}1", &second, {}, offsets(64, 0, 17)), Status::offsets_agreed);
  CHECK_EQUAL(rig.try_open("p}1", &second, {}, offsets(10, 0, 8)), Status::ok);
  CHECK_EQUAL(second->rx_rings()[0].shared()->offset_mask, 0xffff);
}

TEST("packets that wait in a pipe keep their offsets when somebody opens it with initial ones") {
  Rig rig;
  auto sender = rig.open("p{1", with_flags(0, 8), offsets(64));
  send_at(*sender, 48, frame(60));
  auto receiver = rig.open("p}1", {}, offsets(64, 32));
  expect(*receiver, 48, frame(60));
}

TEST("copy monitors show packets at their own offsets, zero-copy monitors at those of the port") {
  Rig rig;
  auto sender = rig.open("vale0:s", kSmall, offsets(300));
  auto receiver = rig.open("vale0:r", kSmall, offsets(50, 44));
  auto copies = rig.open("vale0:s", with_flags(abi::NR_MONITOR_TX), offsets(20, 20));
  auto swaps = rig.open("vale0:s", with_flags(abi::NR_MONITOR_TX | abi::NR_ZCOPY_MON));
  auto received = rig.open("vale0:r", with_flags(abi::NR_MONITOR_RX));
  auto late = rig.open("vale0:r", with_flags(abi::NR_MONITOR_RX | abi::NR_ZCOPY_MON));
  for (Port* port : {receiver.get(), copies.get(), received.get()}) clear(port->rx_rings()[0]);
  send_at(*sender, 222, frame(60));
  expect(*receiver, 44, frame(60));
  expect(*copies, 20, frame(60));
  expect(*received, 0, frame(60));
  CHECK_EQUAL(swaps->device().rx_sync(), Status::ok);
  const Ring& ring = swaps->rx_rings()[0];
  CHECK_EQUAL(ring.space(), 1);
  CHECK_EQUAL(ring.offset(0), 222);
  CHECK(memcmp(ring.packet(0, ring.slot(0).buf_idx), frame(60).data(), 60) == 0);
  CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
  CHECK_EQUAL(late->device().rx_sync(), Status::ok);
  CHECK_EQUAL(late->rx_rings()[0].offset(0), 44);
}

TEST("a zero-copy monitor learns of offsets that are agreed on after it came") {
  Rig rig;
  auto first = rig.open("vale0:s", kSmall);
  auto swaps = rig.open("vale0:s", with_flags(abi::NR_MONITOR_TX | abi::NR_ZCOPY_MON));
  CHECK_EQUAL(swaps->rx_rings()[0].shared()->offset_mask, 0);
  auto second = rig.open("vale0:s", {}, offsets(100));
  send_at(*second, 100, frame(60));
  CHECK_EQUAL(swaps->device().rx_sync(), Status::ok);
  CHECK_EQUAL(swaps->rx_rings()[0].offset(0), 100);
}

TEST("offsets that cannot be are refused") {
  Rig rig;
  std::unique_ptr<Port> port;
  CHECK_EQUAL(rig.try_open("vale0:a", &port, kSmall, offsets(engine::kBufferStride + 1)),
              Status::bad_offsets);
  CHECK_EQUAL(rig.try_open("vale0:a", &port, kSmall, offsets(64, 65)), Status::bad_offsets);
  CHECK_EQUAL(rig.try_open("vale0:a", &port, kSmall, offsets(64, 0, 6)), Status::bad_offsets);
  CHECK_EQUAL(rig.try_open("vale0:a", &port, kSmall, offsets(64, 0, 65)), Status::bad_offsets);
  CHECK_EQUAL(rig.files(), "namespace");
  auto watched = rig.open("vale0:a", kSmall);
  CHECK_EQUAL(rig.try_open("vale0:a", &port, with_flags(abi::NR_ZCOPY_MON), offsets(64)),
              Status::offsets_unsupported);
}

TEST("an agreement holds for all who share a ring, and ends with the port's last user") {
  Rig rig;
  CHECK_EQUAL(make_persistent(rig, "v0"), Status::ok);
  {
    auto first = rig.open("v0", {}, offsets(64, 8));
    CHECK_EQUAL(first->tx_rings()[0].slot(0).ptr, 8);
    std::unique_ptr<Port> other;
    CHECK_EQUAL(rig.try_open("v0", &other, {}, offsets(65)), Status::offsets_agreed);
    CHECK_EQUAL(rig.try_open("v0", &other, {}, offsets(10, 4)), Status::ok);
    // The first one's slots are in use.
    CHECK_EQUAL(first->tx_rings()[0].slot(0).ptr, 8);
    first.reset();
    CHECK_EQUAL(other->tx_rings()[0].shared()->offset_mask, ~0ull);
  }
  auto later = rig.open("v0");
  CHECK_EQUAL(later->tx_rings()[0].shared()->offset_mask, 0);
  CHECK_EQUAL(later->tx_rings()[0].slot(0).ptr, 0);
  later.reset();
  CHECK_EQUAL(rig.open("v0", {}, offsets(1000))->granted().nr_mode, abi::NR_REG_ALL_NIC);
}

TEST("rings that were opened without offsets get them when another descriptor asks") {
  Rig rig;
  auto first = rig.open("vale0:a", kSmall);
  auto second = rig.open("vale0:a", {}, offsets(64, 32));
  CHECK_EQUAL(first->tx_rings()[0].shared()->offset_mask, ~0ull);
  CHECK_EQUAL(first->tx_rings()[0].slot(0).ptr, 0);
}

TEST("null ports take offsets") {
  Rig rig;
  abi::nmreq_register wanted = {};
  wanted.nr_mode = abi::NR_REG_NULL;
  wanted.nr_mem_id = 1;
  wanted.nr_tx_rings = wanted.nr_rx_rings = 1;
  wanted.nr_tx_slots = wanted.nr_rx_slots = 16;
  auto port = rig.open("null", wanted, offsets(64, 32));
  CHECK_EQUAL(port->rx_rings()[0].slot(15).ptr, 32);
}
