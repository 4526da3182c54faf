/**
 * When packets leave: pkt-gen's options about it, and the schedule that they mean.
 */

import type { Arguments, Options } from "../command.js";
import { readDuration } from "../duration.js";
import { NmError } from "../errors.js";
import { readNumber } from "../number.js";
import { ppsOf, rateForms, readRate, type Yardstick } from "../rate.js";
import type { Pace, Rate, Schedule } from "../schedule.js";
import { profileExample, readProfile } from "./profile.js";
import { badValue, conflict, readValue } from "./values.js";

const usualCatchUp = "10ms";

export const rateOptions = {
  rate: {
    type: "string",
    alias: "R",
    value: "RATE",
    default: "0",
    group: "Rate",
    describe: `Send at this rate: ${rateForms}; 0 for as fast as the port takes packets`,
  },
  lineRate: {
    type: "string",
    value: "RATE",
    group: "Rate",
    describe:
      "What the line carries, for example 10Gbps, for a --rate in %; by default what the network card says of itself",
  },
  profile: {
    type: "string",
    value: "PHASES",
    group: "Rate",
    describe:
      `Change the rate as in "${profileExample}": phases with a comma between, each a rate and a time; A..B is a ramp, ` +
      "A..B/N has N steps, burst N/TIME sends N packets together once in a time, poisson RATE sends at random, pause " +
      "not at all; repeat at the end begins again",
  },
  burstTime: {
    type: "string",
    value: "TIME",
    group: "Rate",
    describe:
      "Gather the packets of so much time and send them together, which costs less; by default each leaves at its own " +
      "time, and only those that are late leave together, at most 10us of traffic",
  },
  catchUp: {
    type: "string",
    value: "TIME",
    default: usualCatchUp,
    group: "Rate",
    describe:
      "After a standstill send what is at most so late, and give up the rest, counted; all catches up whatever it was, " +
      "none only what is due together",
  },
} as const satisfies Options;

type Args = Arguments<Record<never, never>, typeof rateOptions>;

/** What the options come to. */
export interface Timing {
  /** Nothing where packets leave as fast as the port takes them. */
  readonly schedule: Schedule | undefined;
  readonly pace: Pace;
  /** Packets a second; nothing where that changes. */
  readonly askedPps: number | undefined;
}

/** @throws {NmError} OPTION_VALUE, OPTION_CONFLICT, PROFILE_SYNTAX or LINE_RATE_UNKNOWN */
export function readTiming(args: Args, yardstick: Yardstick, port: string): Timing {
  const { profile, burstTime } = args;
  const line = lineOf(args) ?? yardstick.line;
  const rateOf = (text: string) => readRateOption("rate", text, { ...yardstick, line }, port);
  const rate = rateOf(args.rate);
  const pace = {
    ...(burstTime !== undefined && { burstNs: timeOf("burstTime", burstTime), gathers: true }),
    patienceNs: patienceOf(args.catchUp),
  };
  if (profile !== undefined) {
    if (rate.packets > 0) throw conflict("--profile", "--rate", "both say when packets leave");
    return { schedule: readProfile(profile, rateOf), pace, askedPps: undefined };
  }
  if (rate.packets > 0) {
    return { schedule: { phases: [{ kind: "steady", rate }] }, pace, askedPps: ppsOf(rate) };
  }
  if (burstTime !== undefined) throw conflict("--burst-time", "--rate 0", "nothing is due at a time");
  return { schedule: undefined, pace, askedPps: undefined };
}

/** Whether chance decides when packets leave. */
export function isRandom({ schedule }: Timing): boolean {
  return schedule?.phases.some(({ kind }) => kind === "poisson") === true;
}

function readRateOption(name: string, text: string, yardstick: Yardstick, port: string): Rate {
  const rate = readRate(text, yardstick);
  if (rate === "no line rate") throw new NmError("LINE_RATE_UNKNOWN", { text, port });
  if (rate === undefined) throw badValue(name, text, [rateForms, "10M"]);
  return rate;
}

function lineOf({ lineRate }: Args): number | undefined {
  if (lineRate === undefined) return undefined;
  const bits = readNumber(lineRate.replace(/bps$/, ""))?.value;
  if (bits === undefined || bits <= 0) throw badValue("lineRate", lineRate, ["bits a second", "10Gbps"]);
  return bits;
}

function patienceOf(text: string): number {
  if (text === "none") return 0;
  if (text === "all") return Number.MAX_SAFE_INTEGER;
  return readValue("catchUp", text, readDuration, ["all, none, or a time with its unit", usualCatchUp]);
}

function timeOf(name: string, text: string): number {
  return readValue(name, text, readDuration, ["a time with its unit: us, ms, s", "100us"]);
}
