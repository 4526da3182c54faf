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
  // the next. A region may grow: `buffer_count_now`, if there is one, says how far.
  Ring(abi::netmap_ring* shared, uint32_t slots, uint8_t* buffers, uint32_t buffer_count, uint32_t stride,
       const std::atomic<uint32_t>* buffer_count_now = nullptr)
      : shared_(shared),
        buffers_(buffers),
        buffer_count_now_(buffer_count_now),
        slots_(slots),
        buffer_count_(buffer_count),
        stride_(stride) {}

  bool exists() const { return shared_ != nullptr; }
  uint32_t slots() const { return slots_; }
  // Bytes a buffer holds.
  uint32_t buffer_size() const { return stride_; }
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
  void put(uint32_t index, Descriptor descriptor) const { descriptor.store(shared_->slot[index]); }

  // The buffer of an index that a slot names; a bad index gets the reserved buffer 0, which nobody's packet
  // is in.
  uint8_t* buffer(uint32_t buf_idx) const {
    const uint64_t index = buf_idx < buffer_count_ || buf_idx < buffer_count() ? buf_idx : 0;
    return buffers_ + index * stride_;
  }

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

  abi::netmap_ring* shared_ = nullptr;
  uint8_t* buffers_ = nullptr;
  const std::atomic<uint32_t>* buffer_count_now_ = nullptr;
  uint32_t slots_ = 0;
  uint32_t buffer_count_ = 0;
  uint32_t stride_ = 0;
};

}  // namespace nm
