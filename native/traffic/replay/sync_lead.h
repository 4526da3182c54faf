// How much earlier than a packet is due its sync begins, so that the packet has left when it is.
//
//     sync begins                          due
//          |------------- sync -------------|--- lateness ---|
//          |<------------ lead ------------>|             sync over
//
// A sync between two cores takes 100 to 250 ns, most of it the way of a cache line, and as long each time. The lead follows
// what is observed and stays where 1 sync of 4 is shorter: that packet leaves so many nanoseconds early. Where a sync
// is a system call, the packet leaves somewhere in the middle: the lead never grows beyond what is surely none.
#pragma once

#include <algorithm>
#include <cstdint>

namespace nm {

class SyncLead {
 public:
  uint64_t ns() const { return lead_ns_; }

  // A packet that was due alone had left so long after the clock was read for it.
  void took(uint64_t ns) {
    // Up by one part and down by three.
    lead_ns_ = ns > lead_ns_ ? lead_ns_ + 1 : lead_ns_ - std::min<uint64_t>(lead_ns_, 3);
    lead_ns_ = std::min(lead_ns_, kMost_ns);
  }

  static constexpr uint64_t kMost_ns = 400;

 private:
  uint64_t lead_ns_ = 0;
};

}  // namespace nm
