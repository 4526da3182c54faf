// The capturer: takes what arrives at ports and gives it to a recorder.
//
//      round:   rx_sync  ->  each packet that the filter chooses: a record for the recorder  ->  progress
//                                  |
//                                  the recorder has no room: the packet waits in its ring
//
// A port that goes away, as a monitor does with the port that it watches, ends the capture when it was the last one.
//
// A packet's time is that of the sync that showed it. What waits too long is dropped where the port drops what it has no
// room for, and is counted there; the end of a pipe makes its sender wait instead.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "capture/recorder.h"
#include "device/wait_set.h"
#include "traffic/filter.h"
#include "traffic/loop.h"
#include "traffic/slots.h"

namespace nm {

// counter, meaning: what is counted of each port.
#define NM_CAPTURE_COUNTS(row)                                               \
  row(packets, "packets that were captured")                                 \
  row(bytes, "bytes that they had, without CRC")                             \
  row(kept_bytes, "bytes of them that were kept")                            \
  row(filtered, "packets that the filter did not choose")                    \
  row(held_back, "rounds in which packets had to wait for the recorder")

struct alignas(64) CaptureCounts {
#define row(name, text) std::atomic<uint64_t> name{0};
  NM_CAPTURE_COUNTS(row)
#undef row
};

struct CapturerOptions {
  // The recorder has an interface for each port, in that order.
  std::shared_ptr<Recorder> recorder;
  std::shared_ptr<const Filter> filter;
  // Most bytes of a packet that are kept; 0: all.
  uint32_t snaplen = 0;
  // Packets to capture; 0: until stopped.
  uint64_t count = 0;
  // Ends after this time; 0: never.
  uint64_t duration_ns = 0;
  // At most this many slots per ring and round.
  uint32_t burst = 512;
};

class Capturer final : public Loop {
 public:
  // The ports have RX rings.
  Capturer(const std::vector<Port*>& ports, const CapturerOptions& options);

  std::vector<double> counts() const override;

 private:
  // What came of a round.
  struct Round {
    SlotsPassed passed;
    bool moved = false;
    bool held_back = false;
  };

  Status work() override;
  Status sync();
  Round take_all(int64_t time_ns);
  void take_rest();
  Round take(uint32_t number, const Ring& ring, int64_t time_ns);
  bool chosen(const Ring& ring, const PacketSlots& packet);
  bool record(uint32_t number, const Ring& ring, const PacketSlots& packet, int64_t time_ns);
  Status wait(uint64_t until_ns);
  void note_drops();

  const CapturerOptions options_;
  std::unique_ptr<Recorder::Input> input_;
  std::deque<CaptureCounts> counts_;
  // Whether slots tell if they were sent or received, as those of monitors do.
  std::vector<bool> tells_direction_;
  std::vector<bool> gone_;
  // What each port had dropped when the capture began.
  std::vector<uint64_t> dropped_before_;
  std::vector<uint8_t> whole_;
  uint64_t captured_ = 0;
  WaitSet waiting_;
};

}  // namespace nm
