// Packets under way: copies that come out when they are due, in the order in which they went in.
//
//   chunk [ 5 | 6 | 7 ]  chunk [ 8 | 9 |     ]        a packet lies in one chunk; one that is empty is used again
//           ^ front                      ^ next
//
// Memory    As many chunks as the packets under way have needed so far, up to a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace nm {

class DelayLine {
 public:
  struct Packet {
    const uint8_t* bytes;
    uint32_t length;
    uint64_t due_ns;
  };

  // Holds up to `capacity` bytes, those between packets and at the ends of chunks included.
  explicit DelayLine(size_t capacity);
  DelayLine(DelayLine&&) = default;

  // Whether a packet of that length has room in an empty line.
  bool can_hold(uint32_t length) const { return size_of(length) <= chunk_size_; }
  bool empty() const { return packets_ == 0; }
  uint64_t packets() const { return packets_; }
  // Where the bytes of a packet that is due then belong; nullptr when there is no room for it now.
  uint8_t* put(uint32_t length, uint64_t due_ns);
  // The packet that comes out first, of at least one; and then it is gone.
  Packet front() const;
  void pop();

 private:
  struct Header {
    uint64_t due_ns;
    uint64_t length;
  };
  struct Chunk {
    std::unique_ptr<uint8_t[]> bytes;
    uint64_t end = 0;
  };
  // Chunks that stay in the second-level cache while packets are few.
  static constexpr uint64_t kChunk = 256 << 10;

  static uint64_t size_of(uint32_t length) { return sizeof(Header) + (uint64_t{length} + 7) / 8 * 8; }
  bool add_chunk();

  const uint64_t chunk_size_;
  const uint64_t most_chunks_;
  // Those that hold packets, the last of which is filled; and those that do not.
  std::deque<Chunk> chunks_;
  std::vector<Chunk> spare_;
  // Where the first packet begins in the first chunk.
  uint64_t begin_ = 0;
  uint64_t packets_ = 0;
};

}  // namespace nm
