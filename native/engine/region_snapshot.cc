#include "engine/region_snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace nm::engine {

bool RegionSnapshot::read_at(uint64_t offset, uint64_t size, std::vector<Line>* to) const {
  to->resize((size + sizeof(Line) - 1) / sizeof(Line));
  return pread(file_.number(), to->data(), size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

Status RegionSnapshot::read(const Namespace& space, uint32_t id, RegionSnapshot* snapshot) {
  const std::string path = space.path("region." + std::to_string(id));
  snapshot->file_ = FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!snapshot->file_.is_open()) return Status::no_such_region;
  std::vector<Line> lines;
  if (!snapshot->read_at(0, sizeof(RegionHeader), &lines)) return Status::namespace_corrupt;
  const RegionHeader& header = *reinterpret_cast<const RegionHeader*>(lines.data());
  if (header.file.magic.load(std::memory_order_relaxed) != kRegionMagic || header.id != id) {
    return Status::no_such_region;
  }
  if (header.file.version != kLayoutVersion) return Status::namespace_version;
  snapshot->ports_high_ = std::min(header.ports_high, kRegionPorts);
  snapshot->ring_count_ = std::min(header.pools.rings, kRegionRings);
  return snapshot->read_at(kPortsOffset, snapshot->ports_high_ * sizeof(PortRecord), &snapshot->records_)
             ? Status::ok
             : Status::namespace_corrupt;
}

bool RegionSnapshot::read_rings(uint32_t first, uint32_t count) {
  if (first > ring_count_ || count > ring_count_ - first) return false;
  return read_at(kRingsOffset + uint64_t{first} * sizeof(RingState), uint64_t{count} * sizeof(RingState),
                 &rings_);
}

}  // namespace nm::engine
