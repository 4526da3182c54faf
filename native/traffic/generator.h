// The generator: sends copies of one frame, or the frames of a range, as fast as the port takes them or at a
// rate.
//
//      round:   how many are due  ->  fill slots of each ring  ->  tx_sync  ->  progress
//                                          |
//                                          none has room: wait for the receiver
//
// A buffer's contents are written once, and again only when a receiver has exchanged the buffer for another;
// after that, sending is storing a slot's descriptor. Ranges and marks rewrite just the bytes that differ.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "traffic/dump.h"
#include "traffic/loop.h"
#include "traffic/mark.h"
#include "traffic/pace.h"
#include "traffic/packet.h"

namespace nm {

// When the generator writes a buffer's contents.
enum class Contents {
  never,   // sends whatever the buffers hold
  once,    // when a buffer is first seen in a slot
  always,  // whole, for each packet
};

struct GeneratorOptions {
  FrameSpec frame;
  // Packets to send; 0: until stopped.
  uint64_t count = 0;
  // Ends after this time; 0: never.
  uint64_t duration_ns = 0;
  // When to begin, on the monotonic clock; 0: at once. Several generators with one start keep one schedule.
  uint64_t start_ns = 0;
  // At most this many packets per ring and round.
  uint32_t burst = 512;
  Rate rate;
  Contents contents = Contents::once;
  // Slots per packet, at least; and bytes in one of them, at most: 0 is as many as a buffer holds.
  uint32_t fragments = 1;
  uint32_t longest_fragment = 0;
  // Marks each packet. The port's first TX ring sends stream `first_stream`, each other ring the one after.
  bool mark = false;
  uint16_t first_stream = 0;
  // How long to wait at the end for a receiver that takes nothing.
  uint64_t linger_ns = 2 * kSecond_ns;
  // Where to put copies of the slots that were sent; it outlives the generator.
  Dump* dump = nullptr;
};

class Generator final : public Loop {
 public:
  // The frame fits the options: see mark.h for the shortest that can be marked. Contents are written when
  // marking.
  Generator(Port& port, const GeneratorOptions& options);

 private:
  // A TX ring and what this loop remembers of it.
  struct Lane {
    Ring ring;
    // For each slot, the index of the buffer whose contents were written.
    std::vector<uint32_t> written;
    std::optional<Marker> marker;
    uint64_t sequence = 0;
  };

  Status work() override;
  uint64_t wanted(uint64_t now_ns);
  uint64_t fill(uint64_t packets, uint64_t now_ns);
  void put_same(Lane& lane, uint32_t packets);
  void put_composed(Lane& lane, uint32_t packets, uint64_t now_ns);
  uint32_t put_fragments(Lane& lane, uint32_t slot, uint16_t report);
  void compose(Lane& lane, uint8_t* to, bool anew, uint64_t now_ns);
  void put(const Ring& ring, uint32_t slot, Descriptor descriptor);
  Status wait_for_room(uint64_t deadline_ns);
  Status finish();
  uint64_t pending() const;

  const GeneratorOptions options_;
  Frame frame_;
  std::vector<Lane> lanes_;
  // Whose turn it is to be filled first.
  size_t first_lane_ = 0;
  uint64_t sent_ = 0;
  std::optional<Pace> pace_;

  // How a frame is cut into slots.
  uint32_t slots_per_packet_ = 1;
  uint32_t fragment_length_ = 0;
  // Whether packets differ from each other, or anything else is to be done for each.
  bool composes_ = false;
  // Where a frame of several slots is put together.
  std::vector<uint8_t> assembled_;
};

}  // namespace nm
