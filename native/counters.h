// What every ring counts. One list: the engine adds up, the binding prints the names into lib/layout.ts.
#pragma once

#include <cstdint>

namespace nm {

// counter, meaning. All since the ring was created; bytes are without CRC.
#define NM_COUNTERS(row)                                                              \
  row(packets, "packets sent or received")                                            \
  row(bytes, "bytes in those packets, without CRC")                                   \
  row(syncs, "times the ring was synced")                                             \
  row(ring_resets, "times the ring was found invalid and was reset")                  \
  row(drops_full, "packets lost because the receiving ring had no room")              \
  row(drops_too_long, "packets longer than the buffers of the receiver")                             \
  row(drops_no_destination, "packets for the port they came from, or that nobody reads, or sent on no switch") \
  row(drops_bad_slot, "slots with a buffer index or length that cannot be")           \
  row(drops_too_short, "packets shorter than an Ethernet header")                     \
  row(drops_too_many_slots, "packets of more slots than a packet may have")           \
  row(drops_bad_header, "packets whose virtio-net header says what cannot be")       \
  row(drops_refused, "packets that the operating system refused to send")            \
  row(drops_isolated, "packets for a port of the same isolation group")              \
  row(drops_rate_limit, "packets beyond the rate that their port may send at")       \
  row(drops_mac_limit, "packets from more stations than their port may have")        \
  row(drops_dead_sender, "slots whose sender died before it filled them")             \
  row(held_back, "syncs that left packets in the ring, for want of room at a port that loses none") \
  row(wakeups, "sleepers woken")

struct Counters {
#define row(name, text) uint64_t name = 0;
  NM_COUNTERS(row)
#undef row
};

}  // namespace nm
