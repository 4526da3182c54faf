// VALE: who gets a packet, in what order, and what becomes of those that nobody gets.
#include <sys/resource.h>

#include <vector>

#include "engine/switch.h"
#include "test/child.h"
#include "test/engine_rig.h"

using namespace nm;
using namespace nm::test;

TEST("vale sends a packet for an unknown station to all other ports and never back") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  auto c = rig.open("vale0:c");
  send(*a, station(9), station(1), 7);
  CHECK_EQUAL(take(*b), 7);
  CHECK_EQUAL(take(*c), 7);
  CHECK_EQUAL(take(*a), -1);
  send(*a, kBroadcast, station(1), 8);
  CHECK_EQUAL(take(*b), 8);
  CHECK_EQUAL(take(*c), 8);
  CHECK_EQUAL(take(*a), -1);
}

TEST("vale sends a packet for a station that it heard to that port alone") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  auto c = rig.open("vale0:c");
  send(*b, kBroadcast, station(2), 1);
  CHECK_EQUAL(take(*a), 1);
  CHECK_EQUAL(take(*c), 1);
  send(*a, station(2), station(1), 2);
  CHECK_EQUAL(take(*b), 2);
  CHECK_EQUAL(take(*c), -1);
}

TEST("vale forgets the stations of a port that closed") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  auto c = rig.open("vale0:c");
  send(*b, kBroadcast, station(2), 1);
  CHECK_EQUAL(take(*c), 1);
  b.reset();
  send(*a, station(2), station(1), 2);
  CHECK_EQUAL(take(*c), 2);
}

TEST("vale drops what a full ring has no room for, counts it, and takes the slots back at once") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  for (uint32_t i = 0; i < 3000; i++) send(*a, kBroadcast, station(1), i);
  Counters counted;
  CHECK_EQUAL(b->device().rx_counters(0, &counted), Status::ok);
  CHECK_EQUAL(counted.packets, 1023u);
  CHECK_EQUAL(counted.drops_full, 3000u - 1023u);
  CHECK_EQUAL(a->device().tx_counters(0, &counted), Status::ok);
  CHECK_EQUAL(counted.packets, 3000u);
  for (int64_t i = 0; i < 1023; i++) CHECK_EQUAL(take(*b), i);
  CHECK_EQUAL(take(*b), -1);
}

TEST("vale keeps broadcast and unicast of one batch in order") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  send(*b, kBroadcast, station(2), 0);
  for (uint32_t i = 0; i < 500; i++) put(*a, i % 3 == 0 ? kBroadcast : station(2), station(1), i);
  a->device().tx_sync();
  for (int64_t i = 0; i < 500; i++) CHECK_EQUAL(take(*b), i);
}

namespace {

Counters sent_by(Port& port, uint32_t ring = 0) {
  Counters counters;
  CHECK_EQUAL(port.device().tx_counters(ring, &counters), Status::ok);
  return counters;
}

Counters received_by(Port& port, uint32_t ring = 0) {
  Counters counters;
  CHECK_EQUAL(port.device().rx_counters(ring, &counters), Status::ok);
  return counters;
}

// Puts one packet of `slots` slots of 60 bytes; the tag of slot i is `tag` + i.
void put_fragments(Port& port, uint32_t slots, uint32_t tag) {
  for (uint32_t i = 0; i < slots; i++) {
    CHECK(put(port, kBroadcast, station(1), tag + i, 60, i + 1 < slots ? abi::NS_MOREFRAG : 0));
  }
}

// Takes a packet whatever its number of slots, which the flags of each slot must tell. Returns that number.
uint32_t take_fragments(Port& port, uint32_t tag) {
  port.device().rx_sync();
  const Ring& ring = port.rx_rings()[0];
  CHECK(ring.space() != 0);
  const uint32_t slots = ring.slot(ring.head()).flags >> 8;
  for (uint32_t i = 0; i < slots; i++) {
    const uint32_t more = i + 1 < slots ? abi::NS_MOREFRAG : 0;
    CHECK_EQUAL(ring.slot(ring.head()).flags, slots << 8 | more);
    CHECK_EQUAL(ring.slot(ring.head()).len, 60);
    CHECK_EQUAL(take(port), tag + i);
  }
  return slots;
}

abi::nmreq_register geometry(uint32_t slots, uint16_t tx_rings = 1, uint16_t rx_rings = 1) {
  abi::nmreq_register wanted = {};
  wanted.nr_tx_slots = wanted.nr_rx_slots = slots;
  wanted.nr_tx_rings = tx_rings;
  wanted.nr_rx_rings = rx_rings;
  return wanted;
}

// Bytes b0 ... b5 of an address, in the order in which they are written.
constexpr engine::Mac mac(uint64_t b0, uint64_t b1, uint64_t b2, uint64_t b3, uint64_t b4, uint64_t b5) {
  return b0 | b1 << 8 | b2 << 16 | b3 << 24 | b4 << 32 | b5 << 40;
}

}  // namespace

TEST("vale carries packets of up to 64 slots whole, and counts longer ones") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  for (const uint32_t slots : {2, 3, 63, 64, 1, 65, 64, 200, 2}) put_fragments(*a, slots, slots * 1000);
  a->device().tx_sync();
  for (const uint32_t slots : {2, 3, 63, 64, 1, 64, 2}) CHECK_EQUAL(take_fragments(*b, slots * 1000), slots);
  CHECK_EQUAL(take(*b), -1);
  CHECK_EQUAL(sent_by(*a).drops_too_many_slots, 2u);
}

TEST("vale refuses a packet of too many slots wherever in a batch it begins") {
  Rig rig;
  auto a = rig.open("vale0:a", geometry(4096));
  auto b = rig.open("vale0:b", geometry(4096));
  for (uint32_t before = 955; before < 970; before++) {
    for (uint32_t i = 0; i < before; i++) CHECK(put(*a, kBroadcast, station(1), i));
    put_fragments(*a, 66, 0);
    put_fragments(*a, 64, 5000);
    a->device().tx_sync();
    for (int64_t i = 0; i < before; i++) CHECK_EQUAL(take(*b), i);
    CHECK_EQUAL(take_fragments(*b, 5000), 64u);
    CHECK_EQUAL(take(*b), -1);
  }
}

TEST("vale gives a packet of several slots to a ring whole or not at all") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b", geometry(8));
  put_fragments(*a, 5, 100);
  put_fragments(*a, 3, 200);
  put_fragments(*a, 2, 300);
  a->device().tx_sync();
  CHECK_EQUAL(take_fragments(*b, 100), 5u);
  CHECK_EQUAL(take_fragments(*b, 300), 2u);
  CHECK_EQUAL(take(*b), -1);
  CHECK_EQUAL(received_by(*b).drops_full, 1u);
}

TEST("vale sends a packet whose end was not given as far as it goes") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  CHECK(put(*a, kBroadcast, station(1), 1));
  CHECK(put(*a, kBroadcast, station(1), 2, 60, abi::NS_MOREFRAG));
  a->device().tx_sync();
  send(*a, kBroadcast, station(1), 3);
  for (const int64_t tag : {1, 2, 3}) CHECK_EQUAL(take(*b), tag);
  CHECK_EQUAL(b->rx_rings()[0].slot(1).flags & abi::NS_MOREFRAG, 0);
}

TEST("vale drops packets shorter than an Ethernet header, and longer than a buffer, each under its reason") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  const Ring& ring = a->tx_rings()[0];
  for (const uint32_t length : {0u, 13u, ring.buffer_size() + 1, 65535u, 14u, ring.buffer_size()}) {
    CHECK(put(*a, kBroadcast, station(1), 5));
    ring.slot(ring.head() - 1).len = static_cast<uint16_t>(length);
    a->device().tx_sync();
  }
  CHECK_EQUAL(sent_by(*a).drops_too_short, 2u);
  CHECK_EQUAL(sent_by(*a).drops_bad_slot, 2u);
  b->device().rx_sync();
  CHECK_EQUAL(b->rx_rings()[0].space(), 2u);
  CHECK_EQUAL(b->rx_rings()[0].slot(0).len, 14);
  CHECK_EQUAL(b->rx_rings()[0].slot(1).len, ring.buffer_size());
}

TEST("vale sends what an indirect slot points to, and drops it when that cannot be read") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  std::vector<uint8_t> frame(100);
  memset(frame.data(), 0xff, 6);
  memcpy(frame.data() + 6, "\x02\0\0\0\0\x01", 6);
  const uint32_t tag = 99;
  memcpy(frame.data() + 14, &tag, sizeof(tag));
  const Ring& ring = a->tx_rings()[0];
  const uint64_t pointers[] = {reinterpret_cast<uint64_t>(frame.data()), 0, 8, 0xdeadbeefdeadbeef,
                               ~0ull - 50};
  for (const uint64_t pointer : pointers) {
    CHECK(put(*a, kBroadcast, station(1), 1, 100, abi::NS_INDIRECT));
    ring.slot(ring.head() - 1).ptr = pointer;
  }
  CHECK(put(*a, kBroadcast, station(1), 7));
  a->device().tx_sync();
  CHECK_EQUAL(take(*b), 99);
  CHECK_EQUAL(take(*b), 7);
  CHECK_EQUAL(take(*b), -1);
  CHECK_EQUAL(sent_by(*a).drops_bad_slot, 4u);
}

TEST("vale reads indirect packets of a whole batch, whatever lies between them") {
  constexpr uint32_t kPackets = 200;
  Rig rig;
  auto a = rig.open("vale0:a", geometry(256));
  auto b = rig.open("vale0:b", geometry(256));
  std::vector<std::vector<uint8_t>> frames(kPackets, std::vector<uint8_t>(60, 0xff));
  const Ring& ring = a->tx_rings()[0];
  const auto is_direct = [](uint32_t i) { return i % 97 == 96; };
  const auto is_lost = [](uint32_t i) { return i % 50 == 49; };
  for (uint32_t i = 0; i < kPackets; i++) {
    memcpy(frames[i].data() + 6, "\x02\0\0\0\0\x01", 6);
    memcpy(frames[i].data() + 14, &i, sizeof(i));
    CHECK(put(*a, kBroadcast, station(1), i, 60, is_direct(i) ? 0 : abi::NS_INDIRECT));
    if (is_direct(i)) continue;
    ring.slot(ring.head() - 1).ptr = is_lost(i) ? 8 : reinterpret_cast<uint64_t>(frames[i].data());
  }
  a->device().tx_sync();
  for (uint32_t i = 0; i < kPackets; i++) {
    if (!is_lost(i)) CHECK_EQUAL(take(*b), static_cast<int64_t>(i));
  }
  CHECK_EQUAL(take(*b), -1);
  CHECK_EQUAL(sent_by(*a).drops_bad_slot, 4u);
}

TEST("vale gives unicast to the ring with the number of the sender's ring modulo, broadcast to ring 0") {
  Rig rig;
  auto a = rig.open("vale0:a", geometry(64, 4, 1));
  auto b = rig.open("vale0:b", geometry(64, 1, 3));
  send(*b, kBroadcast, station(2), 0);
  for (uint32_t ring = 0; ring < 4; ring++) CHECK(put(*a, station(2), station(1), 10 + ring, 60, 0, ring));
  a->device().tx_sync();
  CHECK_EQUAL(take(*b, 0), 10);
  CHECK_EQUAL(take(*b, 0), 13);
  CHECK_EQUAL(take(*b, 1), 11);
  CHECK_EQUAL(take(*b, 2), 12);
  for (uint32_t ring = 0; ring < 4; ring++) CHECK(put(*a, kBroadcast, station(1), 20 + ring, 60, 0, ring));
  a->device().tx_sync();
  for (int64_t ring = 0; ring < 4; ring++) CHECK_EQUAL(take(*b, 0), 20 + ring);
  for (uint32_t ring = 0; ring < 3; ring++) CHECK_EQUAL(take(*b, ring), -1);
}

TEST("vale delivers a broadcast once, also from a ring beyond the first and beside unicast") {
  Rig rig;
  auto a = rig.open("vale0:a", geometry(64, 3, 1));
  auto b = rig.open("vale0:b", geometry(64, 1, 2));
  auto c = rig.open("vale0:c", geometry(64, 1, 1));
  send(*b, kBroadcast, station(2), 0);
  send(*c, kBroadcast, station(3), 0);
  CHECK_EQUAL(take(*b), 0);
  CHECK_EQUAL(take(*c), 0);
  for (uint32_t ring = 1; ring < 3; ring++) {
    CHECK(put(*a, station(2), station(1), 1, 60, 0, ring));
    CHECK(put(*a, kBroadcast, station(1), 2, 60, 0, ring));
    CHECK(put(*a, station(3), station(1), 3, 60, 0, ring));
  }
  a->device().tx_sync();
  CHECK_EQUAL(take(*b, 1), 1);
  CHECK_EQUAL(take(*b, 1), -1);
  for (const int64_t tag : {2, 1, 2, -1}) CHECK_EQUAL(take(*b, 0), tag);
  for (const int64_t tag : {2, 3, 2, 3, -1}) CHECK_EQUAL(take(*c, 0), tag);
}

TEST("vale's learning table has netmap's buckets") {
  CHECK_EQUAL(engine::learning_bucket(0), 269u);
  CHECK_EQUAL(engine::learning_bucket(kBroadcast), 604u);
  CHECK_EQUAL(engine::learning_bucket(mac(0x02, 0, 0, 0, 0, 0x01)), 92u);
  CHECK_EQUAL(engine::learning_bucket(mac(0x02, 0, 0, 0, 0, 0x02)), 23u);
  CHECK_EQUAL(engine::learning_bucket(mac(0x00, 0xaa, 0xbb, 0xcc, 0x0a, 0x01)), 618u);
  CHECK_EQUAL(engine::learning_bucket(mac(0x00, 0xaa, 0xbb, 0xcc, 0x0a, 0x02)), 521u);
  CHECK_EQUAL(engine::learning_bucket(mac(0xde, 0xad, 0xbe, 0xef, 0x00, 0x01)), 60u);
  CHECK_EQUAL(engine::learning_bucket(mac(0x52, 0x54, 0x00, 0x12, 0x34, 0x56)), 814u);
}

TEST("vale forgets a station when another one of its bucket is heard, and learns it again") {
  constexpr engine::Mac one = mac(0x02, 0, 0, 0, 0, 0x0f);
  constexpr engine::Mac other = mac(0x02, 0, 0, 0, 0, 0x20);
  CHECK_EQUAL(engine::learning_bucket(one), engine::learning_bucket(other));
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  auto c = rig.open("vale0:c");
  const auto reaches_c = [&](engine::Mac to) {
    send(*a, to, station(1), 1);
    CHECK_EQUAL(take(*b), 1);
    return take(*c) == 1;
  };
  send(*b, station(1), one, 0);
  take(*c);
  CHECK(!reaches_c(one));
  send(*b, station(1), other, 0);
  take(*c);
  CHECK(!reaches_c(other));
  CHECK(reaches_c(one));
  send(*b, station(1), one, 0);
  CHECK(!reaches_c(one));
}

TEST("vale holds 254 ports and more on a switch, up to a clear limit, and each hears a broadcast") {
  Rig rig;
  rlimit files;
  CHECK_EQUAL(getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &files), 0);
  const uint32_t limit = files.rlim_cur > 3 * engine::kMaxSwitchPorts ? engine::kMaxSwitchPorts : 254;
  std::vector<std::unique_ptr<Port>> ports;
  for (uint32_t i = 0; i < limit; i++) ports.push_back(rig.open("vale0:p" + std::to_string(i), geometry(4)));
  if (limit == engine::kMaxSwitchPorts) {
    std::unique_ptr<Port> beyond;
    CHECK_EQUAL(rig.try_open("vale0:beyond", &beyond, geometry(4)), Status::switch_full);
  }
  send(*ports[7], kBroadcast, station(7), 1);
  for (uint32_t i = 0; i < limit; i++) CHECK_EQUAL(take(*ports[i]), i == 7 ? -1 : 1);
  send(*ports[limit - 1], station(7), station(8), 2);
  for (uint32_t i = 0; i < limit; i++) CHECK_EQUAL(take(*ports[i]), i == 7 ? 2 : -1);
}

TEST("vale has hundreds of switches that do not hear each other, up to a clear limit") {
  Rig rig;
  std::vector<std::unique_ptr<Port>> ports;
  for (uint32_t i = 0; i < 300; i++) {
    ports.push_back(rig.open("vale" + std::to_string(i) + ":a", geometry(4)));
    ports.push_back(rig.open("vale" + std::to_string(i) + ":b", geometry(4)));
  }
  for (uint32_t i = 0; i < ports.size(); i += 2) send(*ports[i], kBroadcast, station(1), i);
  for (uint32_t i = 0; i < ports.size(); i += 2) {
    CHECK_EQUAL(take(*ports[i + 1]), i);
    CHECK_EQUAL(take(*ports[i + 1]), -1);
  }
  ports.clear();
  CHECK_EQUAL(rig.files(), "namespace");
  for (uint32_t i = 0; i < engine::kMaxSwitches; i++) {
    ports.push_back(rig.open("vale" + std::to_string(i) + ":a", geometry(4)));
  }
  std::unique_ptr<Port> beyond;
  CHECK_EQUAL(rig.try_open("valeX:a", &beyond), Status::switches_full);
}

TEST("vale counts packets that do not fit the smaller buffers of a receiver") {
  Rig rig;
  auto a = rig.open("vale0:a");
  setenv("NM_BUF_SIZE", "256", 1);
  auto b = rig.open("vale0:b");
  unsetenv("NM_BUF_SIZE");
  CHECK_EQUAL(b->rx_rings()[0].buffer_size(), 256u);
  CHECK(put(*a, kBroadcast, station(1), 1, 257));
  CHECK(put(*a, kBroadcast, station(1), 2, 256));
  a->device().tx_sync();
  CHECK_EQUAL(received_by(*b).drops_too_long, 1u);
  CHECK_EQUAL(received_by(*b).packets, 1u);
  // The slot that the long one was to have stays, empty.
  CHECK_EQUAL(b->rx_rings()[0].slot(0).len, 0);
  b->device().rx_sync();
  b->rx_rings()[0].advance(1);
  CHECK_EQUAL(take(*b), 2);
}

TEST("vale carries packets between processes, in order and unharmed") {
  constexpr uint32_t kPackets = 20000;
  constexpr uint32_t kWindow = 500;
  Rig rig;
  auto ear = rig.open("vale0:ear");
  Child sender([&] {
    auto mouth = rig.open("vale0:mouth");
    // Each packet is echoed; no more than a window is on its way, so that no ring is ever full.
    uint32_t sent = 0;
    for (uint32_t echoed = 0; echoed < kPackets;) {
      while (sent < kPackets && sent - echoed < kWindow) CHECK(put(*mouth, kBroadcast, station(1), sent++));
      uint32_t ready = 0;
      CHECK_EQUAL(mouth->device().tx_sync(), Status::ok);
      CHECK_EQUAL(mouth->device().wait(kReadable, kSecond_ns, &ready), Status::ok);
      CHECK_EQUAL(ready, kReadable);
      for (int64_t tag = take(*mouth); tag >= 0; tag = take(*mouth)) CHECK_EQUAL(tag, echoed++);
    }
  });
  for (uint32_t received = 0; received < kPackets;) {
    uint32_t ready = 0;
    CHECK_EQUAL(ear->device().wait(kReadable, 10 * kSecond_ns, &ready), Status::ok);
    CHECK_EQUAL(ready, kReadable);
    for (int64_t tag = take(*ear); tag >= 0; tag = take(*ear)) {
      CHECK_EQUAL(tag, received++);
      CHECK(put(*ear, station(1), station(2), static_cast<uint32_t>(tag)));
    }
    CHECK_EQUAL(ear->device().tx_sync(), Status::ok);
  }
  sender.join();
}
