// Packets that lie in the memory of the program that sends them, not in buffers (NS_INDIRECT).
//
// Reading one is a system call, and costs far more than moving a packet; reading many is one, too. So the packets of the
// slots behind are read ahead of their turn.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/bound_ring.h"

namespace nm::engine {

class IndirectPackets {
 public:
  // For batches of this many slots, and packets of `longest` bytes.
  IndirectPackets(uint32_t batch, uint32_t longest) : batch_(batch), longest_(longest) {}

  // A batch begins. What was read ahead for the one before is forgotten, for the program may have changed it.
  void begin() { known_to_ = 0; }

  // A copy of `length` bytes at `address`, or nullptr when they cannot be read. It lasts as long as the batch, of
  // which it is number `entry`. The slots from `next` to `head` come after it.
  const uint8_t* read(uint64_t address, uint32_t length, uint32_t entry, const BoundRing& ring, uint32_t next,
                      uint32_t head) {
    const bool is_known = known_from_ <= entry && entry < known_to_ && known_[entry].address == address &&
                          known_[entry].length == length;
    if (!is_known) read_ahead({address, length}, entry, ring, next, head);
    return entry < known_to_ ? copy(entry) : nullptr;
  }

 private:
  struct Place {
    uint64_t address;
    uint32_t length;
  };

  void read_ahead(Place first, uint32_t entry, const BoundRing& ring, uint32_t next, uint32_t head);
  uint8_t* copy(uint32_t entry) { return copies_.data() + uint64_t{entry} * longest_; }

  uint32_t batch_;
  uint32_t longest_;
  // Entries whose packets have been read, and from where.
  uint32_t known_from_ = 0;
  uint32_t known_to_ = 0;
  std::vector<Place> known_;
  std::vector<uint8_t> copies_;
};

}  // namespace nm::engine
