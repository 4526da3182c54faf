// The schedule, under clocks that a test can set.
#include <algorithm>

#include "test/check.h"
#include "traffic/pace.h"

namespace nm {
namespace {

constexpr uint64_t kStart_ns = 1'795'229'515'277'554'641;

// Sends whatever is due, at each of the times that `clock` gives until `end_ns`. Returns how many were sent.
template <typename Clock>
uint64_t send(Pace& pace, uint64_t sent, uint64_t end_ns, Clock clock) {
  for (uint64_t now = clock(); now < end_ns; now = clock()) {
    while (const uint64_t some = pace.due(now, sent)) sent += some;
  }
  return sent;
}

TEST("pace sends packet n exactly at its time, and not a nanosecond before") {
  Pace pace({3, 1000}, kStart_ns);
  CHECK_EQUAL(pace.due(kStart_ns - 1, 0), 0);
  CHECK_EQUAL(pace.due(kStart_ns, 0), 1);
  CHECK_EQUAL(pace.due(kStart_ns + 333, 1), 0);
  CHECK_EQUAL(pace.due(kStart_ns + 334, 1), 1);
  CHECK_EQUAL(pace.due_ns(1), kStart_ns + 334);
  CHECK_EQUAL(pace.due_ns(3), kStart_ns + 1000);
}

TEST("pace neither drifts nor overflows over 30 days at 14.88 Mpps") {
  constexpr uint64_t kDay_ns = 86'400 * kSecond_ns;
  constexpr uint64_t kRate = 14'880'952;
  Pace pace({kRate}, kStart_ns);
  uint64_t sent = 0;
  for (uint64_t day = 1; day <= 30; day++) {
    // Each day's last millisecond in steps of 997 ns; the rest of the day went by in its rate.
    const uint64_t end = kStart_ns + day * kDay_ns;
    uint64_t now = end - 1'000'000;
    sent = static_cast<uint64_t>(static_cast<unsigned __int128>(now - kStart_ns) * kRate / kSecond_ns);
    sent = send(pace, sent, end, [&] { return now += 997; });
    while (const uint64_t some = pace.due(end - 1, sent)) sent += some;
    CHECK_EQUAL(sent, day * 86'400 * kRate);
    CHECK_EQUAL(pace.due_ns(sent), end);
  }
  CHECK_EQUAL(pace.stalls(), 0);
}

TEST("pace keeps any rate exactly when it is looked at irregularly") {
  check::Random random;
  for (int round = 0; round < 200; round++) {
    const Rate rate{random.between(1, 100'000'000), random.between(1, 10 * kSecond_ns)};
    if (static_cast<double>(rate.packets) / static_cast<double>(rate.per_ns) > 1) continue;
    Pace pace(rate, kStart_ns);
    uint64_t now = kStart_ns;
    uint64_t sent = 0;
    for (int look = 0; look < 1000; look++) {
      now += random.below(50'000);
      while (const uint64_t some = pace.due(now, sent)) sent += some;
      const auto elapsed = static_cast<unsigned __int128>(now - kStart_ns);
      CHECK_EQUAL(sent, static_cast<uint64_t>(elapsed * rate.packets / rate.per_ns + 1));
      CHECK(pace.due_ns(sent) > now);
    }
    CHECK_EQUAL(pace.stalls(), 0);
  }
}

TEST("pace lets no batch be longer than 10 us of traffic, or one packet") {
  CHECK_EQUAL(Pace({1'000}, 0).due(5'000'000, 0), 1);
  CHECK_EQUAL(Pace({1'000'000}, 0).due(5'000'000, 0), 10);
  CHECK_EQUAL(Pace({14'880'952}, 0).due(5'000'000, 0), 148);
}

TEST("pace catches up after a short stall and keeps its count") {
  Pace pace({1'000'000}, 0);
  uint64_t sent = 0;
  while (const uint64_t some = pace.due(9'000'000, sent)) sent += some;
  CHECK_EQUAL(sent, 9001);
  CHECK_EQUAL(pace.stalls(), 0);
}

TEST("pace gives up what a long stall would make a long burst, and counts it") {
  Pace pace({1'000'000}, 0);
  uint64_t sent = 0;
  while (const uint64_t some = pace.due(50'000'000, sent)) sent += some;
  CHECK_EQUAL(sent, 1);
  CHECK_EQUAL(pace.stalls(), 1);
  CHECK_EQUAL(pace.forgone(), 50'000);
  CHECK_EQUAL(pace.due_ns(1), 50'001'000);
  CHECK_EQUAL(pace.due(50'000'999, 1), 0);
  CHECK_EQUAL(pace.due(50'001'000, 1), 1);
}

TEST("pace does not move its schedule for a single late packet") {
  Pace pace({10}, 0);
  CHECK_EQUAL(pace.due(0, 0), 1);
  CHECK_EQUAL(pace.due(150'000'000, 1), 1);
  CHECK_EQUAL(pace.due_ns(2), 200'000'000);
  CHECK_EQUAL(pace.stalls(), 0);
}

}  // namespace
}  // namespace nm
