// Cases: each is a sentence about netmap and the code that proves it, run in a process of its own.
//
//   NOUN("exclusive");
//
//   CASE("a port that is open exclusively opens for nobody else") {
//     Port first(vale("a"), {.nr_flags = NR_EXCLUSIVE});
//     EXPECT(opening(vale("a")), EBUSY);
//   }
//
// A check that does not hold ends its case. A case that crashes, hangs or leaves processes behind harms no other.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <vector>

namespace conformance {

// The devices that a case can meet.
enum class Device { kernel, embedded };

struct Case {
  Case(const char* its_noun, const char* its_sentence, void (*its_body)());

  const char* noun;
  const char* sentence;
  void (*body)();
};

// Where a device knowingly does otherwise than a case says. The case must then fail on it.
struct Difference {
  const char* sentence;
  Device differs_on;
  // For the embedded engine these are words of docs/netmap-differences.md.
  const char* why;
};
extern const std::vector<Difference> differences;

Device device();

// A number for the names of this case, which nothing else on the machine has.
int case_number();

// What a system call answered: 0 or an errno.
struct Answer {
  int number;
  bool operator==(int other) const { return number == other; }
};

std::string describe(Answer answer);
inline std::string describe(const std::string& text) { return '"' + text + '"'; }

template <typename Value>
std::string describe(const Value& value) {
  if constexpr (std::is_same_v<Value, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_integral_v<Value> || std::is_enum_v<Value>) {
    return std::to_string(static_cast<long long>(value));
  } else {
    return value.describe();
  }
}

template <typename Value>
std::string describe(const std::vector<Value>& values) {
  std::string text;
  for (const Value& value : values) text += (text.empty() ? "" : ", ") + describe(value);
  return values.empty() ? "none" : text;
}

// Ends the case, from whichever of its processes.
[[noreturn]] void fail(const char* file, int line, const std::string& what);
[[noreturn]] void skip(const std::string& reason);

template <typename Found, typename Expected>
void expect(const Found& found, const Expected& expected, const char* text, const char* file, int line) {
  bool equal;
  std::string wanted;
  if constexpr (std::is_integral_v<Found> && std::is_integral_v<Expected>) {
    equal = static_cast<__int128>(found) == static_cast<__int128>(expected);
    wanted = describe(expected);
  } else {
    equal = found == expected;
    if constexpr (std::is_same_v<Found, Answer>) {
      wanted = describe(Answer{expected});
    } else {
      wanted = describe(Found(expected));
    }
  }
  if (!equal) fail(file, line, std::string(text) + ": expected " + wanted + ", found " + describe(found));
}

// Runs `body` in a process of its own, which a check that fails ends together with the case.
class Process {
 public:
  explicit Process(const std::function<void()>& body);
  Process(const Process&) = delete;
  ~Process();
  void wait();
  void kill();

 private:
  int id_;
};

}  // namespace conformance

#define EXPECT(found, ...) conformance::expect((found), (__VA_ARGS__), #found, __FILE__, __LINE__)
#define HOLDS(condition)                                                                                \
  do {                                                                                                  \
    if (!(condition)) conformance::fail(__FILE__, __LINE__, "expected to hold, found not: " #condition); \
  } while (false)

#define NOUN(name)                  \
  using namespace conformance;      \
  static const char kNoun[] = name; \
  static_assert(true)

#define CONFORMANCE_JOIN(left, right) left##right
#define CONFORMANCE_CASE(sentence, line)                                                      \
  static void CONFORMANCE_JOIN(case_, line)();                                                \
  static const Case CONFORMANCE_JOIN(entry_, line)(kNoun, sentence, CONFORMANCE_JOIN(case_, line)); \
  static void CONFORMANCE_JOIN(case_, line)()
#define CONFORMANCE_CASE_AT(sentence, line) CONFORMANCE_CASE(sentence, line)
#define CASE(sentence) CONFORMANCE_CASE_AT(sentence, __LINE__)
