// The smallest harness that our tests need. Include it in the one file of a test program: it has the main().
//
//   TEST("ring counts the slots between head and tail") {
//     Random random;
//     CHECK(ring.exists());
//     CHECK_EQUAL(ring.space(), 3);
//   }
//
// A test's name is a sentence about one behaviour. A check that fails ends the program, from whichever thread
// or forked process it is in: what follows would build on something that does not hold. Arguments choose
// tests: those whose name contains one of them. NM_SEED repeats a random test.
#pragma once

#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <type_traits>

#include "status.h"

namespace nm::check {

struct Test {
  Test(const char* sentence, void (*function)()) : name(sentence), body(function) {
    *last = this;
    last = &next;
  }

  const char* name;
  void (*body)();
  Test* next = nullptr;

  static inline Test* first = nullptr;
  static inline Test** last = &first;
  static inline Test* running = nullptr;
};

// One seed for a whole run: NM_SEED, or the time.
inline uint64_t seed() {
  static const uint64_t chosen = [] {
    if (const char* text = getenv("NM_SEED")) return strtoull(text, nullptr, 0);
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<unsigned long long>(now.tv_sec) * 1'000'000'000 +
           static_cast<unsigned long long>(now.tv_nsec);
  }();
  return chosen;
}

// A sequence of random numbers that depends on the seed only, which it prints when it begins. [splitmix64]
class Random {
 public:
  Random() : state_(seed()) {
    printf("    NM_SEED=%llu\n", static_cast<unsigned long long>(seed()));
    fflush(stdout);
  }

  // One of many that depend on the seed. Prints nothing.
  explicit Random(uint64_t which) : state_(seed() + which * 0xd1342543de82ef95) {}

  uint64_t next() {
    uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }
  uint64_t below(uint64_t limit) { return next() % limit; }
  uint64_t between(uint64_t least, uint64_t most) { return least + below(most - least + 1); }

 private:
  uint64_t state_;
};

inline std::string describe(Status status) {
  const char* const name = status_name(status);
  return name != nullptr ? name : "Status " + std::to_string(static_cast<int>(status));
}

template <typename Value>
std::string describe(const Value& value) {
  if constexpr (std::is_convertible_v<Value, std::string_view>) {
    return '"' + std::string(std::string_view(value)) + '"';
  } else if constexpr (std::is_enum_v<Value>) {
    return std::to_string(static_cast<long long>(value));
  } else if constexpr (std::is_pointer_v<Value>) {
    return value == nullptr ? "nullptr" : "a pointer";
  } else {
    return std::to_string(value);
  }
}

[[noreturn]] inline void fail(const char* file, int line, const std::string& what) {
  fflush(stdout);
  fprintf(stderr, "%s:%d: %s\n    in \"%s\"\n", file, line, what.c_str(),
          Test::running != nullptr ? Test::running->name : "");
  // Not exit(): other threads may be running, and a forked child must not run its parent's clean-up.
  _exit(1);
}

template <typename Left, typename Right>
bool equal(const Left& left, const Right& right) {
  if constexpr (std::is_integral_v<Left> && std::is_integral_v<Right>) {
    return static_cast<__int128>(left) == static_cast<__int128>(right);
  } else {
    return left == right;
  }
}

template <typename Left, typename Right>
void check_equal(const Left& left, const Right& right, const char* text, const char* file, int line) {
  if (!equal(left, right))
    fail(file, line, std::string(text) + ": " + describe(left) + " is not " + describe(right));
}

inline bool chosen(const Test& test, int count, char** arguments) {
  for (int i = 1; i < count; i++) {
    if (std::string_view(test.name).find(arguments[i]) != std::string_view::npos) return true;
  }
  return count < 2;
}

}  // namespace nm::check

#define CHECK(condition)                                                                      \
  do {                                                                                        \
    if (!(condition)) nm::check::fail(__FILE__, __LINE__, "this does not hold: " #condition); \
  } while (false)
#define CHECK_EQUAL(left, right) nm::check::check_equal((left), (right), #left, __FILE__, __LINE__)

#define NM_CHECK_JOIN(left, right) left##right
#define NM_CHECK_TEST(name, line)                                                       \
  static void NM_CHECK_JOIN(test_, line)();                                             \
  static nm::check::Test NM_CHECK_JOIN(entry_, line)(name, NM_CHECK_JOIN(test_, line)); \
  static void NM_CHECK_JOIN(test_, line)()
#define NM_CHECK_TEST_AT(name, line) NM_CHECK_TEST(name, line)
#define TEST(name) NM_CHECK_TEST_AT(name, __LINE__)

int main(int count, char** arguments) {
  for (nm::check::Test* test = nm::check::Test::first; test != nullptr; test = test->next) {
    if (!nm::check::chosen(*test, count, arguments)) continue;
    printf("  %s\n", test->name);
    fflush(stdout);
    nm::check::Test::running = test;
    test->body();
  }
  return 0;
}
