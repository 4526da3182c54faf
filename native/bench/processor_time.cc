#include "bench/processor_time.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace nm::bench {
namespace {

constexpr int kNice = -15;

// The scheduler's account in /proc/<pid>/schedstat is as old as the last tick where it says how long a process ran, so
// that comes from the process's own clock.
uint64_t run_ns(pid_t process) {
  clockid_t clock;
  timespec ran = {};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &ran) != 0) return 0;
  return static_cast<uint64_t>(ran.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(ran.tv_nsec);
}

uint64_t wait_ns(pid_t process) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/schedstat", process);
  FILE* const file = fopen(path, "r");
  if (file == nullptr) return 0;
  unsigned long long ran = 0;
  unsigned long long waited = 0;
  const int read = fscanf(file, "%llu %llu", &ran, &waited);
  fclose(file);
  return read == 2 ? waited : 0;
}

uint64_t steal_ns() {
  FILE* const file = fopen("/proc/stat", "r");
  if (file == nullptr) return 0;
  unsigned long long ticks = 0;
  const int read = fscanf(file, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks);
  fclose(file);
  return read == 1 ? ticks * 1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK)) : 0;
}

}  // namespace

ProcessorTime processor_time(const std::vector<pid_t>& processes) {
  ProcessorTime time;
  for (const pid_t process : processes) {
    time.run_ns += run_ns(process);
    time.wait_ns += wait_ns(process);
  }
  time.steal_ns = steal_ns();
  return time;
}

double disturbance(const ProcessorTime& before, const ProcessorTime& after, uint64_t window_ns,
                   uint32_t cores) {
  const double all = static_cast<double>(window_ns) * cores;
  const double unused = std::max(0.0, all - static_cast<double>(after.run_ns - before.run_ns));
  const double waited = static_cast<double>(after.wait_ns - before.wait_ns);
  const double stolen = static_cast<double>(after.steal_ns - before.steal_ns);
  return (std::min(unused, waited) + stolen) / all;
}

bool take_priority() {
  // A session has a group of its own where the kernel groups by session.
  setsid();
  bool permitted = setpriority(PRIO_PROCESS, 0, kNice) == 0;
  FILE* const group = fopen("/proc/self/autogroup", "w");
  if (group != nullptr) {
    permitted &= fprintf(group, "%d", kNice) > 0;
    permitted &= fclose(group) == 0;
  }
  return permitted;
}

}  // namespace nm::bench
