/**
 * When packets leave: pkt-gen's options about it, and the schedule that they mean.
 */

import type { Arguments, Options } from "../command.js";
import type { GeneratorOptions } from "../traffic.js";

export const rateOptions = {
  rate: {
    type: "number",
    alias: "R",
    value: "PPS",
    default: 0,
    max: 1e9,
    group: "Sending",
    describe: "Send so many packets a second, 0 for as many as the port takes",
  },
} as const satisfies Options;

type Args = Arguments<Record<never, never>, typeof rateOptions>;

const second_ns = 1e9;

/** A schedule begins when all threads run for sure, or the first packets would have to catch up. */
const threadStart_ns = 5e6;

/** The part of sender number `sender` of `senders` in one schedule: it sends its packets between those of the others. */
export type Share = (sender: number, senders: number) => Pick<GeneratorOptions, "startNs" | "rate">;

/** The schedule that all senders keep together, from now on. */
export function scheduleFrom({ rate }: Args): Share {
  if (rate === 0) return () => ({});
  const start_ns = Number(process.hrtime.bigint()) + threadStart_ns;
  return (sender, senders) => ({
    startNs: start_ns + Math.round((sender * second_ns) / rate),
    rate: { packets: rate, perNs: senders * second_ns },
  });
}
