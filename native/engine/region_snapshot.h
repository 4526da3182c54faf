// The private part of a region as it is now, read from its file without mapping it: for who looks at thousands of regions for a
// moment each. Mapping one costs tens of times as much, and of what is left each system call counts.
//
// Threads   Control lock held, so that records stay as they are meanwhile; whoever holds it may read many regions at once.
//           Counters are read while they grow, one word at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/layout.h"
#include "engine/namespace.h"
#include "file_descriptor.h"

namespace nm::engine {

class RegionSnapshot {
 public:
  RegionSnapshot() = default;
  RegionSnapshot(const RegionSnapshot&) = delete;
  RegionSnapshot& operator=(const RegionSnapshot&) = delete;

  static Status open(const Namespace& space, uint32_t id, RegionSnapshot* snapshot);

  // Records beyond have never been used. 0: that is no region.
  uint32_t ports_high() const;
  // Reads the record of port `index` and the states of its rings. False: there is no such port.
  bool read_port(uint32_t index);
  // What was read last.
  const PortRecord& port() const { return *reinterpret_cast<const PortRecord*>(record_.data()); }
  const RingState& ring(uint32_t i) const { return reinterpret_cast<const RingState*>(rings_)[i]; }

 private:
  struct alignas(kCacheLine) Line {
    std::byte bytes[kCacheLine];
  };
  static constexpr size_t kRecordLines = sizeof(PortRecord) / sizeof(Line);
  static constexpr size_t kRingLines = sizeof(RingState) / sizeof(Line);
  // Most ports of switches are alone in their region, and have so many rings.
  static constexpr uint32_t kUsualRings = 2;

  bool read_at(uint64_t offset, Line* to, size_t lines) const;

  FileDescriptor file_;
  std::array<Line, kRecordLines + kUsualRings * kRingLines>
      record_;  // and the rings that lie behind the first record
  std::vector<Line> more_rings_;
  const Line* rings_ = nullptr;
};

}  // namespace nm::engine
