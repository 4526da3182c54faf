// How much earlier than its time something has to begin that takes time, learnt from how long it took.
//
// The lead goes up by so much where something took longer and down by so much where it did not, so that it stays where the
// two are in balance: up by 99 parts and down by one, it is there where 1 of 100 takes longer.
#pragma once

#include <algorithm>
#include <cstdint>

namespace nm {

struct LeadSpec {
  uint64_t first_ns;
  uint64_t up_ns;
  uint64_t down_ns;
  uint64_t least_ns;
  uint64_t most_ns;
};

template <LeadSpec kSpec>
class Lead {
 public:
  static constexpr uint64_t kLeast_ns = kSpec.least_ns;
  static constexpr uint64_t kMost_ns = kSpec.most_ns;

  uint64_t ns() const { return lead_ns_; }

  void took(uint64_t ns) {
    const uint64_t next_ns =
        ns > lead_ns_ ? lead_ns_ + kSpec.up_ns : lead_ns_ - std::min(lead_ns_, kSpec.down_ns);
    lead_ns_ = std::clamp(next_ns, kSpec.least_ns, kSpec.most_ns);
  }

 private:
  uint64_t lead_ns_ = kSpec.first_ns;
};

}  // namespace nm
