// A slot's descriptor, and the arithmetic of ring indexes. What the program's side (ring.h) and the engine
// share.
#pragma once

#include <bit>
#include <cstdint>

#include "abi/netmap.h"

namespace nm {

// The part of a slot that describes its packet: one 8-byte word of shared memory, read once and written
// whole.
//
// A load or store of the whole word never meets a half-written slot. It is also faster: a load that overlaps
// an earlier, narrower store has to wait until that store has left the store queue, behind all cache misses
// before it. [measured]
struct Descriptor {
  uint32_t buf_idx;
  uint16_t len;
  uint16_t flags;

  static Descriptor load(const abi::netmap_slot& slot) {
    return unpack(__atomic_load_n(reinterpret_cast<const Word*>(&slot), __ATOMIC_RELAXED));
  }
  void store(abi::netmap_slot& slot) const {
    __atomic_store_n(reinterpret_cast<Word*>(&slot), pack(), __ATOMIC_RELAXED);
  }
  // Copies a whole slot with a single store, but for the flags `without`. Returns the descriptor that was read.
  static Descriptor copy(const abi::netmap_slot& from, abi::netmap_slot& to, uint16_t without) {
    const uint64_t word = __atomic_load_n(reinterpret_cast<const Word*>(&from), __ATOMIC_RELAXED);
    *reinterpret_cast<Words*>(&to) = Words{word & ~(uint64_t{without} << kFlagsShift), from.ptr};
    return unpack(word);
  }

 private:
  using Word [[gnu::may_alias]] = uint64_t;
  using Words [[gnu::may_alias, gnu::vector_size(16)]] = uint64_t;

  // By shifts, which the compiler turns into better code than a copy of the struct.
  static constexpr bool kLittle = std::endian::native == std::endian::little;
  static constexpr int kBufferShift = kLittle ? 0 : 32;
  static constexpr int kLengthShift = kLittle ? 32 : 16;
  static constexpr int kFlagsShift = kLittle ? 48 : 0;

  static Descriptor unpack(uint64_t word) {
    return {static_cast<uint32_t>(word >> kBufferShift), static_cast<uint16_t>(word >> kLengthShift),
            static_cast<uint16_t>(word >> kFlagsShift)};
  }
  uint64_t pack() const {
    return uint64_t{buf_idx} << kBufferShift | uint64_t{len} << kLengthShift | uint64_t{flags} << kFlagsShift;
  }
};

// Indexes run from 0 to slots - 1 and then start again.
constexpr uint32_t ring_next(uint32_t index, uint32_t slots) { return index + 1 == slots ? 0 : index + 1; }
constexpr uint32_t ring_previous(uint32_t index, uint32_t slots) {
  return index == 0 ? slots - 1 : index - 1;
}
// Steps forward from one index to the other.
constexpr uint32_t ring_distance(uint32_t from, uint32_t to, uint32_t slots) {
  return to >= from ? to - from : to + slots - from;
}

}  // namespace nm
