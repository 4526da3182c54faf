// The processor's hint for a loop that waits for another core's store: lets the sibling thread run, and saves the
// penalty of leaving the loop.
#pragma once

namespace nm {

inline void spin_pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace nm
