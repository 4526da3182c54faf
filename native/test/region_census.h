// Where the objects of a memory region are: for tests that nothing is lost and nothing is in two places.
#pragma once

#include <bit>
#include <map>

#include "test/inside.h"

namespace nm::test {

// How many objects are handed out.
struct Usage {
  explicit Usage(const engine::Region& region) {
    const engine::RegionHeader& header = region.header();
    ports = header.ports_used;
    for (const uint64_t word : header.ring_map) rings += count(word);
    for (const uint64_t word : header.interface_map) interfaces += count(word);
    const auto* map =
        reinterpret_cast<const uint64_t*>(reinterpret_cast<const char*>(&header) + engine::kBufferMapOffset);
    for (uint32_t i = 0; i < (region.pools().buffers + 63) / 64; i++) buffers += count(map[i]);
  }
  bool operator==(const Usage&) const = default;

  uint32_t ports = 0, rings = 0, interfaces = 0, buffers = 0;

 private:
  static uint32_t count(uint64_t word) { return static_cast<uint32_t>(std::popcount(word)); }
};

struct Buffers {
  uint32_t doubled = 0;  // in two slots
  uint32_t lost = 0;     // handed out and in no slot
};

// Looks for each buffer in the slots that own it. No ring of the region may be in a sync, and nobody may hold a buffer
// elsewhere.
inline Buffers count_buffers(const Rig& rig, const Port& port) {
  const Inside inside(rig, port);
  const engine::Region& region = inside.region();
  std::map<uint32_t, uint32_t> places;
  for (uint32_t i = 0; i < region.ports_high(); i++) {
    const engine::PortRecord& record = region.port(i);
    if (record.kind == engine::PortKind::free || record.kind == engine::PortKind::parent) continue;
    const bool is_pipe =
        record.kind == engine::PortKind::pipe_master || record.kind == engine::PortKind::pipe_slave;
    // A pipe's buffers are its senders'.
    const uint32_t rings = record.all_tx() + (is_pipe ? 0 : record.all_rx());
    for (uint32_t ring = record.first_ring; ring < record.first_ring + rings; ring++) {
      if (region.ring(ring).has_memory != engine::kRingMade) continue;
      for (uint32_t slot = 0; slot < region.ring(ring).slots; slot++) {
        places[Descriptor::load(region.netmap_ring(ring)->slot[slot]).buf_idx]++;
      }
    }
  }
  Buffers found;
  uint32_t distinct = 0;
  for (const auto& [buffer, count] : places) {
    if (buffer < 2) continue;
    distinct++;
    found.doubled += count > 1;
  }
  found.lost = Usage(region).buffers - distinct;
  return found;
}

}  // namespace nm::test
