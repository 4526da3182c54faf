/** What a port of a switch is told to do beside learning and flooding, in people's words and in the engine's. */

import { NmError } from "../errors.js";
import type { NativePolicy } from "../native.js";
import { readNumber } from "../number.js";

export const fullPolicies = ["drop", "wait"] as const;

export interface Policy {
  /** What becomes of packets for a port that has no room: lost, as on netmap's switch, or waiting at their sender. */
  readonly full: (typeof fullPolicies)[number];
  /** What it may send in a second; undefined: anything. */
  readonly rate: { readonly pps: number } | { readonly bps: number } | undefined;
  /** How many stations may be behind it. */
  readonly macLimit: number | undefined;
  /** Ports of one group do not reach each other. */
  readonly group: number | undefined;
  /** The port of the same switch that gets copies of what it sends and gets, by its name there. */
  readonly mirror: string | undefined;
}

export const noPolicy: Policy = {
  full: "drop",
  rate: undefined,
  macLimit: undefined,
  group: undefined,
  mirror: undefined,
};

export function policyFrom({ waits, rate, rateIsBits, macLimit, group, mirror }: NativePolicy): Policy {
  return {
    full: waits ? "wait" : "drop",
    rate: rate === 0 ? undefined : rateIsBits ? { bps: rate } : { pps: rate },
    macLimit: macLimit || undefined,
    group: group || undefined,
    mirror: mirror || undefined,
  };
}

export function nativePolicy({ full, rate, macLimit, group, mirror }: Policy): NativePolicy {
  return {
    waits: full === "wait",
    rate: rate === undefined ? 0 : "bps" in rate ? rate.bps : rate.pps,
    rateIsBits: rate !== undefined && "bps" in rate,
    macLimit: macLimit ?? 0,
    group: group ?? 0,
    mirror: mirror ?? "",
  };
}

/** For --json: every field is there, null where nothing was said. */
export function policyFields({ full, rate, macLimit, group, mirror }: Policy) {
  return {
    full,
    rate_pps: rate && "pps" in rate ? rate.pps : null,
    rate_bps: rate && "bps" in rate ? rate.bps : null,
    mac_limit: macLimit ?? null,
    group: group ?? null,
    mirror: mirror ?? null,
  };
}

/** "waits, 100 kpps, 10 MACs, group 3, mirror m"; empty where it is as netmap's. */
export function policyWords({ full, rate, macLimit, group, mirror }: Policy): string {
  return [
    full === "wait" ? "waits" : "",
    rate ? formatLimit(rate) : "",
    macLimit ? `${macLimit} MAC${macLimit === 1 ? "" : "s"}` : "",
    group ? `group ${group}` : "",
    mirror ? `mirror ${mirror}` : "",
  ]
    .filter((words) => words !== "")
    .join(", ");
}

const unitSteps = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
] as const;

/** "100kpps", "2.5Gbps": as readLimit reads it. */
export function formatLimit(rate: NonNullable<Policy["rate"]>): string {
  const [value, unit] = "bps" in rate ? [rate.bps, "bps"] : [rate.pps, "pps"];
  const [step, letter] = unitSteps.find(([least]) => value >= least) ?? [1, ""];
  return `${value / step}${letter}${unit}`;
}

export const limitForm = "packets a second (100kpps), payload bits a second (1Gbps), or any";

/** A limit of what a port sends; null for "any", undefined where the text is none. */
export function readLimit(text: string): Policy["rate"] | null {
  if (text === "any") return null;
  const [, digits = "", unit] = /^(.*)(pps|bps)$/.exec(text) ?? [];
  const value = readNumber(digits)?.value;
  if (unit === undefined || value === undefined) return undefined;
  const whole = Math.round(value);
  if (whole < 1 || whole > 1e15) return undefined;
  return unit === "bps" ? { bps: whole } : { pps: whole };
}

/** What --full, --rate and so on say, on top of what a port is told already. */
export interface PolicyWords {
  readonly full?: string | undefined;
  readonly rate?: string | undefined;
  readonly macLimit?: number | undefined;
  readonly group?: number | undefined;
  readonly mirror?: string | undefined;
}

/** @throws {NmError} OPTION_VALUE */
export function changedPolicy(before: Policy, words: PolicyWords): Policy {
  const { full, rate, macLimit, group, mirror } = words;
  let limit = before.rate;
  if (rate !== undefined) {
    const read = readLimit(rate);
    if (read === undefined) {
      throw new NmError("OPTION_VALUE", {
        option: "--rate",
        text: rate,
        expected: limitForm,
        example: "--rate 100kpps",
      });
    }
    limit = read ?? undefined;
  }
  return {
    full: full === undefined ? before.full : (full as Policy["full"]),
    rate: limit,
    macLimit: macLimit === undefined ? before.macLimit : macLimit || undefined,
    group: group === undefined ? before.group : group || undefined,
    mirror: mirror === undefined ? before.mirror : mirror === "none" ? undefined : mirror,
  };
}
