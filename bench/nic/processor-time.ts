/** The time of all processors that was not idle, since the machine was started. The kernel counts it by the clock tick. */

import { readFileSync } from "node:fs";

/** What sysconf(_SC_CLK_TCK) gives on every Linux that there is. */
const tick_ns = 1e9 / 100;

/** "cpu" of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal. [proc(5)] */
export function processorTime_ns(): number {
  const [, ...ticks] = (readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "").split(/\s+/).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = ticks;
  return (user + nice + system + irq + softirq) * tick_ns;
}
