// Random numbers that are fast, and the same for the same seed. Not for secrets.
#pragma once

#include <cstdint>
#include <cstring>

namespace nm {

// One after the other: SplitMix64.
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

// Sixteen at a time, of 32 bits: a generator xoshiro128++ in each lane of two vectors, of which one is made while the other's
// sums are on their way. Processors with shorter vectors make the same numbers in more steps. Whoever goes on with vectors does
// not wait for numbers that were stored one by one. [Blackman and Vigna 2019]
class RandomLanes {
 public:
  explicit RandomLanes(uint64_t seed) {
    Random random(seed);
    for (State* state : {&even_, &odd_}) {
      for (Lanes& word : *state) {
        for (uint32_t lane = 0; lane < kLanes; lane++) word[lane] = static_cast<uint32_t>(random.next());
      }
    }
  }

  template <uint32_t N>
  [[gnu::always_inline]] void fill(uint32_t (&to)[N]) {
    static_assert(N % (2 * kLanes) == 0);
    for (uint32_t i = 0; i < N; i += 2 * kLanes) {
      Lanes drawn[2];
      step(even_, &drawn[0]);
      step(odd_, &drawn[1]);
      std::memcpy(to + i, drawn, sizeof(drawn));
    }
  }

 private:
  static constexpr uint32_t kLanes = 8;
  using Lanes [[gnu::vector_size(kLanes * sizeof(uint32_t))]] = uint32_t;
  using State = Lanes[4];

  // Vectors that are wider than the processor's go by reference only.
  [[gnu::always_inline]] static void rotate(Lanes& value, int bits) {
    value = value << bits | value >> (32 - bits);
  }

  [[gnu::always_inline]] static void step(State& state, Lanes* drawn) {
    auto& [a, b, c, d] = state;
    Lanes sum = a + d;
    rotate(sum, 7);
    *drawn = sum + a;
    const Lanes shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    rotate(d, 11);
  }

  State even_;
  State odd_;
};

}  // namespace nm
