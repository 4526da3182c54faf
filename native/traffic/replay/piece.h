// What a feed gives: packets that were made ready, and when they are due.
//
//   batch    [ packet | packet | packet | ... ]    as they are sent, in a row; the same in each pass
//               ^                  ^
//   leaving     due                due             where a link says when, and which it lost
//
// A batch that was given is never changed again, so that whoever sends it and the feed, which gives it again in the next
// pass, can have it at the same time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "cache_line.h"

namespace nm {

// name, meaning: what a feed counts of what it reads
#define NM_FEED_COUNTS(row)                                                                  \
  row(read, "packets that were read")                                                        \
  row(out_of_range, "packets outside of the range of times that was asked for")              \
  row(filtered, "packets that the filter did not let pass")                                  \
  row(empty, "packets without a byte, which nothing can send")                               \
  row(too_long, "packets that are longer than the port's rings can carry")                   \
  row(out_of_order, "packets with a time before that of a packet before them")               \
  row(cut, "packets that were captured in part; zeros are sent for the rest")                \
  row(lost, "packets that the loss model lost")                                              \
  row(passes, "times that the capture was played to its end")

struct FeedCounts {
#define row(name, text) uint64_t name = 0;
  NM_FEED_COUNTS(row)
#undef row
};

struct Batch {
  struct Packet {
    // Where its bytes are, and how many: what was not captured of `length` is zeros.
    uint32_t offset;
    uint32_t captured;
    uint32_t length;
    // The port that it leaves by.
    uint32_t side;
  };

  static constexpr uint32_t kBytes = 512 << 10;
  static constexpr uint32_t kPackets = 8192;
  // Whoever copies packets may read so far past the end of each: packets are copied in whole lines.
  static constexpr uint32_t kReadable = kCacheLine;

  // Makes it empty, and gets its memory the first time.
  void clear() {
    packets.clear();
    packets.reserve(kPackets);
    bytes.resize(kBytes + kReadable);
    used = 0;
  }
  // The same with no more memory than it needs.
  Batch trimmed() const { return {packets, {bytes.begin(), bytes.begin() + used + kReadable}, used}; }
  bool has_room(uint32_t more) const { return packets.size() < kPackets && kBytes - used >= more; }

  std::vector<Packet> packets;
  std::vector<uint8_t> bytes;
  uint32_t used = 0;
};

struct Piece {
  struct Leaving {
    // Since the beginning of the replay.
    uint64_t due_ns;
    // Of the batch's packets.
    uint32_t packet;
  };

  void clear() {
    count = 0;
    leaving.clear();
    linked = false;
  }
  size_t size() const { return linked ? leaving.size() : count; }
  bool empty() const { return size() == 0; }
  // Its i-th packet, and when that is due: without a link all are at once.
  const Batch::Packet& packet(size_t i) const { return batch->packets[linked ? leaving[i].packet : i]; }
  uint64_t due_ns(size_t i) const { return linked ? leaving[i].due_ns : 0; }
  const uint8_t* bytes(const Batch::Packet& packet) const { return batch->bytes.data() + packet.offset; }

  std::shared_ptr<Batch> batch;
  // With a link, what leaves it; without one, so many of the batch's first packets.
  bool linked = false;
  std::vector<Leaving> leaving;
  size_t count = 0;
  // The state of the feed after the piece: what it counted, and how far in the file it is.
  FeedCounts counts;
  uint64_t file_offset = 0;
};

}  // namespace nm
