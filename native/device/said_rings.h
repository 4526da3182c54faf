// What the program said of its rings at the last sync, so that a ring can be named which the kernel set back.
//
// poll(2) says that a ring was wrong, not which, and what was wrong in it is gone by then. So head and cur are noted before
// each sync. Afterwards the wrong ring is the one whose words cannot have been, by what the kernel last agreed to.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "abi/netmap.h"
#include "device/device.h"

namespace nm {

class SaidRings {
 public:
  // Of the bound rings, in memory that outlives this.
  void add(const abi::netmap_ring* ring, uint32_t slots, bool is_tx, uint32_t number);
  bool empty() const { return rings_.empty(); }

  // Before a sync.
  void note();
  // After a sync that found nothing wrong.
  void agree();
  // The ring of a direction that a sync after note() is sure to set back: it says that a slot is beyond its end.
  std::optional<RingReset> find_impossible(bool is_tx) const;
  // After a sync that found a ring wrong: which. Where none is seen to be, what was wrong came after note(), while poll(2)
  // slept: then it is the only ring, or unknown.
  RingReset find_wrong() const;

 private:
  struct Said {
    const abi::netmap_ring* ring;
    uint32_t slots;
    bool is_tx;
    uint32_t number;
    uint32_t head;
    uint32_t cur;
    // The slots that were the program's after the last sync.
    uint32_t first;
    uint32_t tail;
  };
  static bool is_impossible(const Said& said) { return said.head >= said.slots || said.cur >= said.slots; }
  static bool is_wrong(const Said& said);
  static RingReset as_reset(const Said& said) { return {said.is_tx, said.number, said.head, said.cur}; }

  std::vector<Said> rings_;
};

}  // namespace nm
