// Histograms against the samples themselves.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "test/check.h"
#include "traffic/histogram.h"

namespace nm {
namespace {

// Values of every size, from 0 to 2^64 - 1: as many bits as chance has it.
uint64_t any_value(check::Random& random) {
  const uint64_t bits = random.below(65);
  return bits == 0 ? 0 : random.next() >> (64 - bits);
}

// Whether `told` is within 1/1024 of `value`, in integers.
bool near(uint64_t told, uint64_t value) {
  const uint64_t error = told > value ? told - value : value - told;
  return error <= value / 1024;
}

void check_same(const Histogram& left, const Histogram& right) {
  for (uint32_t i = 0; i < Histogram::kBuckets; i++) CHECK_EQUAL(left.count_in(i), right.count_in(i));
  CHECK_EQUAL(left.least(), right.least());
  CHECK_EQUAL(left.greatest(), right.greatest());
  CHECK_EQUAL(left.sum().low, right.sum().low);
  CHECK_EQUAL(left.sum().high, right.sum().high);
}

TEST("histogram has its buckets side by side, from 0 to the greatest number") {
  CHECK_EQUAL(Histogram::first(0), 0);
  for (uint32_t i = 1; i < Histogram::kBuckets; i++) {
    CHECK_EQUAL(Histogram::bucket(Histogram::first(i)), i);
    CHECK_EQUAL(Histogram::bucket(Histogram::first(i) - 1), i - 1);
  }
  CHECK_EQUAL(Histogram::bucket(UINT64_MAX), Histogram::kBuckets - 1);
}

TEST("histogram tells every value at most a thousandth wrong, and those below 1024 exactly") {
  const auto check = [](uint64_t value) { CHECK(near(Histogram::middle(Histogram::bucket(value)), value)); };
  for (uint64_t value = 0; value < 1024; value++)
    CHECK_EQUAL(Histogram::middle(Histogram::bucket(value)), value);
  for (uint32_t i = 0; i < Histogram::kBuckets; i++) {
    check(Histogram::first(i));
    check(Histogram::first(i) - 1);
  }
  check::Random random;
  for (int i = 0; i < 1'000'000; i++) check(any_value(random));
}

TEST("histogram agrees with sorted samples in count, least, greatest, sum and every percentile") {
  check::Random random;
  for (const size_t count : {1, 2, 3, 100, 1001, 50'000}) {
    Histogram histogram;
    std::vector<uint64_t> samples(count);
    unsigned __int128 sum = 0;
    for (uint64_t& sample : samples) {
      sample = any_value(random);
      sum += sample;
      histogram.record(sample);
    }
    std::sort(samples.begin(), samples.end());

    CHECK_EQUAL(histogram.count(), count);
    CHECK_EQUAL(histogram.least(), samples.front());
    CHECK_EQUAL(histogram.greatest(), samples.back());
    CHECK_EQUAL(histogram.sum().low, static_cast<uint64_t>(sum));
    CHECK_EQUAL(histogram.sum().high, static_cast<uint64_t>(sum >> 64));
    for (int thousandth = 0; thousandth <= 1000; thousandth++) {
      const size_t rank = std::max<size_t>(1, (count * static_cast<size_t>(thousandth) + 999) / 1000);
      CHECK(near(histogram.percentile(thousandth / 1000.0), samples[rank - 1]));
    }
  }
}

TEST("histogram of no samples has no figures") {
  const Histogram none;
  CHECK_EQUAL(none.count(), 0);
  CHECK_EQUAL(none.percentile(0.5), 0);
  CHECK(none.mean() == 0);
}

TEST("histogram counts a value that occurred many times as if it were recorded as often") {
  Histogram at_once;
  Histogram one_by_one;
  for (const uint64_t value : {uint64_t{0}, uint64_t{17}, uint64_t{123'456'789}, UINT64_MAX}) {
    at_once.record(value, 1000);
    at_once.record(value + 1, 0);
    for (int i = 0; i < 1000; i++) one_by_one.record(value);
  }
  check_same(at_once, one_by_one);
}

TEST("histogram that others were merged into is that of all their samples") {
  check::Random random;
  Histogram all;
  Histogram merged;
  for (int part = 0; part < 5; part++) {
    Histogram one;
    for (int i = 0; i < 1000 * part; i++) {
      const uint64_t value = any_value(random);
      one.record(value);
      all.record(value);
    }
    merged.merge(one);
  }
  check_same(merged, all);
}

TEST("histogram is read by others while its thread records, and no figure goes back") {
  Histogram histogram;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    uint64_t count = 0;
    double sum = 0;
    while (!done.load()) {
      const uint64_t counted = histogram.count();
      const double summed = histogram.sum().value();
      CHECK(counted >= count && summed >= sum);
      CHECK(summed >= static_cast<double>(counted) * 0x1p63);
      CHECK(counted == 0 || histogram.least() <= histogram.greatest());
      count = counted;
      sum = summed;
      CHECK(histogram.percentile(0.5) <= UINT64_MAX);
    }
  });
  // So great that the sum's upper half changes with almost every sample.
  for (int i = 0; i < 200'000; i++) histogram.record(UINT64_MAX - static_cast<uint64_t>(i));
  done.store(true);
  reader.join();
  CHECK_EQUAL(histogram.count(), 200'000);
}

}  // namespace
}  // namespace nm
