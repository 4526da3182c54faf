// A piece of a replay: packets that were made ready, with the times when they are due.
#pragma once

#include <cstdint>
#include <vector>

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

struct Piece {
  struct Packet {
    // Since the beginning of the replay.
    uint64_t due_ns;
    // Where its bytes are, and how many: what was not captured of `length` is zeros.
    uint32_t offset;
    uint32_t captured;
    uint32_t length;
    // The port that it leaves by.
    uint32_t side;
  };

  static constexpr uint32_t kBytes = 512 << 10;
  static constexpr uint32_t kPackets = 8192;

  // Makes it empty, and gets its memory the first time.
  void clear() {
    packets.clear();
    packets.reserve(kPackets);
    bytes.resize(kBytes);
    used = 0;
  }
  bool has_room(uint32_t more) const { return packets.size() < kPackets && kBytes - used >= more; }

  std::vector<Packet> packets;
  std::vector<uint8_t> bytes;
  uint32_t used = 0;
  // The state of the feed after the piece: what it counted, and how far in the file it is.
  FeedCounts counts;
  uint64_t file_offset = 0;
};

}  // namespace nm
