/** What the benchmark measures, and what it hopes for. */

/** The scheduler decides: with more processes than cores, pinning them would only measure the pinning. */
export type Placement = "two" | "one" | "any";

/** What is done with packets: see NM_BENCH_WORKLOADS in native/bench/ports.h. */
export type Workload = "bare" | "untouched" | "touched" | "ranged" | "random" | "marked" | "replayed";

export interface Goal {
  /** The ratio is to the limit of the same window, or to the figure of another case. */
  readonly of: "limit" | string;
  readonly atLeast: number;
}

export interface Case {
  readonly name: string;
  /** A bridge stands between two pipes, a load balancer between one and four; "ends" is who sends and receives there, alone. */
  readonly engine: "vale" | "pipe" | "bridge" | "ends" | "lb";
  readonly length: number;
  readonly senders: number;
  readonly workload: Workload;
  readonly placement: Placement;
  readonly goals?: readonly Goal[];
}

/**
 * What the machine can do at best. The rate of a stream depends on the stores that write it, see
 * native/bench/lines.h: a case of 60 bytes is measured against one that is written by the word, a case of 1500
 * against one that is written in wide stores.
 */
export type Limit = {
  readonly name: string;
  readonly length: number;
  /** Bytes from one buffer to the next. Ours are 2112 apart; 2048 is what cases are measured against. */
  readonly stride: number;
} & (
  | { readonly kind: "memcpy" }
  | { readonly kind: "stream"; readonly stores: "words" | "wide"; readonly placement: "two" | "one" }
);

const copy = (length: number, stride: number): Limit => ({
  name: `memcpy-${length}-${stride}`,
  kind: "memcpy",
  length,
  stride,
});

const stream = (
  length: number,
  stride: number,
  stores: "words" | "wide",
  placement: "two" | "one",
): Limit => ({
  name: `stream-${length}-${stride}-${stores}${placement === "one" ? "-one-core" : ""}`,
  kind: "stream",
  length,
  stride,
  stores,
  placement,
});

export const limits: readonly Limit[] = [
  copy(60, 2048),
  copy(60, 2112),
  copy(1500, 2048),
  copy(1500, 2112),
  stream(60, 2048, "words", "two"),
  stream(60, 2048, "wide", "two"),
  stream(60, 2112, "words", "two"),
  stream(1500, 2048, "wide", "two"),
  stream(1500, 2112, "wide", "two"),
  stream(60, 2048, "words", "one"),
  stream(1500, 2048, "wide", "one"),
];

const vale = { engine: "vale", senders: 1, workload: "untouched", placement: "two" } as const;
const pipe = { engine: "pipe", senders: 1, workload: "untouched", placement: "two" } as const;
const bridge = { engine: "bridge", senders: 1, workload: "bare", placement: "two" } as const;

/**
 * Of senders that write each packet. Where two cores are near to each other, packets that nobody writes cross faster than
 * written ones can: what is possible then is in the limit, which writes packets of the same length.
 */
const halfOfUnvaried: readonly Goal[] = [
  { of: "pipe-60-untouched", atLeast: 0.5 },
  { of: "limit", atLeast: 0.5 },
];

/** A case that another's goal refers to comes before it. */
export const cases: readonly Case[] = [
  { ...vale, name: "vale-60", length: 60, goals: [{ of: "limit", atLeast: 0.6 }] },
  { ...vale, name: "vale-1500", length: 1500, goals: [{ of: "limit", atLeast: 0.9 }] },
  {
    ...vale,
    name: "vale-60-one-core",
    length: 60,
    placement: "one",
    goals: [{ of: "vale-60", atLeast: 0.6 }],
  },
  { ...vale, name: "vale-1500-one-core", length: 1500, placement: "one" },
  { ...vale, name: "vale-60-2-senders", length: 60, senders: 2, placement: "any" },
  { ...vale, name: "vale-60-3-senders", length: 60, senders: 3, placement: "any" },
  {
    ...vale,
    name: "vale-60-4-senders",
    length: 60,
    senders: 4,
    placement: "any",
    goals: [{ of: "vale-60", atLeast: 0.75 }],
  },
  { ...vale, name: "vale-1500-4-senders", length: 1500, senders: 4, placement: "any" },
  {
    ...pipe,
    name: "pipe-60-touched",
    length: 60,
    workload: "touched",
    goals: [{ of: "limit", atLeast: 0.75 }],
  },
  { ...pipe, name: "pipe-1500-touched", length: 1500, workload: "touched" },
  { ...pipe, name: "pipe-60-bare", length: 60, workload: "bare" },
  {
    ...pipe,
    name: "pipe-60-untouched",
    length: 60,
    goals: [
      { of: "limit", atLeast: 3 },
      { of: "pipe-60-bare", atLeast: 0.9 },
    ],
  },
  {
    ...pipe,
    name: "pipe-60-ranged",
    length: 60,
    workload: "ranged",
    goals: halfOfUnvaried,
  },
  {
    ...pipe,
    name: "pipe-60-random",
    length: 60,
    workload: "random",
    goals: halfOfUnvaried,
  },
  {
    ...pipe,
    name: "pipe-60-marked",
    length: 60,
    workload: "marked",
    goals: halfOfUnvaried,
  },
  {
    ...pipe,
    name: "pipe-60-replayed",
    length: 60,
    workload: "replayed",
    goals: halfOfUnvaried,
  },
  { ...pipe, name: "pipe-1500-untouched", length: 1500 },
  {
    ...pipe,
    name: "pipe-60-touched-one-core",
    length: 60,
    workload: "touched",
    placement: "one",
    goals: [{ of: "pipe-60-touched", atLeast: 0.6 }],
  },
  { ...pipe, name: "pipe-1500-touched-one-core", length: 1500, workload: "touched", placement: "one" },
  {
    ...pipe,
    name: "pipe-60-untouched-one-core",
    length: 60,
    placement: "one",
    goals: [{ of: "pipe-60-untouched", atLeast: 0.6 }],
  },
  { ...pipe, name: "pipe-1500-untouched-one-core", length: 1500, placement: "one" },
  // A bridge's two ends share a core, which does for each packet what a pipe's two cores do. What it manages with nothing between
  // is the most that a bridge can pass.
  { ...bridge, name: "ends-60-bare", engine: "ends", length: 60, placement: "one" },
  // Of slots alone: a sender that finds other buffers in its slots writes their packets anew, and that is not the bridge's time.
  {
    ...bridge,
    name: "bridge-60-bare",
    length: 60,
    goals: [
      { of: "pipe-60-bare", atLeast: 0.7 },
      { of: "ends-60-bare", atLeast: 0.7 },
    ],
  },
  {
    ...bridge,
    name: "bridge-1500-bare",
    length: 1500,
    goals: [{ of: "bridge-60-bare", atLeast: 0.85 }],
  },
  { ...bridge, name: "bridge-60-untouched", length: 60, workload: "untouched" },
  { ...bridge, name: "bridge-1500-untouched", length: 1500, workload: "untouched" },
  {
    ...bridge,
    name: "lb-60-ranged",
    engine: "lb",
    length: 60,
    workload: "ranged",
    goals: [{ of: "pipe-60-ranged", atLeast: 0.5 }],
  },
];
