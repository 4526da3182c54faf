// Packets that do not begin where their buffers do.
//
//   buffer    | room for headers | packet ...          |
//             0                  offset = slot.ptr & mask
//
// A registration may ask for offsets on its rings; from then on each slot of those says where its packet begins.
// Senders set it, and receivers find it where the one that brought the packet put it: a switch copies to the place that
// the receiver's slot names, a pipe and a zero-copy monitor hand on the buffer together with its offset. What is
// larger than was agreed is cut to that, as netmap does.
//
// Rings without offsets have a mask of 0, and every offset is 0 then.
#pragma once

#include <algorithm>

#include "engine/layout.h"

namespace nm::engine {

// The agreement about one ring, read once.
class Offsets {
 public:
  Offsets(const RingState& ring, uint32_t stride)
      : mask_(ring.offset_mask), most_(std::min<uint32_t>(ring.offset_most, stride)), stride_(stride) {
    const uint32_t gap = ring.offset_gap;
    longest_ = gap == 0 ? stride : std::min(gap, stride);
  }

  bool exist() const { return mask_ != 0; }
  uint32_t of(const abi::netmap_slot& slot) const { return exist() ? cut(load(slot)) : 0; }
  // Bytes from `offset` to the end of the buffer.
  uint32_t left(uint32_t offset) const { return stride_ - offset; }
  // Bytes that may be written there: where several slots share a buffer, the next one's packet begins after them.
  uint32_t room(uint32_t offset) const { return std::min(longest_, stride_ - offset); }
  // What is so of every slot.
  uint32_t least_room() const { return room(most_); }

  // The same as of(), and the slot says so: what was too large is no longer.
  uint32_t settle(abi::netmap_slot& slot) const {
    if (!exist()) return 0;
    const uint64_t ptr = load(slot);
    const uint32_t offset = cut(ptr);
    if ((ptr & mask_) != offset) store(slot, (ptr & ~mask_) | offset);
    return offset;
  }
  // Makes `to` say what `from` says, and leaves its other bits.
  void pass(const abi::netmap_slot& from, abi::netmap_slot& to) const {
    if (exist()) put(to, of(from));
  }
  void put(abi::netmap_slot& slot, uint64_t offset) const { store(slot, (load(slot) & ~mask_) | offset); }

 private:
  uint32_t cut(uint64_t ptr) const { return static_cast<uint32_t>(std::min<uint64_t>(ptr & mask_, most_)); }
  static uint64_t load(const abi::netmap_slot& slot) { return __atomic_load_n(&slot.ptr, __ATOMIC_RELAXED); }
  static void store(abi::netmap_slot& slot, uint64_t ptr) {
    __atomic_store_n(&slot.ptr, ptr, __ATOMIC_RELAXED);
  }

  uint64_t mask_;
  uint32_t most_;
  uint32_t stride_;
  uint32_t longest_;
};

}  // namespace nm::engine
