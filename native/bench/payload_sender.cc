#include "bench/payload_sender.h"

#include <algorithm>

#include "bench/lines.h"
#include "clock.h"

namespace nm::bench {

Status PayloadSender::work() {
  const Ring& ring = port().tx_rings().front();
  const uint64_t end_ns = monotonic_ns() + options_.duration_ns;
  Status status = Status::ok;
  while (status == Status::ok && !stopped()) {
    const uint64_t now = monotonic_ns();
    if (now >= end_ns) break;
    const uint32_t packets = std::min(ring.space(), options_.burst);
    if (packets == 0) {
      ring.advance_and_want_more(ring.head_in_range());
      status = wait_for(kWritable, end_ns);
      continue;
    }
    fill(ring, packets);
    sent_ += packets;
    status = port().device().tx_sync();
    note_moved(packets, uint64_t{packets} * options_.length, now);
  }
  return status;
}

void PayloadSender::fill(const Ring& ring, uint32_t packets) {
  const uint16_t length = static_cast<uint16_t>(options_.length);
  uint32_t slot = ring.head_in_range();
  for (uint32_t left = packets; left > 0;) {
    const uint32_t run = std::min(left, ring.slots() - slot);
    const uint32_t end = slot + run;
    for (uint32_t i = slot; i < end; i++) ring.put(i, {ring.descriptor(i).buf_idx, length, 0});
    for (uint32_t i = slot; options_.writes_payload && i < end; i++)
      write_lines(ring.buffer(ring.descriptor(i).buf_idx), length, sent_, Stores::wide);
    slot = end == ring.slots() ? 0 : end;
    left -= run;
  }
  ring.advance(slot);
}

}  // namespace nm::bench
