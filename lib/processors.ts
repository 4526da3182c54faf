/** The processors that this process may run on: a container or taskset may leave it fewer than there are. */

import { readFileSync } from "node:fs";

/** Their numbers, ascending. */
export function allowedProcessors(status = readFileSync("/proc/self/status", "utf8")): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? "0";
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
