// A ring: a circular array of slots shared by the program (user) and the device (engine or kernel).
//
//          head            cur                 tail
//   ...D | U   U   U   U | U   U   U   U   U | D   D ...      U = the user may read and write these slots
//          (give back)     (wake me past here)                D = the device owns these
//
// The user moves head and cur, the device moves tail, both only when the user syncs. One slot always stays
// with the device, so that head == tail means "nothing for the user". [netmap(4)]
//
// A Ring is a view. What a broken neighbour could scribble over (slot count, buffer size) was copied when the
// port was opened; what must be read from shared memory (tail, buffer indexes) is checked on each read.
#pragma once

#include <atomic>
#include <cstdint>

#include "abi/netmap.h"
#include "slot.h"

namespace nm {

class Ring {
 public:
  Ring() = default;

  // `buffers` is buffer 0 of the region, `buffer_count` how many may be touched, `stride` bytes from one to
  // the next. A region may grow: `buffer_count_now`, if there is one, says how far. Packets begin up to `most_offset`
  // bytes into their buffers.
  Ring(abi::netmap_ring* shared, uint32_t slots, uint8_t* buffers, uint32_t buffer_count, uint32_t stride,
       const std::atomic<uint32_t>* buffer_count_now = nullptr, uint32_t most_offset = 0)
      : shared_(shared),
        buffers_(buffers),
        buffer_count_now_(buffer_count_now),
        slots_(slots),
        buffer_count_(buffer_count),
        stride_(stride),
        most_offset_(most_offset < stride ? most_offset : stride) {}

  bool exists() const { return shared_ != nullptr; }
  uint32_t slots() const { return slots_; }
  // Bytes of a packet that every buffer has room for, wherever packets begin in it.
  uint32_t buffer_size() const { return stride_ - most_offset_; }
  // From one buffer to the next.
  uint32_t stride() const { return stride_; }
  uint32_t buffer_count() const {
    return buffer_count_now_ != nullptr ? buffer_count_now_->load(std::memory_order_acquire) : buffer_count_;
  }
  abi::netmap_ring* shared() const { return shared_; }

  uint32_t head() const { return load(shared_->head); }
  uint32_t cur() const { return load(shared_->cur); }
  uint32_t tail() const {
    const uint32_t tail = load(shared_->tail);
    return tail < slots_ ? tail : head_in_range();
  }

  // Slots the user owns from head on, at most slots() - 1.
  uint32_t space() const { return distance(head_in_range(), tail()); }

  // Whether the device still holds slots that were sent.
  bool pending() const { return next(tail()) != head(); }

  uint32_t next(uint32_t index) const { return ring_next(index, slots_); }
  uint32_t distance(uint32_t from, uint32_t to) const { return ring_distance(from, to, slots_); }
  uint32_t head_in_range() const {
    const uint32_t head = this->head();
    return head < slots_ ? head : 0;
  }

  // Slot `index`, which must be below slots().
  abi::netmap_slot& slot(uint32_t index) const { return shared_->slot[index]; }

  Descriptor descriptor(uint32_t index) const { return Descriptor::load(shared_->slot[index]); }
  // What is put into a slot begins where start() says, unless set_offset() says otherwise afterwards. Others may agree on
  // offsets while the ring is in use, and have other slots say that packets begin elsewhere.
  void put(uint32_t index, Descriptor descriptor) const {
    descriptor.store(shared_->slot[index]);
    if (has_offsets() && (descriptor.flags & abi::NS_INDIRECT) == 0) [[unlikely]] {
      set_offset(index, most_offset_);
    }
  }

  // The buffer of an index that a slot names; a bad index gets the reserved buffer 0, which nobody's packet
  // is in.
  uint8_t* buffer(uint32_t buf_idx) const {
    const uint64_t index = buf_idx < buffer_count_ || buf_idx < buffer_count() ? buf_idx : 0;
    return buffers_ + index * stride_;
  }

  // Where the packet of slot `index` begins in its buffer, which the slot says where others agreed on offsets.
  uint32_t offset(uint32_t index) const {
    const uint64_t mask = offset_mask();
    if (mask == 0) return 0;
    const uint64_t offset = __atomic_load_n(&shared_->slot[index].ptr, __ATOMIC_RELAXED) & mask;
    return offset < stride_ ? static_cast<uint32_t>(offset) : stride_;
  }
  // Makes slot `index` say that its packet begins at `offset`. False where the ring has no such offsets.
  bool set_offset(uint32_t index, uint32_t offset) const {
    const uint64_t mask = offset_mask();
    if ((offset & mask) != offset) return false;
    if (mask == 0) return true;
    uint64_t& ptr = shared_->slot[index].ptr;
    __atomic_store_n(&ptr, (__atomic_load_n(&ptr, __ATOMIC_RELAXED) & ~mask) | offset, __ATOMIC_RELAXED);
    return true;
  }
  // The packet of slot `index`, whose descriptor names buffer `buf_idx`, and the most bytes that it can have there.
  uint8_t* packet(uint32_t index, uint32_t buf_idx) const { return buffer(buf_idx) + offset(index); }
  uint32_t room(uint32_t index) const { return stride_ - offset(index); }
  // What slot `index` holds of a packet, by its descriptor, which is read before: never more than there is.
  struct Piece {
    uint8_t* bytes;
    uint32_t length;
  };
  Piece piece(uint32_t index, Descriptor descriptor) const {
    const uint32_t at = offset(index);
    const uint32_t room = stride_ - at;
    return {buffer(descriptor.buf_idx) + at, descriptor.len < room ? descriptor.len : room};
  }
  // Where a program's own packets begin in a buffer, with room for buffer_size() bytes.
  uint8_t* start(uint32_t buf_idx) const { return buffer(buf_idx) + most_offset_; }
  // Whether packets may begin elsewhere than at the beginning of their buffers.
  bool has_offsets() const { return offset_mask() != 0; }

  // Gives back all slots before `index` and asks to be woken by anything past it.
  void advance(uint32_t index) const {
    __atomic_store_n(&shared_->cur, index, __ATOMIC_RELAXED);
    __atomic_store_n(&shared_->head, index, __ATOMIC_RELAXED);
  }
  // Gives back all slots before `index` and asks to be woken only when tail moves on: more room, or newer
  // packets.
  void advance_and_want_more(uint32_t index) const {
    __atomic_store_n(&shared_->cur, tail(), __ATOMIC_RELAXED);
    __atomic_store_n(&shared_->head, index, __ATOMIC_RELAXED);
  }

 private:
  static uint32_t load(const uint32_t& word) { return __atomic_load_n(&word, __ATOMIC_RELAXED); }
  uint64_t offset_mask() const { return __atomic_load_n(&shared_->offset_mask, __ATOMIC_RELAXED); }

  abi::netmap_ring* shared_ = nullptr;
  uint8_t* buffers_ = nullptr;
  const std::atomic<uint32_t>* buffer_count_now_ = nullptr;
  uint32_t slots_ = 0;
  uint32_t buffer_count_ = 0;
  uint32_t stride_ = 0;
  uint32_t most_offset_ = 0;
};

}  // namespace nm
