/**
 * What a run measures about its packets: marks that a sender writes and a receiver reads.
 */

import type { Arguments, Options } from "../command.js";
import { frameLimits } from "../layout.js";
import { conflict } from "./values.js";

export const markOptions = {
  mark: {
    type: "boolean",
    group: "Sending",
    describe: "End each packet with a number and a checksum, for a receiver with --verify",
  },
} as const satisfies Options;

export const verifyOptions = {
  verify: {
    type: "boolean",
    group: "Receiving",
    describe:
      "Check that all packets of a sender with --mark come whole, once and in order; else end with status 3",
  },
} as const satisfies Options;

type Args = Arguments<Record<never, never>, typeof markOptions & typeof verifyOptions>;

/** Bytes at the end of a packet that a mark takes. */
export function markLength({ mark }: Pick<Args, "mark">): number {
  return mark ? frameLimits.shortestMarked - frameLimits.headers : 0;
}

/** @throws {NmError} OPTION_CONFLICT */
export function checkMeasures(
  { mark, verify }: Args,
  run: { readonly function: string; readonly ipv6: boolean; readonly shortest: number },
): void {
  if (mark && run.function === "rx")
    throw conflict("--mark", "-f rx", "a receiver checks marks with --verify");
  if (verify && run.function === "tx")
    throw conflict("--verify", "-f tx", "a sender marks packets with --mark");
  const least = run.ipv6 ? frameLimits.shortestMarked6 : frameLimits.shortestMarked;
  if (mark && run.shortest < least) {
    throw conflict("--mark", `-l ${run.shortest}`, `a mark needs packets of at least ${least} bytes`);
  }
}
