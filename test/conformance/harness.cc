#include "harness.h"

#include <fcntl.h>
#include <net/netmap.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace conformance {

namespace {

// By which limits of time are multiplied, as in the package's other tests.
unsigned patience() {
  const char* const words = getenv("NM_TEST_PATIENCE");
  return words != nullptr ? std::max(1u, static_cast<unsigned>(strtoul(words, nullptr, 10))) : 1;
}

// A case is bounded by its alarm; one that blocks it is killed a little later.
const unsigned case_seconds = 20 * patience();
const unsigned grace_seconds = 5 * patience();

constexpr int kFailed = 1;
constexpr int kSkipped = 2;

enum class Outcome { ok, not_ok, differs, skipped };
constexpr int kOutcomes = 4;

struct Result {
  Outcome outcome;
  std::string words;
};

// Ends a case by way of its destructors.
struct Ended {
  int status;
};

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

pid_t case_id = 0;
// Where a case's processes write why it ended.
int report_to = -1;

void report(const std::string& words) {
  if (write(report_to, words.c_str(), words.size()) < 0) _exit(kFailed);
}

std::string name_of(const Case& one) { return std::string(one.noun) + ": " + one.sentence; }

// In the child: the exit status says how it went, the report says why.
[[noreturn]] void run_body(const std::function<void()>& body) {
  int status = 0;
  try {
    body();
  } catch (const Ended& ended) {
    status = ended.status;
  }
  _exit(status);
}

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// The child's status, or nothing once it has had its time.
bool wait_until(pid_t child, double deadline, int* status) {
  while (now() < deadline) {
    if (waitpid(child, status, WNOHANG) == child) return true;
    usleep(500);
  }
  return false;
}

std::string read_report(int from) {
  std::string words;
  char part[512];
  ssize_t length;
  // Processes that the case left behind may still hold the other end.
  while ((length = read(from, part, sizeof(part))) > 0) words.append(part, static_cast<size_t>(length));
  return words.substr(0, words.find('\n'));
}

Result run_alone(const Case& one) {
  int ends[2];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return {Outcome::not_ok, "cannot make a pipe"};
  fflush(stdout);
  const pid_t child = fork();
  if (child < 0) return {Outcome::not_ok, "cannot fork"};
  if (child == 0) {
    setpgid(0, 0);
    close(ends[0]);
    report_to = ends[1];
    case_id = getpid();
    alarm(case_seconds);
    run_body(one.body);
  }
  close(ends[1]);
  int status = 0;
  const bool ended = wait_until(child, now() + case_seconds + grace_seconds, &status);
  ::kill(-child, SIGKILL);
  // What the kernel does not let go of stays.
  if (!ended) wait_until(child, now() + grace_seconds, &status);
  const std::string words = read_report(ends[0]);
  close(ends[0]);

  if (!ended || (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)) {
    return {Outcome::not_ok,
            "expected to end, found it waiting after " + std::to_string(case_seconds) + " s"};
  }
  if (WIFSIGNALED(status)) {
    return {Outcome::not_ok, std::string("expected to end, found it killed: ") + strsignal(WTERMSIG(status))};
  }
  if (WEXITSTATUS(status) == kSkipped) return {Outcome::skipped, words};
  if (WEXITSTATUS(status) != 0 || !words.empty()) return {Outcome::not_ok, words};
  return {Outcome::ok, ""};
}

const Difference* difference_of(const Case& one) {
  for (const Difference& row : differences) {
    if (row.differs_on == device() && strcmp(row.sentence, one.sentence) == 0) return &row;
  }
  return nullptr;
}

Result run(const Case& one) {
  const Result result = run_alone(one);
  const Difference* row = difference_of(one);
  if (row == nullptr || result.outcome == Outcome::skipped) return result;
  if (result.outcome == Outcome::ok) {
    return {Outcome::not_ok, std::string("expected to differ here, found that it holds: ") + row->why};
  }
  return {Outcome::differs, row->why};
}

// By noun; those come last that could leave something behind in the module.
bool comes_before(const Case& left, const Case& right) {
  const auto is_late = [](const Case& one) {
    return strcmp(one.noun, "persistent ports") == 0 || strcmp(one.noun, "csb") == 0;
  };
  if (is_late(left) != is_late(right)) return is_late(right);
  return strcmp(left.noun, right.noun) < 0;
}

bool chosen(const Case& one, const std::vector<std::string>& words) {
  if (words.empty()) return true;
  const std::string name = name_of(one);
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return name.find(word) != std::string::npos; });
}

const char* device_name(Device which) { return which == Device::kernel ? "kernel" : "embedded"; }

int run_chosen(const std::vector<std::string>& words) {
  static constexpr const char* kLabels[kOutcomes] = {"ok", "not ok", "differs", "skipped"};
  int counts[kOutcomes] = {};
  int total = 0;
  for (const Case& one : cases()) {
    if (!chosen(one, words)) continue;
    const Result result = run(one);
    const int outcome = static_cast<int>(result.outcome);
    counts[outcome]++;
    total++;
    printf("%-8s %s%s%s\n", kLabels[outcome], name_of(one).c_str(), result.words.empty() ? "" : ": ",
           result.words.c_str());
  }
  printf("%d cases on the %s device: %d ok, %d not ok, %d differ, %d skipped\n", total, device_name(device()),
         counts[0], counts[1], counts[2], counts[3]);
  return total == 0 || counts[static_cast<int>(Outcome::not_ok)] != 0 ? 1 : 0;
}

// Rows that name no case would be forgotten ones.
int check_differences() {
  int unknown = 0;
  for (const Difference& row : differences) {
    const bool known = std::any_of(cases().begin(), cases().end(),
                                   [&](const Case& one) { return strcmp(one.sentence, row.sentence) == 0; });
    if (!known) printf("no case says \"%s\"\n", row.sentence);
    if (!known) unknown++;
  }
  return unknown;
}

// Whether there is a device that speaks our version of netmap's interface. Says why not.
bool device_answers() {
  const int netmap = open("/dev/netmap", O_RDWR);
  if (netmap < 0) {
    fprintf(stderr, "conformance: cannot open /dev/netmap: %s\n", strerror(errno));
    return false;
  }
  nmreq_port_info_get region = {};
  nmreq_header header = {};
  header.nr_version = NETMAP_API;
  header.nr_reqtype = NETMAP_REQ_PORT_INFO_GET;
  header.nr_body = reinterpret_cast<uint64_t>(&region);
  const int result = ioctl(netmap, NIOCCTRL, &header);
  if (result != 0) {
    fprintf(stderr, "conformance: /dev/netmap does not speak version %d: %s\n", NETMAP_API, strerror(errno));
  }
  close(netmap);
  return result == 0;
}

const char kUsage[] =
    "usage: conformance [--list | --differences | WORD...]\n"
    "Proves sentences about netmap on /dev/netmap, those that hold one of the words if any are given.\n"
    "Exit status: 0 all hold, 1 some do not, 2 there is no device or the usage is wrong.\n";

}  // namespace

Case::Case(const char* its_noun, const char* its_sentence, void (*its_body)())
    : noun(its_noun), sentence(its_sentence), body(its_body) {
  cases().push_back(*this);
}

Device device() {
  const char* preloaded = getenv("LD_PRELOAD");
  return preloaded != nullptr && strstr(preloaded, "nm_preload") != nullptr ? Device::embedded
                                                                            : Device::kernel;
}

int case_number() { return case_id; }

std::string describe(Answer answer) {
  static constexpr struct {
    int number;
    const char* name;
  } kNames[] = {
      {0, "success"},     {EINVAL, "EINVAL"}, {EBUSY, "EBUSY"},           {ENXIO, "ENXIO"},
      {ENOMEM, "ENOMEM"}, {EIO, "EIO"},       {EOPNOTSUPP, "EOPNOTSUPP"}, {EMSGSIZE, "EMSGSIZE"},
      {EEXIST, "EEXIST"}, {ENOENT, "ENOENT"}, {EFAULT, "EFAULT"},         {EACCES, "EACCES"},
      {ENODEV, "ENODEV"}, {EPERM, "EPERM"},   {EBADF, "EBADF"},           {ENOSPC, "ENOSPC"},
      {EINTR, "EINTR"},   {EAGAIN, "EAGAIN"}, {ENOTTY, "ENOTTY"},
  };
  for (const auto& row : kNames) {
    if (row.number == answer.number) return row.name;
  }
  return "errno " + std::to_string(answer.number) + " (" + strerror(answer.number) + ")";
}

void fail(const char* file, int line, const std::string& what) {
  const char* slash = strrchr(file, '/');
  report(what + " (" + (slash != nullptr ? slash + 1 : file) + ":" + std::to_string(line) + ")\n");
  throw Ended{kFailed};
}

void skip(const std::string& reason) {
  report(reason + "\n");
  throw Ended{kSkipped};
}

Process::Process(const std::function<void()>& body) : id_(fork()) {
  if (id_ != 0) return;
  alarm(case_seconds);
  run_body(body);
}

Process::~Process() { kill(); }

void Process::wait() {
  int status = 0;
  waitpid(id_, &status, 0);
  id_ = 0;
  if (WIFSIGNALED(status))
    report(std::string("a process of it was killed: ") + strsignal(WTERMSIG(status)) + "\n");
  if (status != 0) throw Ended{kFailed};
}

void Process::kill() {
  if (id_ <= 0) return;
  ::kill(id_, SIGKILL);
  waitpid(id_, nullptr, 0);
  id_ = 0;
}

}  // namespace conformance

int main(int count, char** arguments) {
  using namespace conformance;
  std::stable_sort(cases().begin(), cases().end(), comes_before);
  std::vector<std::string> words(arguments + 1, arguments + count);
  if (check_differences() != 0) return 1;
  if (words.size() == 1 && words[0] == "--list") {
    for (const Case& one : cases()) puts(name_of(one).c_str());
    return 0;
  }
  if (words.size() == 1 && words[0] == "--differences") {
    for (const Difference& row : differences)
      printf("%s\t%s\t%s\n", device_name(row.differs_on), row.sentence, row.why);
    return 0;
  }
  if (!words.empty() && words[0][0] == '-') {
    fputs(kUsage, words[0] == "--help" ? stdout : stderr);
    return words[0] == "--help" ? 0 : 2;
  }
  if (!device_answers()) return 2;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  return run_chosen(words);
}
