// A multiplication by a fraction that loses nothing: what is left of one result is carried to the next.
#pragma once

#include <cassert>
#include <cstdint>

namespace nm {

class Ratio {
 public:
  Ratio(uint64_t numerator, uint64_t denominator) : numerator_(numerator), denominator_(denominator) {
    assert(denominator != 0);
  }

  // `amount` times the fraction, rounded down together with all that came before: the results of any amounts add up to
  // what their sum would have given. 2^64 - 1 where the result is greater.
  uint64_t of(uint64_t amount) {
    if (numerator_ == denominator_) return amount;
    const unsigned __int128 product = static_cast<unsigned __int128>(amount) * numerator_ + rest_;
    // Dividing 64 bits takes a quarter of the time.
    if (product <= UINT64_MAX) {
      const uint64_t small = static_cast<uint64_t>(product);
      rest_ = small % denominator_;
      return small / denominator_;
    }
    rest_ = static_cast<uint64_t>(product % denominator_);
    const unsigned __int128 quotient = product / denominator_;
    return quotient <= UINT64_MAX ? static_cast<uint64_t>(quotient) : UINT64_MAX;
  }

 private:
  uint64_t numerator_;
  uint64_t denominator_;
  uint64_t rest_ = 0;
};

}  // namespace nm
