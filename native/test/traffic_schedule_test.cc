// Schedules: exact ones against their formulas, random ones against their distribution. A check of a distribution fails
// once in 10^6 runs where all is well.
#include <algorithm>
#include <cmath>
#include <vector>

#include "test/check.h"
#include "traffic/schedule.h"

namespace nm {
namespace {

using Wide = unsigned __int128;

constexpr uint64_t kDay_ns = 86'400 * kSecond_ns;

// Of a normal distribution, a value is further from the mean than so many deviations once in 10^6 times.
constexpr double kMillionth = 4.89;

ScheduleSpec of_phases(std::vector<Phase> phases, Share share = {}, uint64_t seed = 0) {
  ScheduleSpec spec;
  spec.phases = std::move(phases);
  spec.share = share;
  spec.seed = seed;
  return spec;
}

Phase steady(Rate rate, uint64_t duration_ns = kNever_ns) {
  return {PhaseKind::steady, rate, {}, duration_ns};
}
Phase ramp(Rate from, Rate to, uint64_t duration_ns) { return {PhaseKind::ramp, from, to, duration_ns}; }
Phase burst(uint64_t packets, uint64_t period_ns, uint64_t duration_ns = kNever_ns) {
  return {PhaseKind::burst, {packets, period_ns}, {}, duration_ns};
}
Phase poisson(Rate rate, uint64_t duration_ns = kNever_ns) {
  return {PhaseKind::poisson, rate, {}, duration_ns};
}

std::vector<uint64_t> times_of(const ScheduleSpec& spec, size_t most = 1'000'000) {
  Schedule schedule(spec);
  std::vector<uint64_t> times;
  for (; schedule.next_ns() != kNever_ns && times.size() < most; schedule.step()) {
    times.push_back(schedule.next_ns());
  }
  return times;
}

uint64_t rounded_up(Wide a, Wide b, Wide c) { return static_cast<uint64_t>((a * b + c - 1) / c); }

TEST("schedule has packet n of a steady phase at n * per_ns / packets, whatever the rate") {
  check::Random random;
  for (int round = 0; round < 300; round++) {
    const Rate rate{random.between(1, uint64_t{1} << random.between(1, 40)),
                    random.between(1, uint64_t{1} << random.between(1, 50))};
    const Share share{random.below(3), 3};
    Schedule schedule(of_phases({steady(rate)}, share));
    for (uint64_t n = share.index; n < 2'000; n += share.of) {
      CHECK_EQUAL(schedule.next_ns(), rounded_up(n, rate.per_ns, rate.packets));
      schedule.step();
    }
  }
}

TEST("schedule neither drifts nor overflows over 30 days at 14.88 Mpps") {
  constexpr uint64_t kRate = 14'880'952;
  Schedule schedule(of_phases({steady({kRate})}));
  uint64_t sent = 0;
  for (uint64_t day = 1; day <= 30; day++) {
    // Each packet of each day's last millisecond, and all that come before it at once.
    const uint64_t end_ns = day * kDay_ns;
    sent += schedule.skip(end_ns - 1'000'000);
    for (; schedule.next_ns() < end_ns; schedule.step()) {
      CHECK_EQUAL(schedule.next_ns(), rounded_up(sent, kSecond_ns, kRate));
      sent++;
    }
    CHECK_EQUAL(sent, day * 86'400 * kRate);
    CHECK_EQUAL(schedule.next_ns(), end_ns);
  }
}

TEST("schedule has the packets of a second in every second of a minute, each where it belongs") {
  constexpr uint64_t kRate = 99'991;
  const std::vector<uint64_t> times = times_of(of_phases({steady({kRate}, 60 * kSecond_ns)}), 6'000'000);
  CHECK_EQUAL(times.size(), 60 * kRate);
  for (uint64_t second = 0; second < 60; second++) {
    for (uint64_t n = 0; n < kRate; n += 997)
      CHECK_EQUAL(times[second * kRate + n], second * kSecond_ns + times[n]);
  }
}

TEST("schedule of a ramp has the area under its rate, at every moment") {
  for (const auto& [from, to] : {std::pair<uint64_t, uint64_t>{0, 2'000'000},
                                 {2'000'000, 0},
                                 {100'000, 1'000'000},
                                 {1'000'000, 999'999},
                                 {1'000'000, 100}}) {
    constexpr uint64_t kLong_ns = kSecond_ns / 2;
    const std::vector<uint64_t> times = times_of(of_phases({ramp({from}, {to}, kLong_ns)}));
    const double start = static_cast<double>(from) / 1e9;
    const double slope = (static_cast<double>(to) / 1e9 - start) / static_cast<double>(kLong_ns);
    for (size_t n = 0; n < times.size(); n++) {
      const double t = static_cast<double>(times[n]);
      const double area = start * t + slope * t * t / 2;
      // Rounding up to a nanosecond adds what comes in one.
      CHECK(area >= static_cast<double>(n) - 1e-6);
      CHECK(area <= static_cast<double>(n) + 0.0021);
      CHECK(n == 0 || times[n] >= times[n - 1]);
    }
    const double all = (static_cast<double>(from) + static_cast<double>(to)) / 2 * 0.5;
    CHECK(std::abs(static_cast<double>(times.size()) - all) <= 1);
  }
}

TEST("schedule of a ramp over 30 days keeps its count to the packet") {
  const uint64_t kLong_ns = 30 * kDay_ns;
  Schedule schedule(of_phases({ramp({1'000'000}, {14'000'000}, kLong_ns)}));
  uint64_t sent = 0;
  for (uint64_t day = 1; day <= 30; day++) {
    sent += schedule.skip(day * kDay_ns - 1);
    const Wide ns = day * kDay_ns;
    // In whole numbers: packets at the first rate, and the triangle above it.
    const Wide area = ns * 1'000'000 / kSecond_ns + ns * ns / kLong_ns * 13'000'000 / 2 / kSecond_ns;
    const double off = static_cast<double>(sent) - static_cast<double>(area);
    CHECK(std::abs(off) <= 8);
  }
}

TEST("schedule of bursts has all packets of one at the same time, and nothing between them") {
  const std::vector<uint64_t> times = times_of(of_phases({burst(64, 1'000'000, 10'000'000)}));
  CHECK_EQUAL(times.size(), 640);
  for (size_t n = 0; n < times.size(); n++) CHECK_EQUAL(times[n], n / 64 * 1'000'000);
}

// How far counts are from equal ones, as a chi-square with one degree of freedom less than there are.
double chi_square(const std::vector<double>& counts) {
  double all = 0;
  for (const double count : counts) all += count;
  const double expected = all / static_cast<double>(counts.size());
  double sum = 0;
  for (const double count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

// Gaps of a process that is to be Poisson's, with this mean: exponential, and independent of one another.
void check_exponential(const std::vector<uint64_t>& times, double mean_ns) {
  constexpr size_t kBins = 20;
  // With 19 degrees of freedom, greater once in 10^6 times.
  constexpr double kChiSquareMillionth = 63.7;
  const double n = static_cast<double>(times.size() - 1);
  const double mean = static_cast<double>(times.back() - times.front()) / n;
  CHECK(std::abs(mean / mean_ns - 1) < kMillionth / std::sqrt(n));

  std::vector<double> bins(kBins);
  double products = 0;
  double before = 0;
  for (size_t i = 1; i < times.size(); i++) {
    // Half a nanosecond was rounded off on average.
    const double gap = static_cast<double>(times[i] - times[i - 1]);
    const double share = 1 - std::exp(-gap / mean_ns);
    bins[std::min(static_cast<size_t>(share * kBins), kBins - 1)]++;
    const double deviation = gap / mean_ns - 1;
    if (i > 1) products += deviation * before;
    before = deviation;
  }
  CHECK(chi_square(bins) < kChiSquareMillionth);
  CHECK(std::abs(products / n) < kMillionth / std::sqrt(n));
}

TEST(
    "schedule of a Poisson phase has exponential, independent gaps and its rate (each false alarm: once in "
    "10^6)") {
  check::Random random;
  for (const uint64_t rate : {1'000, 100'000}) {
    check_exponential(times_of(of_phases({poisson({rate})}, {}, random.next())),
                      1e9 / static_cast<double>(rate));
  }
}

TEST("schedule of a Poisson phase is the same for the same seed only") {
  const auto with_seed = [](uint64_t seed) { return times_of(of_phases({poisson({1'000})}, {}, seed), 100); };
  CHECK(with_seed(7) == with_seed(7));
  CHECK(with_seed(7) != with_seed(8));
}

TEST("shares of a schedule together are the schedule") {
  const std::vector<Phase> phases = {steady({7, 1'000}, 100'000), ramp({1'000'000}, {9'000'000}, 300'000),
                                     steady({0}, 5'000), burst(10, 50'000, 200'001)};
  const std::vector<uint64_t> whole = times_of(of_phases(phases));
  for (const uint64_t of : {2, 3, 16}) {
    std::vector<uint64_t> together;
    for (uint64_t index = 0; index < of; index++) {
      const std::vector<uint64_t> part = times_of(of_phases(phases, {index, of}));
      together.insert(together.end(), part.begin(), part.end());
    }
    std::sort(together.begin(), together.end());
    CHECK(together == whole);
  }
}

TEST(
    "shares of a Poisson schedule together have exponential, independent gaps (each false alarm: once in "
    "10^6)") {
  check::Random random;
  const uint64_t seed = random.next();
  std::vector<uint64_t> together;
  for (uint64_t index = 0; index < 4; index++) {
    const std::vector<uint64_t> part =
        times_of(of_phases({poisson({10'000}, 20 * kSecond_ns)}, {index, 4}, seed));
    together.insert(together.end(), part.begin(), part.end());
  }
  std::sort(together.begin(), together.end());
  check_exponential(together, 1e5);
}

TEST("schedule goes through its phases in order, each for its time, and ends") {
  const std::vector<uint64_t> times = times_of(
      of_phases({steady({1, 100}, 1'000), steady({0}, 500), steady({1, 10}, 95), burst(3, 50, 100)}));
  std::vector<uint64_t> expected;
  for (uint64_t n = 0; n < 10; n++) expected.push_back(n * 100);
  for (uint64_t n = 0; n < 10; n++) expected.push_back(1'500 + n * 10);
  for (uint64_t n = 0; n < 6; n++) expected.push_back(1'595 + n / 3 * 50);
  CHECK(times == expected);
}

TEST("schedule that repeats begins anew right after its last phase, without end or drift") {
  ScheduleSpec spec = of_phases({steady({1, 100}, 250), steady({0}, 750)});
  spec.repeats = true;
  const std::vector<uint64_t> times = times_of(spec, 30'000);
  for (size_t n = 0; n < times.size(); n++) CHECK_EQUAL(times[n], n / 3 * 1'000 + n % 3 * 100);
}

TEST("schedule without packets ends at once, also where it repeats") {
  ScheduleSpec spec = of_phases({steady({0}, 1'000), steady({1, 100}, 50)}, {1, 2});
  spec.repeats = true;
  CHECK_EQUAL(Schedule(spec).next_ns(), kNever_ns);
  CHECK_EQUAL(Schedule(of_phases({steady({0})})).next_ns(), kNever_ns);
}

TEST("skipping comes to the packet that stepping comes to, and counts the same") {
  check::Random random;
  const std::vector<Phase> phases = {steady({7, 1'000}, 100'000), ramp({0}, {9'000'000}, 300'000),
                                     steady({0}, 5'000), burst(10, 50'000, 200'001),
                                     ramp({9'000'000}, {0}, 300'000)};
  for (int round = 0; round < 300; round++) {
    ScheduleSpec spec = of_phases(phases, {random.below(3), 3});
    spec.repeats = true;
    Schedule skips(spec);
    Schedule steps(spec);
    for (uint64_t at = 0; at < 5'000'000; at += random.below(400'000)) {
      uint64_t stepped = 0;
      for (; steps.next_ns() <= at; steps.step()) stepped++;
      CHECK_EQUAL(skips.skip(at), stepped);
      CHECK_EQUAL(skips.next_ns(), steps.next_ns());
    }
  }
}

TEST("skipping over a Poisson phase counts what there would have been, and goes on as random") {
  Schedule schedule(of_phases({poisson({1'000'000})}));
  const uint64_t passed = schedule.skip(kSecond_ns);
  CHECK(passed > 990'000 && passed < 1'010'000);
  CHECK(schedule.next_ns() > kSecond_ns && schedule.next_ns() < kSecond_ns + 100'000);
}

TEST("schedule takes the largest numbers without overflow") {
  constexpr uint64_t kMost = Schedule::kMostInRate - 1;
  for (const Phase& phase :
       {steady({1, kMost}), steady({kMost, kMost}), burst(1, kMost), burst(kMost, kMost),
        ramp({1, kMost}, {kMost, kMost}, kSecond_ns), ramp({1}, {0}, uint64_t{1} << 60),
        ramp({kSecond_ns}, {1, kMost}, uint64_t{1} << 60), poisson({1, kMost}), poisson({kMost, kMost})}) {
    Schedule schedule(of_phases({phase}, {Schedule::kMostShares - 1, Schedule::kMostShares}));
    for (uint32_t bits = 0; bits < 61; bits += 4) {
      const uint64_t at = uint64_t{1} << bits;
      schedule.skip(at);
      CHECK(schedule.next_ns() > at);
      for (int i = 0; i < 3 && schedule.next_ns() != kNever_ns; i++) schedule.step();
    }
  }
}

}  // namespace
}  // namespace nm
