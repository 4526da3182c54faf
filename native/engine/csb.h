// Control blocks: the words of a ring that a program and a sync loop exchange instead of those in the ring itself.
//
//   program, in its own memory      atok   head, cur, appl_need_kick: what it gives back, has seen, wants to be told of
//   loop                            ktoa   hwcur, hwtail, kern_need_kick: the same from the other side
//
// One of each per bound ring, TX rings first, 64 bytes apart. The addresses are the program's, so they hold in its
// processes only, and may lead nowhere at any time: every access says whether it was possible. [netmap(4), CSB]
#pragma once

#include <cstdint>
#include <vector>

#include "abi/netmap.h"
#include "engine/bound_ring.h"

namespace nm::engine {

// The blocks of one ring. A FaultGuard must live in the thread that uses them.
class RingCsb {
 public:
  // Those of bound ring `number`, in arrays at these addresses.
  RingCsb(uint64_t atok, uint64_t ktoa, uint32_t number);

  // All return false when the memory is gone.
  bool read(UserView* user) const;
  bool show(uint32_t hwcur, uint32_t hwtail) const;
  bool want_kick(bool wanted) const;
  bool is_kick_wanted(bool* wanted) const;

 private:
  abi::nm_csb_atok* atok_;
  abi::nm_csb_ktoa* ktoa_;
};

// Checks that there are blocks for all these rings, which can be read and written, and says in them where the rings are.
Status start_csb(uint64_t atok, uint64_t ktoa, const std::vector<BoundRing>& tx,
                 const std::vector<BoundRing>& rx);

}  // namespace nm::engine
