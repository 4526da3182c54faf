// Random numbers that are fast, and the same for the same seed: SplitMix64. Not for secrets.
#pragma once

#include <cstdint>

namespace nm {

class Random {
 public:
  explicit Random(uint64_t seed = 0) : state_(seed) {}

  uint64_t next() {
    uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  // From 0 to limit - 1. No number comes more than limit / 2^32 more often than another.
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>((next() >> 32) * limit >> 32); }

  // From 0 to limit.
  uint64_t up_to(uint64_t limit) {
    const unsigned __int128 choices = static_cast<unsigned __int128>(limit) + 1;
    return static_cast<uint64_t>(choices * next() >> 64);
  }

  // A number from 0 on that is less than 1, in steps of 2^-53.
  double share() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  // Whether something happens that does in this share of all cases.
  bool happens(double share_of_cases) { return share() < share_of_cases; }

 private:
  uint64_t state_;
};

}  // namespace nm
