#include "engine/region_snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "engine/region.h"

namespace nm::engine {

bool RegionSnapshot::read_at(uint64_t offset, Line* to, size_t lines) const {
  const size_t size = lines * sizeof(Line);
  return pread(file_.number(), to, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

Status RegionSnapshot::open(const Namespace& space, uint32_t id, RegionSnapshot* snapshot) {
  const std::string path = Region::path(space, id);
  snapshot->file_ = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return snapshot->file_.is_open() ? Status::ok : Status::no_such_region;
}

uint32_t RegionSnapshot::ports_high() const {
  std::vector<Line> lines(round_to(sizeof(RegionHeader), sizeof(Line)) / sizeof(Line));
  if (!read_at(0, lines.data(), lines.size())) return 0;
  const RegionHeader& header = *reinterpret_cast<const RegionHeader*>(lines.data());
  const bool is_region = header.file.magic.load(std::memory_order_relaxed) == kRegionMagic &&
                         header.file.version == kLayoutVersion;
  return is_region ? std::min(header.ports_high, kRegionPorts) : 0;
}

bool RegionSnapshot::read_port(uint32_t index) {
  if (index >= kRegionPorts) return false;
  const size_t lines = index == 0 ? record_.size() : kRecordLines;
  if (!read_at(port_offset(index), record_.data(), lines)) return false;
  const uint64_t rings = uint64_t{port().all_tx()} + port().all_rx();
  const uint64_t first = port().first_ring;
  if (port().kind == PortKind::free || first + rings > kRegionRings) return false;
  if (index == 0 && first + rings <= kUsualRings) {
    rings_ = record_.data() + kRecordLines + first * kRingLines;
    return true;
  }
  more_rings_.resize(rings * kRingLines);
  rings_ = more_rings_.data();
  return read_at(kRingsOffset + first * sizeof(RingState), more_rings_.data(), more_rings_.size());
}

}  // namespace nm::engine
