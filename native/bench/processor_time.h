// How much processor time processes got, and how much of it they wanted and others had.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace nm::bench {

// Sums over some processes, and of the whole machine, since they began.
struct ProcessorTime {
  uint64_t run_ns = 0;
  uint64_t wait_ns = 0;   // ready to run, and not running
  uint64_t steal_ns = 0;  // the machine was ready to run, and its host ran something else
};

ProcessorTime processor_time(const std::vector<pid_t>& processes);

// The share of `cores` processors that the processes missed during a window.
//
// Processes that share a core wait for each other, which is no disturbance; those that sleep leave time unused, which
// is none either. The smaller of the two is what neither explains.
double disturbance(const ProcessorTime& before, const ProcessorTime& after, uint64_t window_ns,
                   uint32_t cores);

// Tries to keep other work of the machine away from this process and those it starts: a scheduling group of
// their own, with priority. Returns whether it was permitted.
bool take_priority();

}  // namespace nm::bench
