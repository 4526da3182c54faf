// The forwarder: moves packets along lanes between ports.
//
//      port A                      lanes                       port B
//   +-----------+                                           +-----------+
//   |        RX | ====================================>     | TX        |
//   |        TX |     <==================================== | RX        |
//   +-----------+                                           +-----------+
//
//      round:   rx_sync  ->  a turn of each lane  ->  tx_sync  ->  progress
//                                   |
//                                   nothing moved: wait for what each lane lacks, packets or room or time
//
// Where a wait costs no more than a sync and is one (device/polled.h), it ends every round, and there are no other syncs.
//
// No lane waits while another can move: each has its turn in every round, and a lane whose far port is full only leaves
// its packets where they are.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "device/wait_set.h"
#include "traffic/lane.h"
#include "traffic/loop.h"

namespace nm {

// A lane between two ports, which are numbers in the list that the forwarder gets. A port is `from` in one lane at most.
struct LaneSpec {
  size_t from = 0;
  size_t to = 0;
  // The forwarder says where to capture.
  LaneOptions options;
};

struct ForwarderOptions {
  std::vector<LaneSpec> lanes;
  // Captures what passes, of each lane as of its interface; or nothing.
  std::shared_ptr<Recorder> recorder;
  // Ends after this time; 0: never.
  uint64_t duration_ns = 0;
  // How long to wait at the end for packets to leave that were sent.
  uint64_t linger_ns = 100'000'000;
  // While it is true nothing is waited for: the thread looks again and again. It outlives the forwarder.
  const std::atomic<bool>* polls = nullptr;
};

class Forwarder final : public Loop {
 public:
  Forwarder(std::vector<Port*> ports, const ForwarderOptions& options);

  std::vector<double> counts() const override;
  const LaneCounts& lane_counts(size_t lane) const { return lanes_[lane].counts(); }

 private:
  // What a port is used for.
  struct Use {
    bool receives = false;
    bool sends = false;
  };

  Status work() override;
  Status sync_received();
  Status sync_sent();
  Lane::Turn turn(uint64_t now_ns);
  void note_captured();
  Status wait(bool moved, uint64_t until_ns);
  bool polls() const { return options_.polls != nullptr && options_.polls->load(std::memory_order_relaxed); }

  const ForwarderOptions options_;
  CaptureTap capture_;
  // Lanes do not move: counters are read by other threads.
  std::deque<Lane> lanes_;
  std::vector<Lane::Turn> turns_;
  std::vector<Use> uses_;
  std::vector<uint32_t> events_;
  size_t first_lane_ = 0;
  uint64_t flush_ns_ = 0;
  WaitSet waiting_;
};

}  // namespace nm
