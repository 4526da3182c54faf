// A bounded queue of copied slots, from a traffic loop to whoever prints them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "ring.h"

namespace nm {

class Dump {
 public:
  struct Entry {
    uint16_t ring;  // ringid of the ring, as netmap numbers them
    uint32_t slot;
    uint32_t buffer;  // its index
    uint16_t flags;
    uint16_t length;             // of the slot; what was copied may be less
    std::vector<uint8_t> bytes;  // the first of them
  };

  // Holds `capacity` entries with at most `longest` bytes each.
  Dump(size_t capacity, size_t longest) : capacity_(capacity), longest_(longest) {}

  // How many slots may be put. A loop that finds none lets its packets wait: none goes by unseen.
  size_t room() const { return capacity_ - count_.load(std::memory_order_relaxed); }

  // By the one loop that fills the queue, after it found room. The slot's bytes are in its buffer, or at `bytes`.
  void put(const Ring& ring, uint32_t slot, Descriptor descriptor);
  void put(const Ring& ring, uint32_t slot, Descriptor descriptor, const uint8_t* bytes, uint32_t length);

  // Takes all entries out. By any thread.
  std::vector<Entry> take();

 private:
  const size_t capacity_;
  const size_t longest_;
  std::mutex lock_;
  std::vector<Entry> entries_;
  std::atomic<size_t> count_{0};
};

}  // namespace nm
