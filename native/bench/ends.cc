#include "bench/ends.h"

#include <algorithm>

#include "clock.h"

namespace nm::bench {

Status Ends::work() {
  waiting_.want(0, kWritable);
  for (size_t i = 1; i < ports().size(); i++) waiting_.want(i, kReadable);
  const uint64_t end_ns = monotonic_ns() + options_.duration_ns;
  Status status = Status::ok;
  while (status == Status::ok && !stopped()) {
    const uint64_t now = monotonic_ns();
    if (now >= end_ns) break;
    bool sent = false;
    SlotsPassed taken;
    status = send(&sent);
    if (status == Status::ok) status = take(&taken);
    if (taken.packets > 0) note_moved(taken.packets, taken.bytes, now);
    if (status == Status::ok && !sent && taken.packets == 0) {
      const Ring& ring = port().tx_rings().front();
      ring.advance_and_want_more(ring.head_in_range());
      status = wait_for(waiting_, end_ns);
    }
  }
  return status;
}

// What has room, up to a burst. Without room nothing is synced: that could show room which the wait would then take for old.
Status Ends::send(bool* any) {
  const uint32_t packets = std::min(port().tx_rings().front().space(), options_.burst);
  *any = packets > 0;
  if (packets == 0) return Status::ok;
  filler_.fill(0, packets, monotonic_ns());
  return port().device().tx_sync();
}

// What is there. It goes back at the next round's sync.
Status Ends::take(SlotsPassed* taken) {
  for (size_t i = 1; i < ports().size(); i++) {
    const Status status = port(i).device().rx_sync();
    if (status != Status::ok) return status;
    const Ring& ring = port(i).rx_rings().front();
    uint32_t slot = ring.head_in_range();
    for (uint32_t left = ring.space(); left > 0; left--, slot = ring.next(slot)) {
      const Descriptor descriptor = ring.descriptor(slot);
      taken->bytes += descriptor.len;
      taken->packets += (descriptor.flags & abi::NS_MOREFRAG) == 0;
    }
    ring.advance(slot);
  }
  return Status::ok;
}

}  // namespace nm::bench
