// A lane: one direction of a bridge, from the RX rings of one port to the TX rings of another.
//
//   RX ring  -- whole? -- filter -- room? -- due? -- loss -- copy to mirror, capture -->  delay line  -->  TX ring
//      |                    |          |        |       |
//    waits               dropped     waits    waits  dropped                (dropped: and counted, each by its reason)
//
// A packet that waits stays in its RX ring and holds back those behind it in that ring: nothing is lost for want of room,
// but where the port before it drops what it has no room for. Other rings and the other direction go on.
//
// RX ring i feeds TX ring i modulo their number, so that packets of one ring stay in order, and no ring is passed over.
// Where both ports lie in one memory region the buffers of slots change places and no byte is copied, unless packets are
// delayed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "capture/recorder.h"
#include "port.h"
#include "traffic/delay_line.h"
#include "traffic/filter.h"
#include "traffic/impairment.h"
#include "traffic/limiter.h"
#include "traffic/slots.h"

namespace nm {

// counter, meaning: what each lane counts.
#define NM_LANE_COUNTS(row)                                                                        \
  row(packets, "packets that were passed on")                                                      \
  row(bytes, "bytes in those packets, without CRC")                                                \
  row(copied_bytes, "bytes that were copied to pass them on; none where both ports share memory")  \
  row(held_back, "rounds in which packets had to wait for room in the other port")                 \
  row(mirrored, "packets that were also copied to the mirror port")                                \
  row(captured, "packets that were also written to a capture")                                     \
  row(drops_filtered, "packets that the filter did not choose")                                    \
  row(drops_loss, "packets that were lost on purpose")                                             \
  row(drops_too_long, "packets of more slots than a ring of the other port has")                   \
  row(drops_undelivered, "packets that were still delayed when the run ended")                     \
  row(mirror_drops_full, "copies that the mirror port had no room for")                            \
  row(capture_drops_full, "copies that the capture's writer had no room for")

struct alignas(64) LaneCounts {
#define row(name, text) std::atomic<uint64_t> name{0};
  NM_LANE_COUNTS(row)
#undef row
};

// Where packets that pass are captured, and the time of the present round.
struct CaptureTap {
  std::unique_ptr<Recorder::Input> input;
  int64_t time_ns = 0;
};

struct LaneOptions {
  // Most slots of a ring in one turn. A forwarder chooses what suits the ports where nothing is said.
  std::optional<uint32_t> burst;
  // Copy packets also where buffers could be swapped.
  bool copy = false;
  std::shared_ptr<const Filter> filter;
  // How much may pass: bits or packets per second, see limiter.h.
  BandwidthSpec limit;
  Impairment impairment;
  // Where a copy of each packet goes that passes; it outlives the lane, and is synced by who runs the lane.
  Port* mirror = nullptr;
  // Where each packet that passes is captured, as of this interface of the capture; it outlives the lane.
  CaptureTap* capture = nullptr;
  uint32_t capture_interface = 0;
};

class Lane {
 public:
  // What came of a turn.
  struct Turn {
    SlotsPassed passed;
    // Something left its RX ring: it was passed on, delayed or dropped.
    bool moved = false;
    // A packet waits for room in the other port.
    bool blocked = false;
    // One does in every RX ring, so that nothing that arrives can pass before there is room.
    bool all_blocked = false;
    // When a packet that waits for its time may go on.
    uint64_t due_ns = kNever_ns;

    void add(const Turn& other) {
      passed.packets += other.passed.packets;
      passed.bytes += other.passed.bytes;
      moved |= other.moved;
      blocked |= other.blocked;
      due_ns = due_ns < other.due_ns ? due_ns : other.due_ns;
    }
  };

  // The ports outlive the lane. `from` has RX rings and `to` has TX rings.
  Lane(Port& from, Port& to, const LaneOptions& options);

  Port& from() const { return from_; }
  Port& to() const { return to_; }

  // Moves what is there and has room, a burst of each ring.
  Turn turn(uint64_t now_ns);

  // The end of the run: what is still delayed is lost.
  void end();

  // Whether buffers are swapped.
  bool swaps() const { return swaps_; }
  const LaneCounts& counts() const { return counts_; }

 private:
  struct Pair {
    Ring from;
    Ring to;
    std::optional<DelayLine> delay;
  };
  // Why a packet does not go on now.
  enum class Verdict { pass, drop, wait };

  Turn turn_pair(Pair& pair, uint64_t now_ns);
  Turn turn_swapping(const Pair& pair);
  Turn turn_copying(Pair& pair, uint64_t now_ns);
  Turn turn_stuck(const Pair& pair, uint32_t ready);
  Turn turn_packets(Pair& pair, uint64_t now_ns);
  Turn deliver_delayed(Pair& pair, uint64_t now_ns);
  SlotsPassed swap(const Pair& pair, uint32_t slots);
  Verdict judge(Pair& pair, const PacketSlots& packet, uint64_t now_ns, Turn* turn);
  bool fits_some_time(const Pair& pair, const PacketSlots& packet) const;
  bool has_room(const Pair& pair, const PacketSlots& packet) const;
  bool chosen(const Ring& ring, const PacketSlots& packet);
  void show(const Ring& ring, const PacketSlots& packet);
  void mirror(const Ring& ring, const PacketSlots& packet);
  void capture(const Ring& ring, const PacketSlots& packet);
  bool hand_on(Pair& pair, const PacketSlots& packet, uint64_t now_ns, Turn* turn);
  void count(SlotsPassed passed);

  Port& from_;
  Port& to_;
  const LaneOptions options_;
  const bool swaps_;
  // Nothing is to be decided or done for each packet.
  const bool plain_;
  std::vector<Pair> pairs_;
  size_t first_pair_ = 0;
  Limiter limiter_;
  Impairments impairments_;
  // Where a packet of several slots is put together to be looked at.
  std::vector<uint8_t> whole_;
  LaneCounts counts_;
};

}  // namespace nm
