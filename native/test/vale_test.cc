// VALE: who gets a packet, in what order, and what becomes of those that nobody gets.
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
