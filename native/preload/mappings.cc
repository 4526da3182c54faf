#include "preload/mappings.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "preload/libc.h"
#include "preload/table.h"

namespace nm::preload {

namespace {

struct Mapped {
  uintptr_t start;
  uintptr_t end;
  OpenFile* file;
  bool lent;
};

std::vector<Mapped>& mapped() {
  static auto* list = new std::vector<Mapped>;
  return *list;
}

void set_bounds() {
  uintptr_t lowest = UINTPTR_MAX;
  uintptr_t highest = 0;
  for (const Mapped& range : mapped()) {
    lowest = std::min(lowest, range.start);
    highest = std::max(highest, range.end);
  }
  lowest_mapped.store(lowest, std::memory_order_relaxed);
  highest_mapped.store(highest, std::memory_order_relaxed);
}

uintptr_t round_up(uintptr_t value) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  return (value + page - 1) / page * page;
}

void* refuse(int error) {
  errno = error;
  return MAP_FAILED;
}

bool is_mapped(const void* address, size_t length) {
  const auto start = reinterpret_cast<uintptr_t>(address);
  return std::any_of(mapped().begin(), mapped().end(),
                     [&](const Mapped& range) { return range.start < start + length && start < range.end; });
}

// Another mapping of memory that is mapped shared already: that is what mremap makes of a length of 0.
void* map_again(void* memory, void* address, size_t length, int protection, int flags) {
  const bool fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0;
  if ((flags & MAP_FIXED_NOREPLACE) == MAP_FIXED_NOREPLACE) {
    void* free =
        libc::mmap(address, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (free == MAP_FAILED) return free;
  }
  void* again = fixed ? libc::mremap(memory, 0, length, MREMAP_MAYMOVE | MREMAP_FIXED, address)
                      : libc::mremap(memory, 0, length, MREMAP_MAYMOVE);
  if (again == MAP_FAILED || protection == (PROT_READ | PROT_WRITE)) return again;
  if (libc::mprotect(again, length, protection) == 0) return again;
  const int error = errno;
  libc::munmap(again, length);
  return refuse(error);
}

void note(const void* address, size_t length, OpenFile* file, bool lent) {
  const auto start = reinterpret_cast<uintptr_t>(address);
  mapped().push_back({start, round_up(start + length), file, lent});
  file->holds++;
  set_bounds();
}

// Unmaps [start, end), with the table's lock held.
int unmap_locked(uintptr_t start, uintptr_t end) {
  // What stays of our mappings when the range is gone, and which files lose a mapping. What was lent stays
  // where it is: it is the engine's.
  std::vector<Mapped> rest;
  std::vector<Mapped> gone;
  std::vector<std::pair<uintptr_t, uintptr_t>> lent;
  for (const Mapped& range : mapped()) {
    if (range.end <= start || range.start >= end) {
      rest.push_back(range);
      continue;
    }
    if (range.lent) lent.emplace_back(std::max(range.start, start), std::min(range.end, end));
    gone.push_back(range);
    for (const auto& [from, to] : {std::pair(range.start, start), std::pair(end, range.end)}) {
      if (from >= to) continue;
      rest.push_back({from, to, range.file, range.lent});
      range.file->holds++;
    }
  }
  mapped() = std::move(rest);
  set_bounds();

  std::sort(lent.begin(), lent.end());
  uintptr_t at = start;
  int result = 0;
  for (const auto& [from, to] : lent) {
    if (from > at) result |= libc::munmap(reinterpret_cast<void*>(at), from - at);
    at = std::max(at, to);
  }
  if (at < end) result |= libc::munmap(reinterpret_cast<void*>(at), end - at);
  for (const Mapped& range : gone) drop_hold(range.file);
  return result;
}

}  // namespace

void* map_file(void* address, size_t length, int protection, int flags, int fd, off_t offset) {
  if (borrowed_memory()) return refuse(ENODEV);
  TableLock lock;
  OpenFile* file = find_file(fd);
  if (file == nullptr) return refuse(EBADF);
  Mapping mapping;
  {
    FileGuard guard(file->lock);
    if (!guard.taken() || file->device->map(&mapping) != Status::ok) return refuse(EINVAL);
  }
  const int sharing = flags & MAP_TYPE;
  const auto from = static_cast<uint64_t>(offset);
  if (length == 0 || round_up(from) != from || (sharing != MAP_SHARED && sharing != MAP_SHARED_VALIDATE) ||
      from > mapping.size || length > mapping.size - from) {
    return refuse(EINVAL);
  }

  uint8_t* memory = mapping.base + from;
  const bool lent = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) == 0 &&
                    (protection & (PROT_READ | PROT_WRITE)) == (PROT_READ | PROT_WRITE) &&
                    !is_mapped(memory, length);
  void* result = lent ? memory : map_again(memory, address, length, protection, flags);
  if (result == MAP_FAILED) return result;
  note(result, length, file, lent);
  return result;
}

int unmap_ours(void* address, size_t length) {
  const auto start = reinterpret_cast<uintptr_t>(address);
  if (borrowed_memory() || length == 0 || round_up(start) != start) return libc::munmap(address, length);
  TableLock lock;
  return unmap_locked(start, round_up(start + length));
}

void* remap_ours(void* address, size_t length, size_t new_length, int flags, void* to) {
  const auto start = reinterpret_cast<uintptr_t>(address);
  if (borrowed_memory()) return refuse(ENODEV);
  if (round_up(start) != start || new_length == 0 || (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) != 0) {
    return refuse(EINVAL);
  }
  TableLock lock;
  const uintptr_t end = round_up(start + std::max(length, new_length));
  const auto range = std::find_if(mapped().begin(), mapped().end(),
                                  [&](const Mapped& one) { return one.start <= start && end <= one.end; });
  // Memory of ours ends where it does, and what is no single mapping is none.
  if (range == mapped().end() || (length != 0 && round_up(new_length) > round_up(length)))
    return refuse(EFAULT);
  OpenFile* const file = range->file;
  const bool moves = (flags & MREMAP_FIXED) != 0;
  if (length != 0 && !moves) {
    const uintptr_t left = round_up(start + new_length);
    const bool shrinks = left < round_up(start + length);
    return shrinks && unmap_locked(left, round_up(start + length)) != 0 ? MAP_FAILED : address;
  }
  const int again_flags = MREMAP_MAYMOVE | (moves ? MREMAP_FIXED : 0);
  void* const again = libc::mremap(address, 0, new_length, again_flags, to);
  if (again == MAP_FAILED) return again;
  note(again, new_length, file, false);
  if (length != 0) unmap_locked(start, round_up(start + length));
  return again;
}

int protect_ours(void* address, size_t length, int protection) {
  if (borrowed_memory()) return libc::mprotect(address, length, protection);
  TableLock lock;
  const auto start = reinterpret_cast<uintptr_t>(address);
  const bool keeps_access = (protection & (PROT_READ | PROT_WRITE)) == (PROT_READ | PROT_WRITE);
  const bool is_lent = std::any_of(mapped().begin(), mapped().end(), [&](const Mapped& range) {
    return range.lent && range.start < start + length && start < range.end;
  });
  if (!is_lent || keeps_access) return libc::mprotect(address, length, protection);
  errno = EACCES;
  return -1;
}

}  // namespace nm::preload
