#include "engine/external.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace nm::engine {

namespace {

// What netmap gives a region of a program's own. [netmap_mem2.c, netmap_min_priv_params]
constexpr uint32_t kInterfaces = 2;
constexpr uint32_t kExternalInterfaceSize = 1024;
constexpr uint32_t kRings = 4;
constexpr uint32_t kExternalRingSize = 5 * kPage;
constexpr uint32_t kBuffers = 4098;
constexpr uint32_t kBufferSize = 2048;

constexpr uint64_t kMostMemory = 1ull << 40;

// A part of this process's address space, as the kernel tells of it. [proc(5), /proc/pid/maps]
struct Area {
  uint64_t begin, end, offset, inode;
  unsigned major, minor;
  char access[5];
  std::string path;

  bool is_writable() const { return access[0] == 'r' && access[1] == 'w'; }
  bool is_shared() const { return access[3] == 's'; }
  bool is_same_file(const Area& other) const {
    return is_shared() == other.is_shared() && major == other.major && minor == other.minor &&
           inode == other.inode;
  }
};

bool read_area(const std::string& line, Area* area) {
  int path_at = 0;
  char access[5] = {};
  unsigned long begin, end, offset, inode;
  if (sscanf(line.c_str(), "%lx-%lx %4s %lx %x:%x %lu %n", &begin, &end, access, &offset, &area->major,
             &area->minor, &inode, &path_at) != 7) {
    return false;
  }
  area->begin = begin;
  area->end = end;
  area->offset = offset;
  area->inode = inode;
  memcpy(area->access, access, sizeof(access));
  area->path = line.substr(static_cast<size_t>(path_at));
  return true;
}

std::string read_all(const char* path) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  std::string text;
  char part[4096];
  ssize_t length;
  while (file >= 0 && (length = read(file, part, sizeof(part))) > 0)
    text.append(part, static_cast<size_t>(length));
  if (file >= 0) ::close(file);
  return text;
}

// What lies in [begin, end), as one area: one file's pages in their order, or none's. False: something else, or not all of
// it can be read and written.
bool find_area(uint64_t begin, uint64_t end, Area* whole) {
  const std::string text = read_all("/proc/self/maps");
  uint64_t at = begin;
  for (size_t from = 0, to; at < end && (to = text.find('\n', from)) != std::string::npos; from = to + 1) {
    Area area;
    if (!read_area(text.substr(from, to - from), &area) || area.end <= at) continue;
    if (area.begin > at || !area.is_writable()) return false;
    area.offset += at - area.begin;
    area.begin = at;
    if (at == begin) {
      *whole = area;
    } else if (whole->is_shared() || area.is_shared()) {
      if (!whole->is_same_file(area) || area.offset != whole->offset + (at - begin)) return false;
    }
    at = area.end;
  }
  whole->end = end;
  return at >= end;
}

// Whether `file` is what is mapped in `area`. Their numbers need not tell: a layered filesystem has others for stat().
bool is_mapped_in(int file, const Area& area) {
  void* const page = mmap(nullptr, kPage, PROT_READ, MAP_SHARED, file, static_cast<off_t>(area.offset));
  if (page == MAP_FAILED) return false;
  const auto address = reinterpret_cast<uint64_t>(page);
  Area mapped;
  bool same = false;
  const std::string text = read_all("/proc/self/maps");
  for (size_t from = 0, to; (to = text.find('\n', from)) != std::string::npos; from = to + 1) {
    if (!read_area(text.substr(from, to - from), &mapped)) continue;
    if (mapped.begin <= address && address < mapped.end) same = mapped.is_same_file(area);
  }
  munmap(page, kPage);
  return same;
}

// Finds the file that is mapped in `area` by its name, makes sure that it has memory for all of it, and notes where it is.
Status note_file(const Area& area, External* place) {
  if (area.path.empty() || area.path[0] != '/' || area.path.size() >= sizeof(place->path)) {
    return Status::external_unreachable;
  }
  const int file = ::open(area.path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return Status::external_unreachable;
  struct stat info;
  Status status = Status::ok;
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || !is_mapped_in(file, area)) {
    status = Status::external_unreachable;
  } else if (round_to(static_cast<uint64_t>(info.st_size), kPage) < area.offset + (area.end - area.begin)) {
    status = Status::bad_address;
  } else if (fallocate(file, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(area.offset),
                       static_cast<off_t>(area.end - area.begin)) != 0 &&
             (errno == ENOSPC || errno == EDQUOT)) {
    status = Status::space_exhausted;
  }
  ::close(file);
  if (status != Status::ok) return status;
  place->kind = ExternalKind::file;
  place->device = info.st_dev;
  place->inode = info.st_ino;
  place->offset = area.offset;
  memcpy(place->path, area.path.c_str(), area.path.size() + 1);
  return Status::ok;
}

// The number of the region of this namespace whose file has this path, or 0. `gone`: it was removed.
uint32_t region_of_path(const Namespace& space, const std::string& path, bool* gone) {
  char canonical[PATH_MAX];
  if (realpath(space.directory().c_str(), canonical) == nullptr) return 0;
  const std::string prefix = std::string(canonical) + "/region.";
  if (path.compare(0, prefix.size(), prefix) != 0) return 0;
  char* end;
  const unsigned long id = strtoul(path.c_str() + prefix.size(), &end, 10);
  *gone = strcmp(end, " (deleted)") == 0;
  return (*end == '\0' || *gone) && id <= kMaxRegionId ? static_cast<uint32_t>(id) : 0;
}

// Whether memory that is shared is so with nobody outside of the program's own children.
bool is_anonymous(const Area& area) { return area.inode == 0 || area.path == "/dev/zero (deleted)"; }

uint32_t or_default(uint32_t wanted, uint32_t fallback) { return wanted != 0 ? wanted : fallback; }

// The pools that `wanted` asks for, in memory of `size` bytes.
Status plan(const abi::nmreq_pools_info& wanted, uint64_t size, Pools* pools) {
  const uint32_t interfaces = or_default(wanted.nr_if_pool_objtotal, kInterfaces);
  const uint32_t rings = or_default(wanted.nr_ring_pool_objtotal, kRings);
  const uint32_t buffers = or_default(wanted.nr_buf_pool_objtotal, kBuffers);
  const auto lines = [](uint32_t bytes) { return round_to(uint64_t{bytes}, kCacheLine); };
  const uint64_t interface_size = lines(or_default(wanted.nr_if_pool_objsize, kExternalInterfaceSize));
  const uint64_t ring_size =
      round_to(or_default(wanted.nr_ring_pool_objsize, kExternalRingSize), alignof(abi::netmap_ring));
  const uint64_t stride = lines(or_default(wanted.nr_buf_pool_objsize, kBufferSize));

  // By division: what a program asks for may be anything.
  uint64_t left = size;
  for (const auto& [count, each] :
       {std::pair{interfaces, interface_size}, {rings, ring_size}, {buffers, stride}}) {
    if (count > left / each) return Status::external_too_small;
    left -= count * each;
  }
  if (interfaces > kRegionInterfaces || rings > kRegionRings || buffers > kMaxRegionBuffers ||
      interface_size > kMaxObjectSize || ring_size > kMaxObjectSize || stride > kMaxBufferStride) {
    return Status::bad_pools;
  }
  *pools = pools_of(interfaces, static_cast<uint32_t>(interface_size), rings,
                    static_cast<uint32_t>(ring_size), 0, static_cast<uint32_t>(stride));
  if (pools->buffers_at > size) return Status::external_too_small;
  // Those that the pages' borders leave no room for are not there, as in netmap; what is left over becomes more of them.
  const uint64_t room = (size - pools->buffers_at) / stride;
  pools->buffers = static_cast<uint32_t>(std::min<uint64_t>(room, kMaxRegionBuffers));
  pools->size = size;
  return pools->buffers > 2 ? Status::ok : Status::external_too_small;
}

}  // namespace

// The region that lies in this memory already, or no_such_region.
Status ExternalMemory::look_up(Namespace& space, const External& place, uint64_t size) {
  for (const uint32_t id : Region::ids(space)) {
    std::shared_ptr<Region> region;
    if (Region::open(space, id, &region) != Status::ok || region->is_lost()) continue;
    const External& its = region->header().external;
    if (its.kind != ExternalKind::file || its.device != place.device || its.inode != place.inode) continue;
    if (its.offset != place.offset || region->pools().size != size) continue;
    region_ = std::move(region);
    return Status::ok;
  }
  return Status::no_such_region;
}

Status ExternalMemory::open(Namespace& space, uint64_t address, abi::nmreq_pools_info* wanted) {
  if (address % kPage != 0) return Status::external_unaligned;
  if (wanted->nr_memsize > kMostMemory) return Status::bad_address;
  const uint64_t size = round_to(wanted->nr_memsize, kPage);
  if (size == 0) return Status::external_too_small;
  if (address == 0 || address + size < address) return Status::bad_address;
  address_ = address;
  Area area;
  if (!find_area(address, address + size, &area)) return Status::bad_address;

  External place = {};
  place.kind = ExternalKind::replacing;
  Status status = Status::no_such_region;
  bool gone = false;
  const uint32_t known = region_of_path(space, area.path, &gone);
  if (known != 0 && !gone) {
    // Memory whose place a region took before.
    status = Region::open(space, known, &region_);
    if (status == Status::ok && (region_->header().external.kind != ExternalKind::replacing ||
                                 area.offset != kVisibleOffset || region_->pools().size != size)) {
      region_.reset();
      status = Status::external_unreachable;
    }
    if (status != Status::ok) return status;
  } else if (area.is_shared() && !is_anonymous(area) && known == 0) {
    status = note_file(area, &place);
    if (status == Status::ok) status = look_up(space, place, size);
    if (status != Status::ok && status != Status::no_such_region) return status;
  }
  if (status == Status::no_such_region) {
    Pools pools;
    status = plan(*wanted, size, &pools);
    if (status == Status::ok) status = Region::create(space, 0, pools, &region_, place);
    if (status != Status::ok) return status;
    replaces_ = place.kind == ExternalKind::replacing;
  }
  region_->tell(wanted);
  return Status::ok;
}

Status ExternalMemory::show() const {
  return !replaces_ || region_->show_at(address_) ? Status::ok : Status::bad_address;
}

}  // namespace nm::engine
