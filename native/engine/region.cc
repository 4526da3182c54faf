#include "engine/region.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

namespace nm::engine {

namespace {

constexpr uint64_t kMaxVisibleSize = 1ull << 40;
constexpr uint32_t kPortsOfPage = kPage / sizeof(PortRecord);

uint64_t file_size(const Pools& pools) { return round_to(kVisibleOffset + pools.size, kVisibleAlignment); }

// Whether the objects lie within what the header says, and can be what the rest of the engine takes them for.
bool are_sound(const Pools& pools) {
  const auto fit = [&](uint64_t at, uint32_t count, uint32_t size, uint32_t most) {
    return count <= most && size <= kMaxObjectSize && size % kCacheLine == 0 && at % kCacheLine == 0 &&
           at <= pools.size && uint64_t{count} * size <= pools.size - at;
  };
  return pools.size <= kMaxVisibleSize && pools.buffer_stride >= kMinBufferStride &&
         pools.buffer_stride <= kMaxBufferStride &&
         fit(pools.interfaces_at, pools.interfaces, pools.interface_size, kRegionInterfaces) &&
         fit(pools.rings_at, pools.rings, pools.ring_size, kRegionRings) &&
         fit(pools.buffers_at, pools.buffers, pools.buffer_stride, kMaxRegionBuffers);
}

// All but `ahead` becomes 0. That word stays one that lets nobody reserve: a sender may still look at the
// ring that was here before.
void clear(RingState& ring) {
  ring.ahead.store(Lease{{0, 0}, 0, 0, true}.pack(), std::memory_order_release);
  auto* bytes = reinterpret_cast<uint8_t*>(&ring);
  constexpr size_t kBefore = offsetof(RingState, ahead);
  constexpr size_t kAfter = kBefore + sizeof(RingState::ahead);
  memset(bytes, 0, kBefore);
  memset(bytes + kAfter, 0, sizeof(RingState) - kAfter);
}

bool test_bit(const uint64_t* map, uint32_t bit) { return (map[bit / 64] >> (bit % 64) & 1) != 0; }
void set_bit(uint64_t* map, uint32_t bit) { map[bit / 64] |= 1ull << (bit % 64); }
void clear_bit(uint64_t* map, uint32_t bit) { map[bit / 64] &= ~(1ull << (bit % 64)); }

std::mutex open_regions_mutex;

// One mapping per region and process: descriptors of one region then see the same addresses, as netmap
// programs expect.
std::map<std::string, std::weak_ptr<Region>>& open_regions() {
  static auto* map = new std::map<std::string, std::weak_ptr<Region>>;
  return *map;
}

}  // namespace

Status Region::map(Namespace& space, uint32_t id) {
  // The pools decide the size, so look at the header before mapping all.
  SharedFile header_only;
  const Status opened = header_only.open(path(space, id), kPage, SharedFile::Mode::existing);
  if (opened != Status::ok) return opened;
  const RegionHeader& header = *header_only.at<RegionHeader>(0);
  if (header.file.magic.load(std::memory_order_acquire) != kRegionMagic) return Status::no_such_region;
  if (header.file.version != kLayoutVersion) return Status::namespace_version;
  const Pools pools = header.pools;
  if (!are_sound(pools) || header.id != id) return Status::namespace_corrupt;

  const Status mapped = file_.open(path(space, id), file_size(pools), SharedFile::Mode::existing);
  if (mapped != Status::ok) return mapped;
  if (this->header().nonce != header.nonce) return Status::no_such_region;
  id_ = id;
  pools_ = pools;
  nonce_ = header.nonce;
  is_lost_ = this->header().external.kind == ExternalKind::file && !map_external();
  return Status::ok;
}

// Maps the program's file in place of the visible part.
bool Region::map_external() {
  const External external = header().external;
  if (memchr(external.path, '\0', sizeof(external.path)) == nullptr) return false;
  const int file = ::open(external.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return false;
  struct stat info;
  bool found = fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_dev == external.device &&
               info.st_ino == external.inode;
  const uint64_t size = found ? round_to(static_cast<uint64_t>(info.st_size), kPage) : 0;
  found = found && size >= external.offset && size - external.offset >= pools_.size;
  found = found && mmap(visible(), pools_.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
                        static_cast<off_t>(external.offset)) != MAP_FAILED;
  ::close(file);
  return found;
}

bool Region::show_at(uint64_t address) const {
  return mmap(reinterpret_cast<void*>(address), pools_.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
              file_.descriptor(), kVisibleOffset) != MAP_FAILED;
}

Status Region::open(Namespace& space, uint32_t id, std::shared_ptr<Region>* region) {
  const std::string path = Region::path(space, id);
  std::lock_guard guard(open_regions_mutex);
  std::weak_ptr<Region>& known = open_regions()[path];
  if (auto open = known.lock(); open && !open->file_.removed()) {
    *region = std::move(open);
    return Status::ok;
  }
  std::shared_ptr<Region> fresh(new Region);
  const Status status = fresh->map(space, id);
  if (status != Status::ok) {
    open_regions().erase(path);
    return status;
  }
  known = fresh;
  *region = std::move(fresh);
  return Status::ok;
}

Status Region::create(Namespace& space, uint32_t id, const Pools& pools, std::shared_ptr<Region>* region,
                      const External& external) {
  const bool is_private = id == 0;
  SharedFile file;
  Status status = Status::no_such_region;
  if (!is_private) {
    status = file.open(path(space, id), file_size(pools), SharedFile::Mode::create_new);
  }
  for (uint32_t tries = 0; is_private && status == Status::no_such_region; tries++) {
    if (tries == kMaxRegionId) return Status::regions_full;
    uint32_t& next = space.header().next_region;
    if (next <= kGlobalRegion || next > kMaxRegionId) next = kGlobalRegion + 1;
    id = next++;
    status = file.open(path(space, id), file_size(pools), SharedFile::Mode::create_new);
  }
  if (status != Status::ok) return status;

  status = file.reserve(0, kBufferMapOffset + round_to(pools.buffers, 64) / 8);
  if (status == Status::ok) status = file.reserve(kWatchesOffset, kPortsOffset - kWatchesOffset);
  // The program may touch any of it at any time.
  if (status == Status::ok && external.kind == ExternalKind::replacing) {
    status = file.reserve(kVisibleOffset, pools.size);
  }
  if (status != Status::ok) {
    remove(space, id);
    return status;
  }
  RegionHeader& header = *file.at<RegionHeader>(0);
  header.file.version = kLayoutVersion;
  header.id = id;
  header.is_private = is_private;
  header.pools = pools;
  header.external = external;
  header.next_lap = 1;
  header.next_buffer = 2;
  if (getrandom(&header.nonce, sizeof(header.nonce), 0) != sizeof(header.nonce)) header.nonce = id;
  header.file.magic.store(kRegionMagic, std::memory_order_release);
  file.close();

  status = open(space, id, region);
  if (status == Status::ok) {
    // Buffers 0 and 1 are never handed out; a wrong index lands on them.
    status = (*region)->reserve_visible(pools.buffers_at, 2ull * pools.buffer_stride);
    (*region)->header().buffers_reserved.store(2, std::memory_order_relaxed);
    if ((*region)->is_lost()) status = Status::external_unreachable;
  }
  if (status != Status::ok) remove(space, id);
  return status;
}

Status Region::reserve_visible(uint64_t offset, uint64_t length) {
  if (header().external.kind != ExternalKind::none) return Status::ok;
  return file_.reserve(kVisibleOffset + offset, length);
}

void Region::tell(abi::nmreq_pools_info* info) const {
  info->nr_mem_id = static_cast<uint16_t>(id_);
  info->nr_if_pool_offset = pools_.interfaces_at;
  info->nr_if_pool_objtotal = pools_.interfaces;
  info->nr_if_pool_objsize = pools_.interface_size;
  info->nr_ring_pool_offset = pools_.rings_at;
  info->nr_ring_pool_objtotal = pools_.rings;
  info->nr_ring_pool_objsize = pools_.ring_size;
  info->nr_buf_pool_offset = pools_.buffers_at;
  info->nr_buf_pool_objtotal = pools_.buffers;
  info->nr_buf_pool_objsize = pools_.buffer_stride;
}

std::string Region::path(const Namespace& space, uint32_t id) {
  return space.path("region." + std::to_string(id));
}

void Region::remove(Namespace& space, uint32_t id) { unlink(path(space, id).c_str()); }

std::vector<uint32_t> Region::ids(const Namespace& space) {
  std::vector<uint32_t> found;
  DIR* const directory = opendir(space.directory().c_str());
  if (directory == nullptr) return found;
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    if (name.compare(0, 7, "region.") != 0) continue;
    found.push_back(static_cast<uint32_t>(strtoul(name.c_str() + 7, nullptr, 10)));
  }
  closedir(directory);
  return found;
}

Status Region::take_port(uint32_t* index) {
  for (uint32_t i = 0; i < kRegionPorts; i++) {
    if (i % kPortsOfPage == 0) {
      const Status status = file_.reserve(port_offset(i + kPortsOfPage - 1), kPage);
      if (status != Status::ok) return status;
    }
    if (port(i).kind != PortKind::free) continue;
    port(i) = PortRecord{};
    header().ports_used++;
    if (i >= header().ports_high) header().ports_high = i + 1;
    *index = i;
    return Status::ok;
  }
  return Status::pipes_full;
}

void Region::give_port(uint32_t index) {
  port(index).kind = PortKind::free;
  if (header().ports_used > 0) header().ports_used--;
}

Status Region::take_rings(uint32_t count, uint32_t* first) {
  *first = 0;
  if (count == 0) return Status::ok;
  uint64_t* map = header().ring_map;
  uint32_t run = 0;
  for (uint32_t i = 0; i < pools_.rings; i++) {
    run = test_bit(map, i) ? 0 : run + 1;
    if (run < count) continue;
    const uint32_t start = i + 1 - count;
    const Status status = file_.reserve(kRingsOffset + start * sizeof(RingState), count * sizeof(RingState));
    if (status != Status::ok) return status;
    for (uint32_t taken = start; taken <= i; taken++) {
      set_bit(map, taken);
      clear(ring(taken));
    }
    *first = start;
    return Status::ok;
  }
  return Status::no_rings_left;
}

void Region::give_rings(uint32_t first, uint32_t count) {
  for (uint32_t i = first; i < first + count && i < pools_.rings; i++) clear_bit(header().ring_map, i);
}

Status Region::take_interface(uint32_t* object) {
  for (uint32_t i = 0; i < pools_.interfaces; i++) {
    if (test_bit(header().interface_map, i)) continue;
    const Status status = reserve_visible(interface_offset(i), pools_.interface_size);
    if (status != Status::ok) return status;
    // Empty before it is taken: what a dead owner's netmap_if names is given back.
    memset(static_cast<void*>(netmap_if(i)), 0, pools_.interface_size);
    set_bit(header().interface_map, i);
    *object = i;
    return Status::ok;
  }
  return Status::no_interfaces_left;
}

void Region::give_interface(uint32_t object) {
  if (object < pools_.interfaces) clear_bit(header().interface_map, object);
}

Status Region::find_buffers(uint32_t count, uint32_t* indexes) {
  const uint64_t* map = buffer_map();
  uint32_t found = 0;
  uint32_t highest = 0;
  const uint32_t hint = header().next_buffer;
  uint32_t candidate = hint >= 2 && hint < pools_.buffers ? hint : 2;
  for (uint32_t looked = 2; looked < pools_.buffers && found < count; looked++) {
    if (!test_bit(map, candidate)) {
      indexes[found++] = candidate;
      highest = candidate > highest ? candidate : highest;
    }
    candidate = candidate + 1 < pools_.buffers ? candidate + 1 : 2;
  }
  if (found != count) return Status::no_buffers_left;

  const Status status = grow(highest + 1);
  if (status != Status::ok) return status;
  header().next_buffer = candidate;
  return Status::ok;
}

// Sees to it that the first `count` buffers have memory.
Status Region::grow(uint32_t count) {
  const uint32_t reserved = buffers_reserved();
  if (count <= reserved) return Status::ok;
  const uint64_t stride = buffer_stride();
  const Status status = reserve_visible(pools_.buffers_at + reserved * stride, (count - reserved) * stride);
  if (status == Status::ok) header().buffers_reserved.store(count, std::memory_order_release);
  return status;
}

void Region::reserve_buffers(uint32_t count) { grow(std::min(count, pools_.buffers)); }

void Region::take_buffer(uint32_t index) { set_bit(buffer_map(), index); }

void Region::give_buffer(uint32_t index) {
  if (!buffer_valid(index) || !test_bit(buffer_map(), index)) return;
  clear_bit(buffer_map(), index);
  if (index < header().next_buffer) header().next_buffer = index;
}

Status Region::make_ring(uint32_t index, uint16_t number, bool is_tx, uint32_t same_buffers_as) {
  RingState& state = ring(index);
  if (state.has_memory == kRingMade) return Status::ok;
  const uint32_t slots = state.slots;
  const uint64_t size = sizeof(abi::netmap_ring) + slots * sizeof(abi::netmap_slot);
  if (size > pools_.ring_size) return Status::rings_too_small;
  Status status = reserve_visible(pools_.rings_at + uint64_t{index} * pools_.ring_size, size);
  if (status == Status::ok)
    status = file_.reserve(kLeasesOffset + index * kLeasesSize, slots * sizeof(uint64_t));
  std::vector<uint32_t> indexes(slots, 0);
  if (status == Status::ok && same_buffers_as == kOwnBuffers) status = find_buffers(slots, indexes.data());
  if (status != Status::ok) return status;
  if (same_buffers_as < pools_.rings) {
    for (uint32_t i = 0; i < slots; i++)
      indexes[i] = Descriptor::load(netmap_ring(same_buffers_as)->slot[i]).buf_idx;
  }

  abi::netmap_ring* shared = netmap_ring(index);
  memset(static_cast<void*>(shared), 0, sizeof(*shared));
  shared->buf_ofs = buffers() - reinterpret_cast<uint8_t*>(shared);
  shared->num_slots = slots;
  const uint32_t stride = buffer_stride();
  shared->nr_buf_size = stride;
  shared->ringid = number;
  shared->dir = is_tx ? abi::NETMAP_RING_TX : abi::NETMAP_RING_RX;
  shared->tail = is_tx && slots != 0 ? slots - 1 : 0;
  for (uint32_t i = 0; i < slots; i++) {
    shared->slot[i] = {indexes[i], static_cast<uint16_t>(stride < 65535 ? stride : 65535), 0, 0};
    leases(index)[i].store(0, std::memory_order_relaxed);
  }
  state.hwcur = 0;
  state.hwtail = shared->tail;
  state.lap = header().next_lap++ & 0xffffff;
  // The word of a pipe's RX ring is an index.
  const bool takes_reservations = !is_tx && same_buffers_as >= pools_.rings;
  state.ahead.store(takes_reservations ? Lease{{0, state.lap}, 0, 0, false}.pack() : 0,
                    std::memory_order_release);
  state.released.store(0, std::memory_order_relaxed);
  if (same_buffers_as == kOwnBuffers) {
    state.has_memory = kRingTakesBuffers;
    for (const uint32_t buffer : indexes) take_buffer(buffer);
  }
  state.has_memory = kRingMade;
  return Status::ok;
}

void Region::unmake_ring(uint32_t index, bool with_buffers) {
  RingState& state = ring(index);
  if (state.has_memory == kRingUnmade) return;
  const uint32_t slots = state.slots <= kMaxSlots ? state.slots : 0;
  if (with_buffers) {
    // Whoever finds this half done gives the rest: a buffer that went already must not stay in a ring.
    state.has_memory = kRingTakesBuffers;
    for (uint32_t i = 0; i < slots; i++) give_buffer(Descriptor::load(netmap_ring(index)->slot[i]).buf_idx);
  }
  state.has_memory = kRingUnmade;
}

}  // namespace nm::engine
