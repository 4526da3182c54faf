/**
 * What a run measures about its packets: marks that a sender writes and a receiver reads.
 */

import type { Arguments, Options } from "../command.js";
import type { FunctionName } from "./functions.js";
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
export function checkMeasures({ mark, verify }: Args, run: { readonly function: FunctionName }): void {
  const name = `-f ${run.function}`;
  if (mark && run.function === "rx") throw conflict("--mark", name, "a receiver checks marks with --verify");
  if (mark && run.function !== "tx") throw conflict("--mark", name, "it has a form of its own for packets");
  if (verify && run.function === "tx") throw conflict("--verify", name, "a sender marks packets with --mark");
  if (verify && run.function !== "rx") throw conflict("--verify", name, "marks are for tx and rx");
}
