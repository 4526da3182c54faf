// A count that several loops take together.
#include <thread>
#include <vector>

#include "test/check.h"
#include "traffic/budget.h"

namespace nm {
namespace {

TEST("budget gives out its packets once, and takes back what was not used") {
  Budget budget(10);
  CHECK_EQUAL(budget.reserve(7), 7);
  CHECK_EQUAL(budget.reserve(7), 3);
  CHECK_EQUAL(budget.reserve(1), 0);
  budget.settle(7, 2);
  CHECK_EQUAL(budget.reserve(99), 5);
  CHECK(!budget.used_up());
  budget.settle(3, 3);
  budget.settle(5, 5);
  CHECK(budget.used_up());
}

TEST("budget is used up exactly when several threads take from it") {
  constexpr uint64_t kPackets = 200'000;
  Budget budget(kPackets);
  std::atomic<uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (uint64_t seed = 1; seed <= 4; seed++) {
    threads.emplace_back([&, seed] {
      uint64_t state = seed;
      while (!budget.used_up()) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const uint64_t reserved = budget.reserve(state >> 60);
        const uint64_t some = std::min(reserved, state >> 40 & 7);
        budget.settle(reserved, some);
        taken += some;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQUAL(taken.load(), kPackets);
}

}  // namespace
}  // namespace nm
