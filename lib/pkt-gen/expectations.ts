/**
 * Reads and judges what the user expects of a run's final figures:
 *
 *   pps>=1M   loss==0   p99<50us   loss<=0.1%   gap.p99.9<5us   error_ppm<100
 *
 * A name is a figure of the JSON summary, or a percentile, the least, mean or greatest of a distribution: of the one that
 * the function is about, or of the one named before a dot.
 */

import { formatDuration } from "../duration.js";
import type { Histogram } from "../histogram.js";
import type { HistogramName } from "../layout.js";
import { type Drops, dropped, uncounted } from "../loop-group.js";
import { readNumber } from "../number.js";
import { figures } from "../report/passed.js";
import { rateFigures } from "../report/rate.js";
import type { Total } from "../report/report.js";
import { distributionsOf, type FunctionName } from "./functions.js";
import { badValue } from "./values.js";

type Comparison = (value: number, than: number) => boolean;

const comparisons: Readonly<Record<string, Comparison>> = {
  ">=": (value, than) => value >= than,
  "<=": (value, than) => value <= than,
  "==": (value, than) => value === than,
  "!=": (value, than) => value !== than,
  ">": (value, than) => value > than,
  "<": (value, than) => value < than,
};

/** What a run came to, as expectations look at it. */
export interface Outcome {
  readonly total: Total;
  readonly histograms: Partial<Record<HistogramName, Histogram>>;
}

/** Gives the figure; nothing where the run did not measure it. */
type Figure = (outcome: Outcome) => number | undefined;

export interface Expectation {
  readonly text: string;
  /** Whether a receiver has to look into packets for it. */
  readonly measures: boolean;
  readonly judge: (outcome: Outcome) => Judgement;
}

export interface Judgement {
  readonly expectation: string;
  readonly holds: boolean;
  /** The figure, times in nanoseconds; null where it was not measured. */
  readonly value: number | null;
  /** What it was compared with, and its unit: a share is of all packets. */
  readonly limit: number;
  readonly unit: "ns" | "share" | null;
}

/** A figure and what may be compared with it. */
interface Known {
  readonly of: Figure;
  readonly measures?: true;
  /** Of packets: it can be a share of all. */
  readonly counts?: true;
  /** In nanoseconds: it can be compared with a time. */
  readonly times?: true;
}

const passed: Readonly<Record<string, Known>> = {
  packets: { of: ({ total }) => total.packets },
  bytes: { of: ({ total }) => total.bytes },
  seconds: { of: ({ total }) => total.seconds },
  pps: { of: ({ total }) => figures(total).pps },
  bps: { of: ({ total }) => figures(total).bps },
  bps_wire: { of: ({ total }) => figures(total).bps_wire },
  drops: { of: ({ total }) => counted(total.drops), counts: true },
};

const sent: Readonly<Record<string, Known>> = {
  ...passed,
  loss: { of: ({ total }) => counted(total.drops), counts: true },
  pending: { of: ({ total }) => total.pending, counts: true },
  achieved_pps: { of: ({ total }) => total.rate && rateFigures(total.rate).achieved_pps },
  // How far from what was asked, whether more or less.
  error_ppm: { of: ({ total }) => magnitude(total.rate && rateFigures(total.rate).error_ppm) },
  longest_burst: { of: ({ total }) => total.rate?.longestBurst },
  stalls: { of: ({ total }) => total.rate?.stalls },
  forgone: { of: ({ total }) => total.rate?.forgone, counts: true },
};

const pinged: Readonly<Record<string, Known>> = {
  ...sent,
  loss: { of: ({ total }) => total.roundTrips?.lost, counts: true },
  requests: { of: ({ total }) => total.roundTrips?.requests },
  late: { of: ({ total }) => total.roundTrips?.late, counts: true },
  duplicated: { of: ({ total }) => total.roundTrips?.duplicated, counts: true },
  foreign: { of: ({ total }) => total.roundTrips?.foreign, counts: true },
};

const received: Readonly<Record<string, Known>> = {
  ...passed,
  loss: { of: ({ total }) => total.verify?.lost, counts: true, measures: true },
  reordered: { of: ({ total }) => total.verify?.reordered, counts: true, measures: true },
  duplicated: { of: ({ total }) => total.verify?.duplicated, counts: true, measures: true },
  corrupt: { of: ({ total }) => total.verify?.corrupt, counts: true, measures: true },
  unmarked: { of: ({ total }) => total.verify?.unmarked, counts: true, measures: true },
  untimed: { of: ({ total }) => total.measured?.untimed, counts: true, measures: true },
  longest_train: { of: ({ total }) => total.measured?.longestTrain, measures: true },
  streams: { of: ({ total }) => total.streams?.length, measures: true },
};

const numbered: Readonly<Record<string, Known>> = {
  ...passed,
  gaps: { of: ({ total }) => total.numbers?.gaps, counts: true },
  backward: { of: ({ total }) => total.numbers?.backward, counts: true },
  too_short: { of: ({ total }) => total.numbers?.too_short, counts: true },
  odd_packets: { of: ({ total }) => total.numbers?.odd_packets, counts: true },
};

const known: Record<FunctionName, Readonly<Record<string, Known>>> = {
  tx: sent,
  txseq: sent,
  ping: pinged,
  pong: passed,
  rx: received,
  rxseq: numbered,
};

/** @throws {NmError} OPTION_VALUE, which lists the names of the function */
export function readExpectation(text: string, name: FunctionName): Expectation {
  const [, left = "", operator = "", right = ""] =
    /^\s*([\w.]+)\s*(>=|<=|==|!=|>|<)\s*(\S+)\s*$/.exec(text) ?? [];
  const figure = figureNamed(left, name);
  const compare = comparisons[operator];
  const value = figure && readValue(right, figure);
  if (!figure || !compare || value === undefined) throw badValue("expect", text, formFor(name, figure));
  return {
    text,
    measures: figure.measures === true,
    judge(outcome) {
      const unit = value.isShare ? "share" : figure.times ? "ns" : null;
      const found = figure.of(outcome);
      const judged = { expectation: text, limit: value.amount, unit } as const;
      if (found === undefined) return { ...judged, holds: false, value: null };
      const compared = value.isShare ? found / offered(outcome) : found;
      return { ...judged, holds: compare(compared, value.amount), value: compared };
    },
  };
}

/** "Expected pps>=1M: it was 812345.1, 18.8% less" */
export function judgementWords({ expectation, value, limit, unit }: Judgement): string {
  if (value === null) return `Expected ${expectation}: nothing was measured`;
  const was = `it was ${unit === "ns" ? formatDuration(value) : unit === "share" ? percent(value) : value}`;
  const beyond = value / limit - 1;
  const off =
    limit === 0 || value === limit ? "" : `, ${percent(Math.abs(beyond))} ${beyond < 0 ? "less" : "more"}`;
  return `Expected ${expectation}: ${was}${off}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`;
}

function figureNamed(text: string, name: FunctionName): Known | undefined {
  if (Object.hasOwn(known[name], text)) return known[name][text];
  const all = distributionsOf(name);
  const [usual] = Object.keys(all);
  const [, which = usual, what = ""] = /^(?:([a-z]+)\.)?((?:min|mean|max)|p[\d.]+)$/.exec(text) ?? [];
  const histogram = which === undefined ? undefined : all[which];
  const part = partNamed(what);
  if (!histogram || !part) return undefined;
  return {
    of: ({ histograms }) => {
      const kept = histograms[histogram];
      return kept && kept.count > 0 ? part(kept) : undefined;
    },
    measures: true,
    ...(histogram.endsWith("_ns") && { times: true }),
  };
}

/** p50 is the median; p999 is written for p99.9, as in the JSON. */
function partNamed(text: string): ((histogram: Histogram) => number) | undefined {
  switch (text) {
    case "min":
      return ({ min }) => min;
    case "mean":
      return ({ mean }) => mean;
    case "max":
      return ({ max }) => max;
    default: {
      const [, digits = ""] = /^p(\d{1,2}(?:\.\d{1,9})?|99\d{1,9})$/.exec(text) ?? [];
      if (digits === "") return undefined;
      const dotted = digits.includes(".") ? digits : `${digits.slice(0, 2)}.${digits.slice(2)}`;
      return (histogram) => histogram.percentile(Number(dotted) / 100);
    }
  }
}

interface Value {
  readonly amount: number;
  readonly isShare: boolean;
}

const units_ns: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

function readValue(text: string, { counts, times }: Known): Value | undefined {
  const [, digits = "", unit = ""] = /^(.*?)(%|ns|us|ms|s|pps|bps)?$/.exec(text) ?? [];
  const amount = readNumber(digits)?.value;
  if (amount === undefined) return undefined;
  if (unit === "%") return counts ? { amount: amount / 100, isShare: true } : undefined;
  const factor = units_ns[unit];
  if (factor !== undefined) return times ? { amount: amount * factor, isShare: false } : undefined;
  return { amount, isShare: false };
}

/** Nothing where the port does not count. */
function counted(drops: Drops): number | undefined {
  return drops === uncounted ? undefined : dropped(drops);
}

/** What a share is of: packets that came and those that did not. */
function offered({ total }: Outcome): number {
  const { packets, verify, roundTrips, drops, rate } = total;
  if (roundTrips) return Math.max(1, roundTrips.requests);
  if (rate) return Math.max(1, packets + rate.forgone);
  return Math.max(1, packets + (verify?.lost ?? dropped(drops)));
}

function magnitude(value: number | null | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Math.abs(value);
}

function formFor(name: FunctionName, figure: Known | undefined): [expected: string, sample: string] {
  if (figure) {
    const units = figure.times ? ", with ns, us, ms or s" : figure.counts ? ", or a share with %" : "";
    return [
      `>=, <=, ==, !=, > or < after the name, and a number${units}`,
      figure.times ? "'p99<50us'" : "'pps>=1M'",
    ];
  }
  const distributions = Object.keys(distributionsOf(name));
  const parts = distributions.map((one, i) => (i === 0 ? "min, mean, p50, p99.9, max" : `${one}.p99`));
  const names = [...Object.keys(known[name]), ...parts].join(", ");
  return [`a condition on a figure of -f ${name} (${names})`, "'pps>=1M'"];
}
