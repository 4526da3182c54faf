/**
 * What is measured in times and not in packets a second: how exactly a sender keeps a rate, and how long an answer takes.
 * Each beside what the machine lets a bare loop do in the same window. See native/bench/precision.h and round_trips.h.
 */

import { type Class, type Line, runProgram } from "./window.js";

export type Timing = { readonly name: string } & (
  | { readonly kind: "precision"; readonly pps: number }
  | { readonly kind: "round-trips"; readonly placement: "two" | "one" }
);

export const timings: readonly Timing[] = [
  { name: "rate-500k", kind: "precision", pps: 500_000 },
  { name: "rate-1M", kind: "precision", pps: 1_000_000 },
  { name: "round-trips", kind: "round-trips", placement: "two" },
  { name: "round-trips-one-core", kind: "round-trips", placement: "one" },
];

export interface TimingResult {
  readonly timing: Timing;
  readonly class: Class;
  readonly disturbance: number;
  /** As they go into the report. */
  readonly figures: Readonly<Record<string, number>>;
  /** Of ours to the bare loop's. */
  readonly ratio: number;
  readonly goal: string;
  readonly met: boolean;
}

/** Of all gaps that the machine lets anybody keep, the share that a sender keeps. */
const leastExact = 0.99;
/** 0.01 % */
const mostError_ppm = 100;
const mostRoundTrip = 1.2;

export function measureTiming(timing: Timing, seconds: number): TimingResult {
  return timing.kind === "precision"
    ? precision(timing, runProgram(["precision", timing.pps, seconds]))
    : roundTrips(timing, runProgram(["round-trips", seconds, timing.placement]));
}

function precision(timing: Timing, line: Line): TimingResult {
  const { noise_share = 0, sent_share = 0, received_share = 0, error_ppm = Number.NaN } = line.figures;
  const ratio = sent_share / noise_share;
  const { forgone = 0, longest_burst = 0 } = line.figures;
  return {
    timing,
    class: line.class,
    disturbance: line.disturbance,
    figures: { noise_share, sent_share, received_share, error_ppm, forgone, longest_burst },
    ratio,
    goal: `${leastExact * 100}% of noise, ${mostError_ppm} ppm`,
    met: ratio >= leastExact && Math.abs(error_ppm) < mostError_ppm,
  };
}

function roundTrips(timing: Timing, line: Line): TimingResult {
  const { bare_p50_ns = Number.NaN, ping_p50_ns = Number.NaN } = line.figures;
  const ratio = ping_p50_ns / bare_p50_ns;
  return {
    timing,
    class: line.class,
    disturbance: line.disturbance,
    figures: { bare_p50_ns, ping_p50_ns },
    ratio,
    goal: `at most ${mostRoundTrip * 100}% of bare`,
    met: ratio <= mostRoundTrip,
  };
}
