#include "traffic/mark.h"

#include <cassert>

namespace nm {

Marker::Marker(const Frame& frame, uint16_t stream) : stream_(stream) {
  const FrameLayout& at = frame.layout();
  assert(frame.length() >= at.payload + kMarkLength);
  const auto mark_crc = [](uint64_t first) { return crc32c_words(0, first, uint32_t{0}, uint16_t{0}); };
  for (uint64_t place = 0; place < kRun; place++) crc_of_place_[place] = mark_crc(place << 32) ^ mark_crc(0);
  crc_before_ = crc32c(0, frame.bytes(), frame.varies() ? frame.first_varying() : at.udp_checksum);
  if (frame.varies()) return;
  crc_before_ = crc32c(crc_before_, frame.bytes() + at.payload, frame.length() - at.payload - kMarkLength);
}

Marker::Rest Marker::rest(const Frame& frame, const uint8_t* copy) const {
  const FrameLayout& at = frame.layout();
  uint32_t crc = crc_before_;
  if (frame.varies()) {
    crc = crc32c(crc, copy + frame.first_varying(), at.udp_checksum - frame.first_varying());
    crc = crc32c(crc, frame.bytes() + at.payload, frame.length() - at.payload - kMarkLength);
  }
  const uint16_t sum = fold(frame.udp_sum());
  const bool odd = (frame.length() & 1) != 0;
  return {crc, odd ? sum : swap_bytes(sum), odd, at.udp_checksum, frame.length() - kMarkLength};
}

[[gnu::always_inline]] inline void Marker::make_sums(const Rest& rest, const Run& run,
                                                     RunSums* __restrict all) const {
  const auto make = [&](bool odd) __attribute__((always_inline)) {
    Rest same = rest;
    same.at_odd_offset = odd;
    for (uint32_t place = 0; place < kRun; place++) all->set(place, sums(same, run, place));
  };
  rest.at_odd_offset ? make(true) : make(false);
}

// The compiler makes eight at a time for a processor with AVX2, four for one without.
#if defined(__x86_64__)
[[gnu::target("avx2")]] void Marker::make_sums_by_eight(const Rest& rest, const Run& run,
                                                        RunSums* __restrict all) const {
  make_sums(rest, run, all);
}
#endif

void Marker::sums(const Rest& rest, const Run& run, uint32_t first, uint32_t end, RunSums* all) const {
  // All of them take as long as some by themselves.
  constexpr uint32_t kFew = kRun / 8;
  if (end - first <= kFew) {
    for (uint32_t place = first; place < end; place++) all->set(place, sums(rest, run, place));
    return;
  }
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) return make_sums_by_eight(rest, run, all);
#endif
  make_sums(rest, run, all);
}

}  // namespace nm
