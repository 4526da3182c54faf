// What a receiver says of a stream, against what was done to it.
#include <algorithm>
#include <set>
#include <vector>

#include "test/check.h"
#include "traffic/sequence.h"

namespace nm {
namespace {

Sequence after(const std::vector<uint64_t>& numbers) {
  Sequence sequence;
  for (const uint64_t number : numbers) sequence.arrived(number);
  return sequence;
}

void check_counts(const Sequence& sequence, uint64_t lost, uint64_t reordered, uint64_t duplicated) {
  CHECK_EQUAL(sequence.lost(), lost);
  CHECK_EQUAL(sequence.reordered(), reordered);
  CHECK_EQUAL(sequence.duplicated(), duplicated);
}

TEST("sequence finds nothing wrong with numbers in order, wherever they begin") {
  check_counts(after({0, 1, 2, 3}), 0, 0, 0);
  check_counts(after({777, 778, 779}), 0, 0, 0);
  check_counts(after({(uint64_t{1} << 48) - 2, (uint64_t{1} << 48) - 1, 0, 1}), 0, 0, 0);
}

TEST("sequence counts numbers that never come as lost") { check_counts(after({0, 1, 5, 6, 8}), 4, 0, 0); }

TEST("sequence counts a late number as reordered and no longer as lost") {
  check_counts(after({0, 1, 3, 2, 4}), 0, 1, 0);
  check_counts(after({0, 4, 3, 2, 1, 5}), 0, 3, 0);
}

TEST("sequence counts a number that comes again as duplicated") {
  check_counts(after({0, 1, 1, 2, 0}), 0, 0, 2);
  check_counts(after({0, 2, 1, 1}), 0, 1, 1);
}

TEST("sequence remembers what is missing for 4096 numbers") {
  Sequence sequence = after({0, 2});
  for (uint64_t number = 3; number <= 4096; number++) sequence.arrived(number);
  Sequence within = sequence;
  within.arrived(1);
  check_counts(within, 0, 1, 0);

  sequence.arrived(4097);
  sequence.arrived(4098);
  sequence.arrived(1);
  check_counts(sequence, 1, 1, 0);
}

TEST("sequence counts a gap larger than its window whole") {
  Sequence sequence = after({0, 1'000'000});
  check_counts(sequence, 999'999, 0, 0);
  sequence.arrived(999'000);
  check_counts(sequence, 999'998, 1, 0);
}

TEST("sequence recognizes a sender that begins anew") {
  Sequence sequence;
  for (uint64_t number = 0; number < 10'000; number++) sequence.arrived(number);
  for (uint64_t number = 0; number < 10'000; number++) sequence.arrived(number);
  check_counts(sequence, 0, 0, 0);
}

TEST("sequence says when its counts may have changed") {
  Sequence sequence;
  sequence.arrived(0);
  CHECK(!sequence.arrived(1));
  CHECK(sequence.arrived(3));
  CHECK(sequence.arrived(2));
}

TEST("sequence agrees with a set of all numbers under random loss, disorder and repetition") {
  check::Random random;
  for (int round = 0; round < 20; round++) {
    std::vector<uint64_t> numbers;
    for (uint64_t number = 0; number < 3000; number++) {
      if (number != 0 && random.below(10) == 0) continue;
      numbers.push_back(number);
      if (random.below(10) == 0) numbers.push_back(number);
    }
    for (int swaps = 0; swaps < 500; swaps++) {
      std::swap(numbers[random.between(1, numbers.size() - 1)],
                numbers[random.between(1, numbers.size() - 1)]);
    }

    Sequence sequence;
    std::set<uint64_t> seen;
    uint64_t reordered = 0;
    uint64_t duplicated = 0;
    for (const uint64_t number : numbers) {
      if (seen.contains(number)) {
        duplicated++;
      } else if (!seen.empty() && number < *seen.rbegin()) {
        reordered++;
      }
      seen.insert(number);
      sequence.arrived(number);
    }
    check_counts(sequence, *seen.rbegin() + 1 - seen.size(), reordered, duplicated);
  }
}

}  // namespace
}  // namespace nm
