// Memory of the program that calls us, at addresses that it wrote down: they may be anything.
//
// The kernel does the reading and writing, so that a bad address is an answer and not a fault. Where this
// process may not ask it to (a seccomp filter, say) the program is believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nm::engine {

// Copies `size` bytes from `address` of this process. False: not all of them can be read.
bool read_caller(void* to, uint64_t address, size_t size);

struct CallerRead {
  void* to;
  uint64_t address;
  size_t size;
};

// Reads at several places with one system call, whose price is that of reading dozens. Returns how many it has read,
// from the first on, and stops at one that cannot be. At most kMostReads.
constexpr size_t kMostReads = 64;
size_t read_caller(std::span<const CallerRead> reads);

// Copies `size` bytes to `address` of this process. False: not all of them could be written.
bool write_caller(uint64_t address, const void* from, size_t size);

}  // namespace nm::engine
