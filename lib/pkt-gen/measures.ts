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

/** @throws {NmError} OPTION_CONFLICT */
export function checkMeasures(
  { mark, verify }: Args,
  run: { readonly function: string; readonly length: number },
): void {
  if (mark && run.function === "rx")
    throw conflict("--mark", "-f rx", "a receiver checks marks with --verify");
  if (verify && run.function === "tx")
    throw conflict("--verify", "-f tx", "a sender marks packets with --mark");
  if (mark && run.length < frameLimits.shortestMarked) {
    const reason = `a mark needs packets of at least ${frameLimits.shortestMarked} bytes`;
    throw conflict("--mark", `-l ${run.length}`, reason);
  }
}
