// Both ends of what stands between: sends on the first of several ports and takes what arrives at the others, in one thread.
//
//     core 0   ends       [ TX ring ] --.                  .--> [ RX ring ]  taken, unseen but for the descriptors
//     core 1   a bridge, a balancer      '--> [RX]  [TX] --'
//
// So each of two processes has a core, as with a bare pipe. With three or more the scheduler would be measured: changing from
// one process to another can take as long as a thousand packets.
#pragma once

#include <cstdint>
#include <vector>

#include "device/wait_set.h"
#include "traffic/frame_filler.h"
#include "traffic/loop.h"
#include "traffic/slots.h"

namespace nm::bench {

struct EndsOptions : FrameFillerOptions {
  uint64_t duration_ns = 0;
  // At most this many packets per round.
  uint32_t burst = 256;
};

class Ends final : public Loop {
 public:
  // Of each port the first ring counts.
  Ends(const std::vector<Port*>& ports, const EndsOptions& options)
      : Loop(ports), options_(options), filler_(*ports.front(), options), waiting_(devices()) {}

 private:
  Status work() override;
  Status send(bool* any);
  Status take(SlotsPassed* taken);

  const EndsOptions options_;
  FrameFiller filler_;
  WaitSet waiting_;
};

}  // namespace nm::bench
