// When packets may leave: an absolute schedule on the monotonic clock.
//
//   packet      0        1        2        3        4                n is due at  start + n * per_ns /
//   packets
//   ------------|--------|--------|--------|--------|-----> time
//             start
//
// Each time is computed from the start, in 128 bits, so errors do not add up and nothing overflows. Who comes
// late catches up packet by packet. Who comes later than kPatience_ns finds the schedule moved: it goes on
// from that moment, and the packets that were not sent meanwhile are counted as forgone.
#pragma once

#include <cstdint>

#include "clock.h"

namespace nm {

// So many packets in so many nanoseconds; 0 packets: no limit.
struct Rate {
  uint64_t packets = 0;
  uint64_t per_ns = kSecond_ns;

  bool limited() const { return packets != 0; }
};

class Pace {
 public:
  static constexpr uint64_t kPatience_ns = 10'000'000;
  static constexpr uint64_t kLongestBatch_ns = 10'000;

  // `rate` is limited.
  Pace(Rate rate, uint64_t start_ns);

  // How many packets may leave now, after `sent` have left. At most a batch: 10 us of traffic, or one packet.
  uint64_t due(uint64_t now_ns, uint64_t sent);

  // When packet number `number` is due, as the schedule stands.
  uint64_t due_ns(uint64_t number) const;

  // How often the schedule was moved, and how many packets were given up by that.
  uint64_t stalls() const { return stalls_; }
  uint64_t forgone() const { return forgone_; }

 private:
  // Packets whose time has come, counted from packet 0.
  uint64_t scheduled(uint64_t now_ns) const;

  Rate rate_;
  uint64_t longest_batch_;
  // Packet `anchor_number_` is due at `anchor_ns_`.
  uint64_t anchor_ns_;
  uint64_t anchor_number_ = 0;
  uint64_t stalls_ = 0;
  uint64_t forgone_ = 0;
};

}  // namespace nm
