// Puts the frames of a spec into slots.
//
// A buffer's contents are written once, and again only when a receiver has exchanged the buffer for another; after
// that, sending is storing a slot's descriptor. Frames that differ, and marks, rewrite just the bytes that do, all
// payloads of a run of slots after all of its descriptors.
//
//     slot      virtio-net header, zeros      frame               when it is too long for one slot,
//               header_length                 frame.length()      or is to be cut: several, NS_MOREFRAG on all
//                                                                 but the last
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "port.h"
#include "traffic/dump.h"
#include "traffic/filler.h"
#include "traffic/mark.h"
#include "traffic/packet.h"
#include "traffic/staged_frames.h"

namespace nm {

// When a buffer's contents are written.
enum class Contents {
  never,   // sends whatever the buffers hold
  once,    // when a buffer is first seen in a slot
  always,  // whole, for each packet
};

struct FrameFillerOptions {
  FrameSpec frame;
  Contents contents = Contents::once;
  // Zeros before each frame, as part of the packet: a virtio-net header that asks for nothing.
  uint32_t header_length = 0;
  // Slots per packet, at least; and bytes in one of them, at most: 0 is as many as a buffer holds.
  uint32_t fragments = 1;
  uint32_t longest_fragment = 0;
  // Leaves the ring's buffers alone: slots point to memory of this filler (NS_INDIRECT).
  bool indirect = false;
  // Marks each packet. The port's first TX ring sends stream `first_stream`, each other ring the one after.
  bool mark = false;
  uint16_t first_stream = 0;
  // Where to put copies of the slots; it outlives the filler.
  Dump* dump = nullptr;
};

inline constexpr uint32_t kLongestVirtioHeader = 12;

class FrameFiller final : public Filler {
 public:
  // The frame fits the options: see mark.h for the shortest that can be marked. Contents are written when marking.
  FrameFiller(Port& port, const FrameFillerOptions& options);

  uint32_t slots_per_packet() const override { return slots_per_packet_; }
  Filled fill(size_t lane, uint32_t packets, uint64_t now_ns) override;

 private:
  // A TX ring and what is remembered of it.
  struct Lane {
    Ring ring;
    // For each slot, the index of the buffer whose contents were written.
    std::vector<uint32_t> written;
    // For each slot, what takes the place of its buffer when slots are indirect.
    std::vector<uint8_t> own;
    std::optional<Marker> marker;
    // Where frames are finished that go past this core's caches.
    std::unique_ptr<StagedFrames> staged;
    uint64_t sequence = 0;
  };

  uint64_t put_same(Lane& lane, uint32_t packets);
  uint32_t put_descriptors(Lane& lane, uint32_t packets, bool staged);
  uint64_t put_ranged(Lane& lane, uint32_t packets);
  uint64_t put_marked(Lane& lane, uint32_t packets, uint64_t now_ns);
  void mark_in_place(Lane& lane, uint32_t slot, uint32_t packets, uint64_t now_ns);
  void mark_staged(Lane& lane, uint32_t slot, uint32_t packets, uint64_t now_ns);
  uint64_t put_differing(Lane& lane, uint32_t packets, uint64_t now_ns);
  uint64_t put_several(Lane& lane, uint32_t packets, uint64_t now_ns);
  uint32_t put_cut(Lane& lane, uint32_t slot, uint16_t report);

  void write_buffers(Lane& lane, uint32_t first, uint32_t end);
  void write_payloads(Lane& lane, uint32_t slot, uint32_t packets, uint64_t now_ns);
  void compose(Lane& lane, uint8_t* to, uint64_t* now_ns);
  void mark(Lane& lane, uint8_t* frame, uint64_t* now_ns);
  void dump(Lane& lane, uint32_t slot, uint32_t slots);
  uint8_t* place(Lane& lane, uint32_t slot, uint32_t buf_idx);

  uint32_t packet_length() const { return options_.header_length + frame_.length(); }

  const FrameFillerOptions options_;
  Frame frame_;
  // What any frame has, up to the end of its last cache line.
  std::vector<uint8_t> frame_lines_;
  std::vector<Lane> lanes_;

  // How packets are cut: into so many slots at most, of so many bytes at most.
  uint32_t slots_per_packet_ = 1;
  uint32_t longest_fragment_ = 0;
  // Where a packet is put together before it is cut, header first. Empty when it can be written in place.
  std::vector<uint8_t> assembled_;
  // Whether each packet's contents are to be touched.
  bool composes_ = false;
  uint16_t flags_ = 0;
};

}  // namespace nm
