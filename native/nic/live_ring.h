// A ring in the value of a BPF array map: what an XDP program fills or sends from, and we map too.
//
//   +-----------------------------+--------------------+---------------------------------------------+
//   | LiveRing                    | descriptor per     | frame per slot: virtio-net header, frame    |
//   | positions, a line by writer | slot, 8 bytes      | (kLiveFrameAt bytes before the frame)       |
//   +-----------------------------+--------------------+---------------------------------------------+
//
// Positions count on for ever; a slot is its position modulo the slots, a power of two.
//
// Threads   RX: the program fills, on one processor at a time (an interface's queue is polled by one), we take. TX: the
//           program runs inside a call of ours, so nothing is concurrent.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "engine/layout.h"
#include "engine/vnet.h"

namespace nm::nic {

struct LiveRing {
  // Written by the program.
  alignas(kCacheLine) std::atomic<uint64_t> produced;  // by us, in a TX ring

  // Written by us. By the program, in a TX ring.
  alignas(kCacheLine) std::atomic<uint64_t> consumed;

  // Not 0: somebody sleeps. Whoever takes it out rings the bell.
  alignas(kCacheLine) std::atomic<uint64_t> waiting;

  // Counted by the program, packets.
  alignas(kCacheLine) std::atomic<uint64_t> drops_full;
  std::atomic<uint64_t> drops_too_long;

  // Of a TX ring: the thread that sends, as the kernel knows it, and frames that were lost behind the program.
  alignas(kCacheLine) uint64_t sender;
  std::atomic<uint64_t> lost;

  // What of those is in the netmap ring's counters already. Written by whoever syncs it.
  alignas(kCacheLine) uint64_t counted_full;
  uint64_t counted_too_long;
};

// Where in a slot the frame begins. What lies before it is its virtio-net header.
inline constexpr uint32_t kLiveFrameAt = 16;
static_assert(kLiveFrameAt >= engine::kVnetHeader);

// The sizes that a ring has, computed alike by the program's writer and by whoever maps it.
struct LiveShape {
  uint32_t slots = 0;
  uint32_t frame = 0;  // bytes of the longest
  uint32_t stride = 0;

  LiveShape() = default;
  // Slots for frames of at most `longest` bytes: `wanted` of them, or as many as fit into kMostMemory.
  LiveShape(uint32_t longest, uint32_t wanted) : frame(longest) {
    // An odd number of lines, so that the first lines of slots do not meet in the cache.
    stride = ((kLiveFrameAt + longest + kCacheLine - 1) / kCacheLine | 1) * kCacheLine;
    slots = std::clamp(std::bit_floor(std::min(wanted, kMostMemory / stride)), 64u, 4096u);
  }

  uint32_t frames_at() const { return sizeof(LiveRing) + slots * uint32_t{sizeof(uint64_t)}; }
  uint32_t size() const { return frames_at() + slots * stride; }
  uint64_t* descriptors(LiveRing* ring) const { return reinterpret_cast<uint64_t*>(ring + 1); }
  uint64_t& descriptor(LiveRing* ring, uint64_t position) const {
    return descriptors(ring)[position & (slots - 1)];
  }
  uint8_t* frame_of(LiveRing* ring, uint64_t position) const {
    return reinterpret_cast<uint8_t*>(ring) + frames_at() + (position & (slots - 1)) * stride + kLiveFrameAt;
  }

 private:
  static constexpr uint32_t kMostMemory = 4 << 20;
};

// A descriptor: the frame's length, and the VLAN tag that the kernel keeps beside it (TPID and TCI as a number, 0: none).
constexpr uint64_t pack_live(uint32_t length, uint32_t tag) { return uint64_t{tag} << 32 | length; }
constexpr uint32_t live_length(uint64_t descriptor) { return static_cast<uint32_t>(descriptor); }
constexpr uint32_t live_tag(uint64_t descriptor) { return static_cast<uint32_t>(descriptor >> 32); }

}  // namespace nm::nic
