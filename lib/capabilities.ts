/** What this process may do, of what root may: capabilities(7). */

import { readFileSync } from "node:fs";

/** Those that something here needs, with their bits, in the order of capability.h. */
const bits = {
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_IPC_LOCK: 14,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_NICE: 23,
  CAP_BPF: 39,
} as const;

export type Capability = keyof typeof bits;

export const capabilities = Object.keys(bits) as Capability[];

/** Those of `wanted` that the process has not. */
export function missingCapabilities(
  wanted: readonly Capability[],
  status = readFileSync("/proc/self/status", "utf8"),
): Capability[] {
  const effective = BigInt(`0x${/^CapEff:\s*([\da-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return wanted.filter((name) => ((effective >> BigInt(bits[name])) & 1n) === 0n);
}
