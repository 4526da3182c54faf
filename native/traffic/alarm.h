// Waking up in time: sleeps while the time is far, spins when it is near.
//
//     now                                wake-up asked for          due
//      |------------- sleeps -------------------|-- late --|-- spins --|
//                                               |------- lead -------->|
//
// How late a sleep ends is the machine's affair: 30 to 60 us where a processor must leave its idle state, a few where
// it is busy anyway, milliseconds where others have it. The lead follows what is observed: it is kept where 99 of 100
// sleeps end before the time that is due. So a sender of 1,000 packets a second spins for some 6 % of the time, one of
// 10,000 for half of it, and from about 15,000 on, where no sleep would end in time, it spins throughout.
#pragma once

#include <atomic>
#include <cstdint>

#include "clock.h"
#include "traffic/lead.h"

namespace nm {

// How long before its time a sleep has to end: what it took is how late sleeps end. 1 of 100 is later.
using SleepLead = Lead<LeadSpec{120'000, 9'900, 100, 10'000, 500'000}>;

class Alarm {
 public:
  // Waits until `deadline_ns` or until `stopping`. Returns what the clock showed in the end.
  uint64_t wait_until(uint64_t deadline_ns, const std::atomic<bool>& stopping);

 private:
  SleepLead lead_;
};

// For who waits only once.
void wait_until(uint64_t deadline_ns, const std::atomic<bool>& stopping);

}  // namespace nm
