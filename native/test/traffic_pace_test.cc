// Keeping a schedule, under clocks that a test can set.
#include <algorithm>

#include "test/check.h"
#include "traffic/pace.h"

namespace nm {
namespace {

constexpr uint64_t kStart_ns = 1'795'229'515'277'554'641;

Pace at_rate(Rate rate, const PaceOptions& options = {}, uint64_t start_ns = 0) {
  return Pace(steadily(rate), start_ns, options);
}

// Sends what may leave at that moment, in rounds. Returns how much it was.
uint64_t send_due(Pace& pace, uint64_t now_ns) {
  uint64_t sent = 0;
  while (const uint64_t some = pace.due(now_ns)) {
    pace.sent(some);
    sent += some;
  }
  return sent;
}

TEST("pace sends packet n exactly at its time, and not a nanosecond before") {
  Pace pace = at_rate({3, 1000}, {}, kStart_ns);
  CHECK_EQUAL(pace.next_ns(), kStart_ns);
  CHECK_EQUAL(pace.due(kStart_ns - 1), 0);
  CHECK_EQUAL(send_due(pace, kStart_ns), 1);
  CHECK_EQUAL(pace.due(kStart_ns + 333), 0);
  CHECK_EQUAL(pace.next_ns(), kStart_ns + 334);
  CHECK_EQUAL(send_due(pace, kStart_ns + 334), 1);
  CHECK_EQUAL(send_due(pace, kStart_ns + 667), 1);
  CHECK_EQUAL(pace.next_ns(), kStart_ns + 1000);
}

TEST("pace has packets due until they were sent") {
  Pace pace = at_rate({1'000'000});
  CHECK_EQUAL(pace.due(4'500), 5);
  CHECK_EQUAL(pace.due(4'500), 5);
  pace.sent(2);
  CHECK_EQUAL(pace.due(4'500), 3);
  CHECK_EQUAL(pace.due(5'000), 4);
  pace.sent(4);
  CHECK_EQUAL(pace.next_ns(), 6'000);
}

TEST("pace keeps any rate exactly when it is looked at irregularly, for a day") {
  check::Random random;
  for (int round = 0; round < 200; round++) {
    const Rate rate{random.between(1, 100'000'000), random.between(1, 10 * kSecond_ns)};
    if (rate.per_nanosecond() > 0.1) continue;
    Pace pace = at_rate(rate, {}, kStart_ns);
    uint64_t now = kStart_ns;
    uint64_t sent = 0;
    for (int look = 0; look < 1000; look++) {
      now += random.below(50'000);
      sent += send_due(pace, now);
      const auto elapsed = static_cast<unsigned __int128>(now - kStart_ns);
      CHECK_EQUAL(sent, static_cast<uint64_t>(elapsed * rate.packets / rate.per_ns + 1));
      CHECK(pace.next_ns() > now);
    }
    CHECK_EQUAL(pace.stalls(), 0);
  }
}

TEST("pace lets no burst be longer than 10 us of traffic, or one packet") {
  CHECK_EQUAL(at_rate({1'000}).due(5'000'000), 1);
  CHECK_EQUAL(at_rate({1'000'000}).due(5'000'000), 10);
  CHECK_EQUAL(at_rate({14'880'952}).due(5'000'000), 149);
}

TEST("pace catches up after a short stall and keeps its count") {
  Pace pace = at_rate({1'000'000});
  CHECK_EQUAL(send_due(pace, 9'000'000), 9001);
  CHECK_EQUAL(pace.stalls(), 0);
  CHECK_EQUAL(pace.longest_train(), 9001);
}

TEST("pace gives up what a long stall would make a long burst, counts it, and keeps to its schedule") {
  Pace pace = at_rate({1'000'000});
  CHECK_EQUAL(send_due(pace, 50'000'300), 1);
  CHECK_EQUAL(pace.stalls(), 1);
  CHECK_EQUAL(pace.forgone(), 50'000);
  CHECK_EQUAL(pace.next_ns(), 50'001'000);
  CHECK_EQUAL(pace.due(50'000'999), 0);
  CHECK_EQUAL(send_due(pace, 50'001'000), 1);
  CHECK_EQUAL(pace.longest_train(), 1);
}

TEST("pace gives up packets that wait for room, too") {
  Pace pace = at_rate({1'000'000});
  CHECK_EQUAL(pace.due(9'500), 10);
  pace.sent(4);
  CHECK_EQUAL(pace.due(20'000'000), 1);
  pace.sent(1);
  // Of 20001 that were due, 4 had left, and one more did.
  CHECK_EQUAL(pace.forgone(), 20'001 - 5);
}

TEST("pace without patience gives up all but what is due together") {
  Pace pace = at_rate({1'000'000}, {.patience_ns = 0});
  CHECK_EQUAL(send_due(pace, 10'000), 11);
  CHECK_EQUAL(send_due(pace, 30'000), 1);
  CHECK_EQUAL(pace.forgone(), 19);
}

TEST("pace with endless patience gives nothing up") {
  Pace pace = at_rate({1'000'000}, {.patience_ns = kNever_ns});
  CHECK_EQUAL(send_due(pace, 3 * kSecond_ns), 3'000'001);
  CHECK_EQUAL(pace.stalls(), 0);
}

TEST("pace does not count a single late packet as a stall") {
  Pace pace = at_rate({10});
  CHECK_EQUAL(send_due(pace, 0), 1);
  CHECK_EQUAL(send_due(pace, 150'000'000), 1);
  CHECK_EQUAL(pace.next_ns(), 200'000'000);
  CHECK_EQUAL(pace.stalls(), 0);
}

TEST("pace that gathers lets packets leave together once in so long, and keeps the rate") {
  Pace pace = at_rate({1'000'000}, {.burst_ns = 100'000, .gathers = true});
  CHECK_EQUAL(send_due(pace, 0), 1);
  CHECK_EQUAL(pace.next_ns(), 100'000);
  CHECK_EQUAL(pace.due(99'999), 0);
  CHECK_EQUAL(pace.due(100'500), 100);
  pace.sent(100);
  CHECK_EQUAL(pace.next_ns(), 200'000);
  CHECK_EQUAL(send_due(pace, 200'000), 100);
  CHECK_EQUAL(pace.longest_train(), 100);
}

TEST("pace counts a train as packets that were due when the ones before them left") {
  Pace pace = at_rate({1'000'000});
  for (uint64_t now = 0; now <= 100'000; now += 1'000) CHECK_EQUAL(send_due(pace, now + 40), 1);
  CHECK_EQUAL(pace.longest_train(), 1);
  CHECK_EQUAL(pace.due(103'500), 3);
  pace.sent(3);
  CHECK_EQUAL(send_due(pace, 103'600), 0);
  // On time again.
  CHECK_EQUAL(send_due(pace, 104'010), 1);
  CHECK_EQUAL(pace.longest_train(), 3);
}

TEST("pace is over after the last packet of its schedule") {
  ScheduleSpec spec = steadily({1'000});
  spec.phases[0].duration_ns = 2'500'000;
  Pace pace(spec, kStart_ns, {});
  CHECK_EQUAL(send_due(pace, kStart_ns + 1'000'000), 2);
  CHECK(!pace.over());
  CHECK_EQUAL(send_due(pace, kStart_ns + 2'000'000), 1);
  CHECK(pace.over());
  CHECK_EQUAL(pace.next_ns(), kNever_ns);
  CHECK_EQUAL(pace.due(kStart_ns + 9 * kSecond_ns), 0);
}

}  // namespace
}  // namespace nm
