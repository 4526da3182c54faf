// What a receiver says of a stream, against what was done to it.
#include <algorithm>
#include <set>
#include <vector>

#include "test/check.h"
#include "traffic/sequence.h"

namespace nm {
namespace {

// A sequence, and the sum of what arrivals changed.
struct Counted {
  Sequence sequence;
  int64_t lost = 0;
  int64_t reordered = 0;
  int64_t too_late = 0;
  int64_t duplicated = 0;
  std::vector<uint32_t> depths{};

  bool arrived(uint64_t number) {
    Sequence::Change change;
    if (!sequence.arrived(number, &change)) return false;
    lost += change.lost;
    reordered += change.reordered;
    too_late += change.too_late;
    duplicated += change.duplicated;
    if (change.depth != 0) depths.push_back(change.depth);
    return true;
  }
};

Counted after(const std::vector<uint64_t>& numbers) {
  Counted counted;
  for (const uint64_t number : numbers) counted.arrived(number);
  return counted;
}

void check_counts(const Counted& counted, int64_t lost, int64_t reordered, int64_t duplicated) {
  CHECK_EQUAL(counted.lost, lost);
  CHECK_EQUAL(counted.reordered, reordered);
  CHECK_EQUAL(counted.duplicated, duplicated);
  // A depth is told of each late number that is within the window.
  CHECK_EQUAL(counted.depths.size(), static_cast<size_t>(counted.reordered - counted.too_late));
}

TEST("sequence finds nothing wrong with numbers in order, wherever they begin") {
  check_counts(after({0, 1, 2, 3}), 0, 0, 0);
  check_counts(after({777, 778, 779}), 0, 0, 0);
  check_counts(after({(uint64_t{1} << kSequenceBits) - 2, (uint64_t{1} << kSequenceBits) - 1, 0, 1}), 0, 0,
               0);
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
  Counted sequence = after({0, 2});
  for (uint64_t number = 3; number <= 4096; number++) sequence.arrived(number);
  Counted within = sequence;
  within.arrived(1);
  check_counts(within, 0, 1, 0);

  sequence.arrived(4097);
  sequence.arrived(4098);
  sequence.arrived(1);
  check_counts(sequence, 1, 1, 0);
  CHECK_EQUAL(sequence.too_late, 1);
}

TEST("sequence tells how far a late number is behind the greatest before it") {
  CHECK(after({0, 1, 3, 2, 4}).depths == std::vector<uint32_t>{1});
  CHECK(after({0, 4, 3, 2, 1, 5}).depths == (std::vector<uint32_t>{1, 2, 3}));
  CHECK(after({0, 4096, 1, 4097, 2}).depths == (std::vector<uint32_t>{4095, 4095}));
  constexpr uint64_t kLast = (uint64_t{1} << kSequenceBits) - 1;
  CHECK(after({kLast - 2, kLast - 1, 1, kLast, 0}).depths == (std::vector<uint32_t>{2, 1}));
}

TEST("sequence takes a gap of any length for the same time, and remembers its end") {
  for (const uint64_t gap : {1, 63, 64, 65, 4095, 4096, 4097, 10'000}) {
    for (const uint64_t first : {0, 1, 63, 64, 4000, 4095}) {
      Counted sequence = after({first, first + gap + 1});
      check_counts(sequence, static_cast<int64_t>(gap), 0, 0);
      const uint64_t known = std::min<uint64_t>(gap, Sequence::kWindow - 1);
      for (uint64_t back = 1; back <= known; back++) sequence.arrived(first + gap + 1 - back);
      check_counts(sequence, static_cast<int64_t>(gap - known), static_cast<int64_t>(known), 0);
    }
  }
}

TEST("sequence counts a gap larger than its window whole") {
  Counted sequence = after({0, 1'000'000});
  check_counts(sequence, 999'999, 0, 0);
  sequence.arrived(999'000);
  check_counts(sequence, 999'998, 1, 0);
}

TEST("sequence recognizes a sender that begins anew") {
  Counted sequence;
  for (uint64_t number = 0; number < 10'000; number++) sequence.arrived(number);
  for (uint64_t number = 0; number < 10'000; number++) sequence.arrived(number);
  check_counts(sequence, 0, 0, 0);
  CHECK_EQUAL(sequence.too_late, 0);
}

TEST("sequence says when its counts may have changed") {
  Counted sequence;
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

    Counted sequence;
    std::set<uint64_t> seen;
    std::vector<uint32_t> depths;
    int64_t reordered = 0;
    int64_t duplicated = 0;
    for (const uint64_t number : numbers) {
      if (seen.contains(number)) {
        duplicated++;
      } else if (!seen.empty() && number < *seen.rbegin()) {
        reordered++;
        depths.push_back(static_cast<uint32_t>(*seen.rbegin() - number));
      }
      seen.insert(number);
      sequence.arrived(number);
    }
    check_counts(sequence, static_cast<int64_t>(*seen.rbegin() + 1 - seen.size()), reordered, duplicated);
    CHECK(sequence.depths == depths);
  }
}

}  // namespace
}  // namespace nm
