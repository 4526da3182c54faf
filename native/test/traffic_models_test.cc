// The models of links, against what they should come to.
//
// Random ones are run with a fixed seed, and compared with a tolerance of 5 standard deviations of the mean: were the seed
// another, one run in 1,700,000 would be outside.
#include <cmath>
#include <functional>
#include <vector>

#include "test/check.h"
#include "traffic/models/bandwidth.h"
#include "traffic/models/delay.h"
#include "traffic/models/loss.h"
#include "traffic/models/queue.h"
#include "traffic/models/ratio.h"
#include "traffic/models/reorder.h"

namespace nm {
namespace {

constexpr uint64_t kSeed = 7;
constexpr uint32_t kDraws = 200'000;

struct Moments {
  double mean = 0;
  double variance = 0;
  double least = HUGE_VAL;
  double greatest = -HUGE_VAL;
};

Moments moments_of(const std::function<double()>& draw) {
  Moments moments;
  double sum = 0;
  double squares = 0;
  for (uint32_t i = 0; i < kDraws; i++) {
    const double value = draw();
    sum += value;
    squares += value * value;
    moments.least = std::min(moments.least, value);
    moments.greatest = std::max(moments.greatest, value);
  }
  moments.mean = sum / kDraws;
  moments.variance = squares / kDraws - moments.mean * moments.mean;
  return moments;
}

// Whether the mean of kDraws values is near enough.
void check_mean(double mean, double expected, double deviation) {
  const double tolerance = 5 * deviation / std::sqrt(kDraws);
  if (std::abs(mean - expected) > tolerance)
    check::fail(__FILE__, __LINE__,
                "mean " + std::to_string(mean) + " is not " + std::to_string(expected) + " +- " +
                    std::to_string(tolerance));
}

uint64_t transmission(Bandwidth& link, uint32_t length, uint64_t gap_ns = 0) {
  return *link.transmission_ns({length, 0, gap_ns});
}

TEST("a ratio loses nothing of what it is given in parts, however large") {
  Ratio third(1, 3);
  uint64_t sum = 0;
  for (int i = 0; i < 3000; i++) sum += third.of(1);
  CHECK_EQUAL(sum, 1000u);
  Ratio huge(UINT64_MAX - 1, UINT64_MAX);
  CHECK_EQUAL(huge.of(UINT64_MAX), UINT64_MAX - 1);
  CHECK_EQUAL(Ratio(1'000'000, 1).of(UINT64_MAX), UINT64_MAX);
}

TEST("a link of constant bandwidth transmits each byte in its time, exactly also after millions") {
  const auto link = make_bandwidth({BandwidthModel::constant, {10'000'000, 0}});
  CHECK_EQUAL(transmission(*link, 1250), 1'000'000u);
  // 7 bits a second: 60 bytes in 68.57 seconds.
  const auto slow = make_bandwidth({BandwidthModel::constant, {7, 0}});
  uint64_t sum = 0;
  for (int i = 0; i < 7; i++) sum += transmission(*slow, 60);
  CHECK_EQUAL(sum, 480 * static_cast<uint64_t>(kSecond_ns));

  const auto odd = make_bandwidth({BandwidthModel::constant, {999'999'937, 0}});
  unsigned __int128 ns = 0;
  constexpr uint64_t kPackets = 10'000'000;
  for (uint64_t i = 0; i < kPackets; i++) ns += transmission(*odd, 61);
  const unsigned __int128 bits = static_cast<unsigned __int128>(kPackets) * 61 * 8;
  CHECK(ns == bits * kSecond_ns / 999'999'937);
}

TEST("a link of Ethernet transmits 24 bytes more of each packet") {
  const auto link = make_bandwidth({BandwidthModel::constant, {1'000'000'000, kFramingBytes}});
  CHECK_EQUAL(transmission(*link, 60), 84u * 8);
}

TEST("a link at the capture's speed takes the gaps of the capture, divided by the speed") {
  const auto real = make_bandwidth({BandwidthModel::recorded, {1, 1}});
  CHECK_EQUAL(transmission(*real, 60, 12345), 12345u);
  const auto fast = make_bandwidth({BandwidthModel::recorded, {10, 1}});
  uint64_t sum = 0;
  for (int i = 0; i < 10; i++) sum += transmission(*fast, 60, 12345);
  CHECK_EQUAL(sum, 12345u);
  const auto slow = make_bandwidth({BandwidthModel::recorded, {1, 3}});
  CHECK_EQUAL(transmission(*slow, 60, 12345), 3u * 12345);
}

TEST("a link of packets takes a time for each, whatever its length") {
  const auto link = make_bandwidth({BandwidthModel::packets, {3, 1'000}});
  CHECK_EQUAL(transmission(*link, 60) + transmission(*link, 1500) + transmission(*link, 1), 1'000u);
}

TEST(
    "a link of average bandwidth lets packets pass at once as long as its bucket holds them, and no more "
    "than its rate") {
  constexpr uint64_t kRate = 80'000'000;
  const auto link = make_bandwidth({BandwidthModel::average, {kRate, 0}});
  CHECK(!link->transmission_ns({60, 0, 0}).has_value());
  uint64_t passed = 0;
  constexpr uint64_t kStep_ns = 50'000;
  constexpr uint64_t kSteps = 200'000;
  for (uint64_t i = 1; i <= kSteps; i++) {
    // Twice the rate is offered.
    const std::optional<uint64_t> ns = link->transmission_ns({1000, i * kStep_ns, 0});
    if (ns) CHECK_EQUAL(*ns, 0u);
    passed += ns ? 1000 : 0;
  }
  const double seconds = static_cast<double>(kSteps * kStep_ns) / kSecond_ns;
  const double limit = kRate / 8.0 * seconds;
  CHECK(static_cast<double>(passed) <= limit);
  CHECK(static_cast<double>(passed) > limit - 1000);
}

TEST("a constant delay is constant") {
  const auto delay = make_delay({DelayModel::constant, {1234, 0, 0}}, kSeed);
  for (int i = 0; i < 10; i++) CHECK_EQUAL(delay->delay_ns(0, 0), 1234u);
}

TEST("a uniform delay has the mean, the variance and the ends of its range") {
  const auto delay = make_delay({DelayModel::uniform, {1'000, 5'000, 0}}, kSeed);
  const Moments moments = moments_of([&] { return static_cast<double>(delay->delay_ns(0, 0)); });
  const double deviation = 4001 / std::sqrt(12.0);
  check_mean(moments.mean, 3'000, deviation);
  CHECK(std::abs(moments.variance / (deviation * deviation) - 1) < 0.02);
  CHECK_EQUAL(moments.least, 1'000);
  CHECK_EQUAL(moments.greatest, 5'000);
}

TEST("an exponential delay has the mean that was asked for, above the least") {
  const auto delay = make_delay({DelayModel::exponential, {2'000'000, 5'000'000, 0}}, kSeed);
  const Moments moments = moments_of([&] { return static_cast<double>(delay->delay_ns(0, 0)); });
  check_mean(moments.mean, 5e6, 3e6);
  CHECK(std::abs(std::sqrt(moments.variance) / 3e6 - 1) < 0.02);
  CHECK(moments.least >= 2e6 && moments.least < 2e6 + 1e3);
}

TEST("gaps follow the packet that left before, and the first of a burst has its own delay") {
  const auto delay = make_delay({DelayModel::gaps, {100, 200, 7'000}}, kSeed);
  CHECK_EQUAL(delay->delay_ns(50'000, 40'000), 7'000u);
  const Moments moments = moments_of([&] { return static_cast<double>(delay->delay_ns(50'000, 57'000)); });
  check_mean(moments.mean, 7'150, 101 / std::sqrt(12.0));
  CHECK(moments.least == 7'100 && moments.greatest == 7'200);
}

TEST("packet loss loses its share of packets, one independently of the other") {
  for (const double share : {0.0, 0.001, 0.3, 1.0}) {
    const auto loss = make_loss({LossModel::packets, {share, 0}}, kSeed);
    double pairs = 0;
    bool before = false;
    const Moments moments = moments_of([&] {
      const bool lost = loss->loses(60);
      pairs += lost && before;
      before = lost;
      return lost;
    });
    check_mean(moments.mean, share, std::sqrt(share * (1 - share)));
    check_mean(pairs / kDraws, share * share, std::sqrt(share * share * (1 + 2 * share)) + 1e-9);
  }
}

TEST("bit errors lose the more packets the longer they are") {
  const auto loss = make_loss({LossModel::bits, {1e-5, 0}}, kSeed);
  for (const uint32_t length : {60u, 1500u, 9000u}) {
    const double expected = 1 - std::pow(1 - 1e-5, 8.0 * length);
    const Moments moments = moments_of([&] { return loss->loses(length); });
    check_mean(moments.mean, expected, std::sqrt(expected * (1 - expected)));
  }
}

TEST("losses in bursts have the share and the mean length that were asked for") {
  constexpr double kShare = 0.05;
  constexpr double kLength = 8;
  const auto loss = make_loss({LossModel::bursts, {kShare, kLength}}, kSeed);
  double lost = 0;
  double bursts = 0;
  bool before = false;
  for (uint32_t i = 0; i < 10 * kDraws; i++) {
    const bool now = loss->loses(60);
    lost += now;
    bursts += now && !before;
    before = now;
  }
  // Some 12,500 bursts, whose lengths vary by as much as they last.
  CHECK(std::abs(lost / bursts / kLength - 1) < 0.06);
  CHECK(std::abs(lost / (10 * kDraws) / kShare - 1) < 0.08);
  // Without memory, a burst of chance lasts 1 / (1 - share).
  CHECK(make_loss({LossModel::bursts, {0.9, 2}}, kSeed) == nullptr);
  CHECK(make_loss({LossModel::bursts, {1, 2}}, kSeed)->loses(60));
}

TEST("reordering holds back its share of packets") {
  Reorder reorder({0.25, 1'000}, kSeed);
  check_mean(moments_of([&] { return reorder.holds(); }).mean, 0.25, std::sqrt(0.25 * 0.75));
  CHECK(!Reorder({}, kSeed).holds());
}

TEST("a queue admits packets until it is over its limit, and again when the link has transmitted some") {
  Queue queue(1'000);
  for (uint64_t i = 1; i <= 3; i++) {
    CHECK(queue.admits(0));
    queue.put(400, i * 100);
  }
  CHECK_EQUAL(queue.bytes(), 1'200u);
  CHECK(!queue.admits(99));
  CHECK(queue.admits(100));
  CHECK_EQUAL(queue.bytes(), 800u);
  Queue unlimited;
  for (int i = 0; i < 10'000; i++) {
    CHECK(unlimited.admits(0));
    unlimited.put(60'000, kNever_ns);
  }
}

TEST("a model with the same seed says the same, and with another something else") {
  for (const auto model : {DelayModel::uniform, DelayModel::exponential, DelayModel::gaps}) {
    const DelaySpec spec = {model, {1'000, 1'000'000, 5}};
    const auto draws = [&](uint64_t seed) {
      const auto delay = make_delay(spec, seed);
      std::vector<uint64_t> all;
      for (int i = 0; i < 100; i++) all.push_back(delay->delay_ns(0, 1));
      return all;
    };
    CHECK(draws(1) == draws(1));
    CHECK(draws(1) != draws(2));
  }
  for (const LossSpec spec : {LossSpec{LossModel::packets, {0.5, 0}}, LossSpec{LossModel::bits, {1e-3, 0}},
                              LossSpec{LossModel::bursts, {0.5, 3}}}) {
    const auto draws = [&](uint64_t seed) {
      const auto loss = make_loss(spec, seed);
      std::vector<bool> all;
      for (int i = 0; i < 100; i++) all.push_back(loss->loses(100));
      return all;
    };
    CHECK(draws(1) == draws(1));
    CHECK(draws(1) != draws(2));
  }
}

TEST("values that no link has are refused") {
  CHECK(make_bandwidth({BandwidthModel::constant, {0, 0}}) == nullptr);
  CHECK(make_bandwidth({BandwidthModel::recorded, {1, 0}}) == nullptr);
  CHECK(make_bandwidth({BandwidthModel::packets, {0, 1}}) == nullptr);
  CHECK(make_bandwidth({BandwidthModel::average, {0, 0}}) == nullptr);
  CHECK(make_delay({DelayModel::uniform, {2, 1, 0}}, 0) == nullptr);
  CHECK(make_delay({DelayModel::exponential, {2, 1, 0}}, 0) == nullptr);
  CHECK(make_loss({LossModel::packets, {1.5, 0}}, 0) == nullptr);
  CHECK(make_loss({LossModel::packets, {NAN, 0}}, 0) == nullptr);
}

}  // namespace
}  // namespace nm
