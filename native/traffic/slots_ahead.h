// Asking for the memory of slots before a loop comes to them, see prefetch.h.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cache_line.h"
#include "prefetch.h"
#include "ring.h"

namespace nm {

// Follows a loop over `slots` slots of a ring from `first` on, so many slots before it.
class SlotsAhead {
 public:
  SlotsAhead(const Ring& ring, uint32_t first, uint32_t slots, uint32_t distance)
      : ring_(ring), slots_(slots), distance_(distance), next_(first) {}

  // The loop is at its i-th slot: calls ask(where(slot)) for each of the next ones that was not asked for yet.
  template <typename Ask, typename Where>
  [[gnu::always_inline]] void reach(uint32_t i, Ask ask, Where where) {
    for (const uint32_t end = std::min(slots_, i + distance_); asked_ < end; asked_++) {
      ask(where(next_));
      next_ = ring_.next(next_);
    }
  }
  // Where another core has written the slots too: asks for the lines that they are in, long before reach() reads them.
  template <typename Ask>
  [[gnu::always_inline]] void reach_slots(uint32_t i, Ask ask) {
    for (const uint32_t end = std::min(slots_, i + kSlots); asked_slots_ < end;
         asked_slots_ += kSlotsPerLine) {
      ask(&ring_.slot(next_slot_));
      next_slot_ += kSlotsPerLine;
      if (next_slot_ >= ring_.slots()) next_slot_ -= ring_.slots();
    }
  }

 private:
  static constexpr uint32_t kSlotsPerLine = kCacheLine / sizeof(abi::netmap_slot);
  // As long as the way to another core takes, at some nanoseconds for a slot.
  static constexpr uint32_t kSlots = 96;

  const Ring ring_;
  const uint32_t slots_;
  const uint32_t distance_;
  uint32_t next_;
  uint32_t next_slot_ = next_;
  uint32_t asked_ = 0;
  uint32_t asked_slots_ = 0;
};

}  // namespace nm
