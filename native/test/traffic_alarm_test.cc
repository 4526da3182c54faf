// Waking up in time: what the lead of a sleep becomes on machines of different haste, and that a wait ends.
#include "test/check.h"
#include "traffic/alarm.h"

namespace nm {
namespace {

TEST("the lead of a sleep settles where one sleep of a hundred ends after it") {
  check::Random random;
  SleepLead lead;
  // A machine whose sleeps end 0 to 100 us late, each lateness as often as the others.
  constexpr uint64_t kRange_ns = 100'000;
  constexpr int kSleeps = 200'000;
  for (int i = 0; i < 10'000; i++) lead.took(random.below(kRange_ns));
  uint64_t missed = 0;
  uint64_t sum_ns = 0;
  for (int i = 0; i < kSleeps; i++) {
    const uint64_t late_ns = random.below(kRange_ns);
    missed += late_ns > lead.ns();
    sum_ns += lead.ns();
    lead.took(late_ns);
  }
  // 2,000 are expected; the lead pulls the count back to that, so that it strays far less than chance would.
  CHECK(missed > 1'700 && missed < 2'300);
  CHECK(sum_ns / kSleeps > 90'000 && sum_ns / kSleeps < 105'000);
}

TEST("the lead of a sleep shrinks on a machine that wakes at once, and is bounded on one that never does") {
  SleepLead quick;
  for (int i = 0; i < 2'000; i++) quick.took(3'000);
  CHECK_EQUAL(quick.ns(), SleepLead::kLeast_ns);
  SleepLead slow;
  for (int i = 0; i < 2'000; i++) slow.took(50'000'000);
  CHECK_EQUAL(slow.ns(), SleepLead::kMost_ns);
}

TEST("the lead of a sleep recovers from a few very late ones") {
  SleepLead lead;
  for (int i = 0; i < 5'000; i++) lead.took(20'000);
  const uint64_t before_ns = lead.ns();
  for (int i = 0; i < 3; i++) lead.took(10'000'000);
  CHECK(lead.ns() > before_ns && lead.ns() < before_ns + 40'000);
  for (int i = 0; i < 500; i++) lead.took(20'000);
  CHECK(lead.ns() <= before_ns + 10'000);
}

TEST("wait_until returns at its time or when it is to stop") {
  std::atomic<bool> stopping{false};
  Alarm alarm;
  for (const uint64_t wait_ns : {0, 1'000, 300'000, 2'000'000}) {
    const uint64_t deadline_ns = monotonic_ns() + wait_ns;
    CHECK(alarm.wait_until(deadline_ns, stopping) >= deadline_ns);
  }
  stopping.store(true);
  CHECK(alarm.wait_until(kNever_ns, stopping) < kNever_ns);
}

}  // namespace
}  // namespace nm
