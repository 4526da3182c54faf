/** What the benchmark measures, and what it hopes for. */

/** The scheduler decides: with more processes than cores, pinning them would only measure the pinning. */
export type Placement = "two" | "one" | "any";

export interface Goal {
  /** The ratio is to the limit of the same window, or to the figure of another case. */
  readonly of: "limit" | string;
  readonly atLeast: number;
}

export interface Case {
  readonly name: string;
  readonly engine: "vale" | "pipe";
  readonly length: number;
  readonly senders: number;
  /** The sender writes the payload of each packet and the receiver reads each line of it. */
  readonly touched: boolean;
  readonly placement: Placement;
  readonly goal?: Goal;
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

const vale = { engine: "vale", senders: 1, touched: false, placement: "two" } as const;
const pipe = { engine: "pipe", senders: 1, touched: false, placement: "two" } as const;

/** A case that another's goal refers to comes before it. */
export const cases: readonly Case[] = [
  { ...vale, name: "vale-60", length: 60, goal: { of: "limit", atLeast: 0.6 } },
  { ...vale, name: "vale-1500", length: 1500, goal: { of: "limit", atLeast: 0.9 } },
  {
    ...vale,
    name: "vale-60-one-core",
    length: 60,
    placement: "one",
    goal: { of: "vale-60", atLeast: 0.6 },
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
    goal: { of: "vale-60", atLeast: 0.75 },
  },
  { ...vale, name: "vale-1500-4-senders", length: 1500, senders: 4, placement: "any" },
  {
    ...pipe,
    name: "pipe-60-touched",
    length: 60,
    touched: true,
    goal: { of: "limit", atLeast: 0.75 },
  },
  { ...pipe, name: "pipe-1500-touched", length: 1500, touched: true },
  { ...pipe, name: "pipe-60-untouched", length: 60, goal: { of: "limit", atLeast: 3 } },
  { ...pipe, name: "pipe-1500-untouched", length: 1500 },
  {
    ...pipe,
    name: "pipe-60-touched-one-core",
    length: 60,
    touched: true,
    placement: "one",
    goal: { of: "pipe-60-touched", atLeast: 0.6 },
  },
  { ...pipe, name: "pipe-1500-touched-one-core", length: 1500, touched: true, placement: "one" },
  {
    ...pipe,
    name: "pipe-60-untouched-one-core",
    length: 60,
    placement: "one",
    goal: { of: "pipe-60-untouched", atLeast: 0.6 },
  },
  { ...pipe, name: "pipe-1500-untouched-one-core", length: 1500, placement: "one" },
];
