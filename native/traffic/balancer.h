// The balancer: spreads the packets of one port over pipes, by flow.
//
//                       group 0                          group 1
//                  ,--> output 0 --> consumer --,   ,--> output 0 --> consumer
//      port  RX  --+                             >--+
//                  '--> output 1 --> consumer --'   '--> output 1 --> consumer
//                        flow decides                     the same packets, when group 0 has done with them
//
//      round:   rx_sync, tx_sync of the outputs  ->  hand on what came back  ->  empty overflow queues  ->  new packets
//
// All packets of a flow go to one output of each group. All buffers are of one region and change places: nothing is copied.
// A packet for which its output has no room waits in the output's overflow queue while there are extra buffers; when these
// run out, the longest queue loses its oldest packets. Otherwise it is dropped: a slow consumer loses its own share only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "device/wait_set.h"
#include "traffic/flow_hash.h"
#include "traffic/loop.h"
#include "traffic/output.h"

namespace nm {

// counter, meaning: what is counted besides what each output counts.
#define NM_BALANCER_COUNTS(row)                                                              \
  row(received, "packets that came")                                                         \
  row(received_bytes, "bytes in those packets, without CRC")                                 \
  row(non_ip, "packets that were not of IP")                                                 \
  row(strayed, "fragments that came before the first of their datagram, or long after it")   \
  row(drops_too_long, "packets of more slots than a ring has")                               \
  row(free_buffers, "extra buffers that no packet is in")

struct alignas(64) BalancerCounts {
#define row(name, text) std::atomic<uint64_t> name{0};
  NM_BALANCER_COUNTS(row)
#undef row
};

struct BalancerOptions {
  FlowHash hash = FlowHash::flow;
  // How many outputs each group has. The ports after the first are the outputs, group by group.
  std::vector<uint32_t> groups;
  // At most this many slots of each RX ring in one round.
  uint32_t batch = 2048;
  // Never sleep.
  bool busy = false;
  // Ends after this time; 0: never.
  uint64_t duration_ns = 0;
};

class Balancer final : public Loop {
 public:
  // All ports are of one region. The first has RX rings, and the extra buffers for overflow queues; the others have a TX
  // ring each.
  Balancer(const std::vector<Port*>& ports, const BalancerOptions& options);

  // Its own counts, and then those of each output.
  std::vector<double> counts() const override;
  const BalancerCounts& own_counts() const { return counts_; }
  const OutputCounts& output_counts(size_t output) const { return outputs_[output]->counts(); }

 private:
  struct Group {
    size_t first;
    uint32_t outputs;
  };

  Status work() override;
  Status sync_outputs();
  bool hand_on_returned();
  bool drain_queues();
  SlotsPassed take_new();
  SlotsPassed take_new(const Ring& ring);
  SlotsPassed look_at_run(Ring ring, uint32_t at, uint32_t most, uint32_t ready);
  void put_run(const Ring& ring, uint32_t at, uint32_t packets);
  PacketSlots take_packet(const Ring& ring, uint32_t at, uint32_t ready);
  void forward(size_t group, const Ring& ring, const PacketSlots& packet, uint32_t hash);
  void keep_or_drop(Output* output, const Ring& ring, const PacketSlots& packet, uint32_t hash);
  bool find_buffers(uint32_t slots);
  bool has_queues() const { return extra_buffers_ > 0; }
  Status wait(uint64_t until_ns);
  void take_extra_buffers();
  void give_extra_buffers();

  const BalancerOptions options_;
  FlowHasher hasher_;
  std::vector<Group> groups_;
  // Outputs do not move: counters are read by other threads.
  std::vector<std::unique_ptr<Output>> outputs_;
  FreeBuffers free_;
  size_t extra_buffers_ = 0;
  std::vector<uint8_t> whole_;
  // Hashes of the packets of a run.
  std::vector<uint32_t> hashes_;
  BalancerCounts counts_;
  WaitSet waiting_;
};

}  // namespace nm
