// Giving the processor to the other side of a ring, where that is who waits for it.
//
// sched_yield() costs half a microsecond when nobody else wants this core, and three times that on a virtual machine whose
// system calls are slow: so what it takes is compared with a system call that does nothing. When the other side does, it is
// the fastest hand-over there is: a ring's worth of work later we run again. But a program that has nothing
// to do with us and never gives way keeps the core for milliseconds, a whole ring hundreds of times over:
// then sleeping on a futex (whoever sleeps is run soon after the wake-up) or just going on is better.
// [measured]
#pragma once

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "engine/bound_ring.h"
#include "spin_pause.h"

namespace nm::engine {

class Yielder {
 public:
  // Spins until found() or the next yield is due, and returns whether it found. That is microseconds, for what comes
  // meanwhile is seen at once, and what comes during a yield after it; but no time where somebody else ran when we last gave
  // way: it may be the other side, and spinning is in its way.
  template <typename Found>
  bool spin(Found found) const {
    for (int i = last_ == Outcome::shared ? 1 : kPauses; i > 0; i--) {
      if (found()) return true;
      spin_pause();
    }
    return false;
  }

  // Yields. False when the core was lost by that, now or lately, to somebody who does not give way: then it is not tried.
  bool gives_way() { return is_wise() && yield() != Outcome::lost; }

 private:
  enum class Outcome { alone, shared, lost };

  bool is_wise() const { return last_ != Outcome::lost || monotonic_ns() >= not_before_ns_; }

  Outcome yield() {
    const int64_t start = monotonic_ns();
    sched_yield();
    const int64_t end = monotonic_ns();
    if (end - start > kLostNs) {
      not_before_ns_ = end + kGrudgeNs;
      return last_ = Outcome::lost;
    }
    return last_ = end - start > alone_ns() ? Outcome::shared : Outcome::alone;
  }

  // A yield that finds nobody takes at most so long, one that finds somebody longer: two switches take microseconds.
  static int64_t alone_ns() {
    static const int64_t longest = [] {
      int64_t call_ns = kLostNs;
      for (int i = 0; i < 16; i++) {
        const int64_t start = monotonic_ns();
        syscall(SYS_getppid);
        call_ns = std::min(call_ns, monotonic_ns() - start);
      }
      return 1'000 + 2 * call_ns;
    }();
    return longest;
  }

  static constexpr int kPauses = 200;
  static constexpr int64_t kLostNs = 200'000;
  static constexpr int64_t kGrudgeNs = 20'000'000;

  Outcome last_ = Outcome::alone;
  int64_t not_before_ns_ = 0;
};

}  // namespace nm::engine
