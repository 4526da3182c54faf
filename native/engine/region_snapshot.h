// The private part of a region as it is now, read from its file without mapping it: for who looks at thousands of regions for a
// moment each. Mapping one costs tens of times as much.
//
// Counters are read while they grow, one word at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/layout.h"
#include "engine/namespace.h"
#include "file_descriptor.h"

namespace nm::engine {

class RegionSnapshot {
 public:
  // Control lock held, so that records stay as they are meanwhile.
  static Status read(const Namespace& space, uint32_t id, RegionSnapshot* snapshot);

  uint32_t ports_high() const { return ports_high_; }
  const PortRecord& port(uint32_t index) const {
    return reinterpret_cast<const PortRecord*>(records_.data())[index];
  }
  // Reads rings [first, first + count). False: there are none such.
  bool read_rings(uint32_t first, uint32_t count);
  // Of those that were read, the one at `first` + i.
  const RingState& ring(uint32_t i) const { return reinterpret_cast<const RingState*>(rings_.data())[i]; }

 private:
  struct alignas(kCacheLine) Line {
    std::byte bytes[kCacheLine];
  };
  bool read_at(uint64_t offset, uint64_t size, std::vector<Line>* to) const;

  FileDescriptor file_;
  uint32_t ports_high_ = 0;
  uint32_t ring_count_ = 0;
  std::vector<Line> records_;
  std::vector<Line> rings_;
};

}  // namespace nm::engine
