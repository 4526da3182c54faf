/**
 * What a run of pkt-gen finds: how its loops stand, and what came of them between one look and another.
 */

import { Histogram } from "../histogram.js";
import type { HistogramName } from "../layout.js";
import { type Drops, dropped, type GroupProgress, type Histograms, type LoopGroup } from "../loop-group.js";
import type { Distributions } from "../report/distributions.js";
import type { Measured } from "../report/measured.js";
import type { Kept } from "../report/rate.js";
import type { Found } from "../report/report.js";
import type { RoundTrips } from "../report/round-trips.js";
import type { Verdict } from "../report/verdict.js";
import { distributionsOf, type FunctionName, traitsOf } from "./functions.js";
import type { Job } from "./job.js";

/** How the loops of a run stand. */
export interface Look {
  readonly progress: GroupProgress;
  readonly histograms: Histograms;
  readonly drops: Drops;
}

export function lookAt(group: LoopGroup, drops: () => Drops): Look {
  return { progress: group.progress(), histograms: group.histograms(), drops: drops() };
}

/** What happened between two looks. Without an earlier one, all that did. */
export function foundBetween({ args, timing, measures }: Job, earlier: Look | undefined, now: Look): Found {
  const passed = new Passage(earlier, now);
  const { makes } = traitsOf(args.function);
  return {
    verify: measures ? verdictOf(passed) : undefined,
    measured: measures ? measuredOf(passed) : undefined,
    rate: makes ? keptOf(passed, timing.askedPps, timing.schedule !== undefined) : undefined,
    roundTrips: args.function === "ping" ? roundTripsOf(passed) : undefined,
    distributions: args.percentiles ? distributionsIn(passed, args.function) : undefined,
  };
}

class Passage {
  readonly now: Look;
  readonly #earlier: Look | undefined;

  constructor(earlier: Look | undefined, now: Look) {
    this.now = now;
    this.#earlier = earlier;
  }

  /** How much a figure grew. */
  more(of: (progress: GroupProgress) => number): number {
    return of(this.now.progress) - (this.#earlier ? of(this.#earlier.progress) : 0);
  }

  get drops(): number {
    return dropped(this.now.drops) - (this.#earlier ? dropped(this.#earlier.drops) : 0);
  }

  histogram(name: HistogramName): Histogram {
    const kept = this.now.histograms[name] ?? Histogram.none;
    const before = this.#earlier?.histograms[name];
    return before ? kept.since(before) : kept;
  }
}

function distributionsIn(passed: Passage, name: FunctionName): Distributions {
  const names = Object.values(distributionsOf(name));
  return Object.fromEntries(names.map((histogram) => [histogram, passed.histogram(histogram)]));
}

function verdictOf(passed: Passage): Verdict {
  return {
    // Packets that were dropped after the last that arrived leave no gap in the numbers. What was missed for a while and
    // came then is lost no more.
    lost: Math.max(
      0,
      passed.more(({ lost }) => lost),
      passed.drops,
    ),
    reordered: passed.more(({ reordered }) => reordered),
    duplicated: passed.more(({ duplicated }) => duplicated),
    corrupt: passed.more(({ corrupt }) => corrupt),
    unmarked: passed.more(({ unmarked }) => unmarked),
  };
}

function measuredOf(passed: Passage): Measured {
  return {
    latency: passed.histogram("latency_ns"),
    interarrival: passed.histogram("interarrival_ns"),
    reorderDepth: passed.histogram("reorder_depth"),
    untimed: passed.more(({ untimed }) => untimed),
    longestTrain: passed.now.progress.longestTrain,
  };
}

function keptOf(passed: Passage, askedPps: number | undefined, paced: boolean): Kept {
  return {
    askedPps,
    paced,
    // What a pinger counts as packets are answers.
    followed: passed.more(({ packets, requests }) => Math.max(0, (requests || packets) - 1)),
    seconds: passed.more(({ sendingSeconds }) => sendingSeconds),
    longestBurst: passed.now.progress.longestTrain,
    stalls: passed.more(({ stalls }) => stalls),
    forgone: passed.more(({ forgone }) => forgone),
    gaps: passed.now.histograms.gap_ns && passed.histogram("gap_ns"),
  };
}

function roundTripsOf(passed: Passage): RoundTrips {
  return {
    requests: passed.more(({ requests }) => requests),
    lost: passed.more(({ lost }) => lost),
    late: passed.more(({ late }) => late),
    duplicated: passed.more(({ duplicated }) => duplicated),
    foreign: passed.more(({ unmarked }) => unmarked),
    times: passed.histogram("rtt_ns"),
  };
}
