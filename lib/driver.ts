/**
 * How a network interface was opened: which drivers of the embedded engine were tried, best first, and why one was
 * passed over. native/nic/driver.h says what a driver is.
 */

import { getSystemErrorName } from "node:util";
import { type DriverRefusal, driverRefusals } from "./layout.js";
import type { NativeDriverReport } from "./native.js";

/** One driver, and why it does not open the interface; `none` of the one that does. */
export interface DriverAttempt {
  readonly driver: string;
  readonly refusal: DriverRefusal;
  /** The name of the system's error behind it, "EPERM" for example; null where there was none. */
  readonly errno: string | null;
}

export interface DriverReport {
  /** One by one. When the interface was opened, the last is the driver that has it. */
  readonly attempts: readonly DriverAttempt[];
  /** How that driver works here, "zero-copy" for example; empty where it has one way only. */
  readonly mode: string;
}

const refusals = Object.keys(driverRefusals) as DriverRefusal[];

export function readDriverReport({ attempts, mode }: NativeDriverReport): DriverReport {
  return {
    mode,
    attempts: attempts.map(({ driver, refusal, error }) => ({
      driver,
      refusal: refusals[refusal] ?? "system_refused",
      errno: error === 0 ? null : getSystemErrorName(-error),
    })),
  };
}

/** "af-xdp: another XDP program is attached to the interface (EBUSY)" */
export function describeAttempt({ driver, refusal, errno }: DriverAttempt): string {
  return `${driver}: ${driverRefusals[refusal]}${errno === null ? "" : ` (${errno})`}`;
}

/** The capability whose lack is all that is in the way, if it is. */
export function missingCapability(attempts: readonly DriverAttempt[]): string | undefined {
  const capabilities: Partial<Record<DriverRefusal, string>> = {
    no_net_raw: "CAP_NET_RAW",
    no_net_admin: "CAP_NET_ADMIN",
    no_sys_admin: "CAP_SYS_ADMIN",
    no_bpf: "CAP_BPF",
  };
  const missing = attempts.map(({ refusal }) => capabilities[refusal]);
  // The last driver is the one that asks for the least.
  return missing.at(-1);
}
