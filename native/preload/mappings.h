// Memory that the program mapped from an open /dev/netmap.
//
// The engine has the region mapped already, once per process. A program that leaves the address open is lent that
// mapping, so that both use the same addresses and the same entries of the processor's page tables. One that
// asks for an address, for less than reading and writing, or for the same memory once more, gets a mapping of its own.
//
// Memory    A mapping keeps its file open, as on Linux: a port lives until neither descriptor nor mapping is left.
// Threads   munmap() of anything else costs two loads. All else holds the table's lock.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nm::preload {

// As mmap, for a descriptor that is an open file.
void* map_file(void* address, size_t length, int protection, int flags, int fd, off_t offset);

// Where mappings of ours lie, if there are any.
inline constinit std::atomic<uintptr_t> lowest_mapped{UINTPTR_MAX};
inline constinit std::atomic<uintptr_t> highest_mapped{0};

inline bool may_be_mapped(const void* address, size_t length) {
  const auto start = reinterpret_cast<uintptr_t>(address);
  return start < highest_mapped.load(std::memory_order_relaxed) &&
         start + length > lowest_mapped.load(std::memory_order_relaxed);
}

// As munmap, for a range that may hold mappings of ours.
int unmap_ours(void* address, size_t length);

// As mremap and mprotect, for such a range. A mapping of ours keeps its size or becomes smaller, and what is lent stays
// readable and writable, for the engine uses it too.
void* remap_ours(void* address, size_t length, size_t new_length, int flags, void* to);
int protect_ours(void* address, size_t length, int protection);

}  // namespace nm::preload
