/**
 * What a run measures, and what becomes of it: pkt-gen's options about marks, distributions and expectations.
 */

import type { Arguments, Options } from "../command.js";
import type { HistogramName } from "../layout.js";
import { checkHistogramFile } from "../report/histogram-file.js";
import { type Expectation, readExpectation } from "./expectations.js";
import { distributionsOf, type FunctionName } from "./functions.js";
import { badValue, conflict } from "./values.js";

const group = "Measuring";

export const measureOptions = {
  mark: {
    type: "boolean",
    group,
    describe:
      "Of a sender: end each packet with a number, its time and a checksum, for a receiver with --measure or --verify",
  },
  measure: {
    type: "boolean",
    group,
    describe:
      "Of a receiver: look into packets of senders with --mark, and measure what was lost, late, doubled or changed, " +
      "how long packets were under way and how far apart they came",
  },
  verify: {
    type: "boolean",
    group,
    describe:
      "Of a receiver: the same, and end with status 3 unless all packets of senders with --mark came whole, once and in order",
  },
  percentiles: {
    type: "boolean",
    group,
    describe: "Print how long things took by percentiles, up to 99.999, with each report and at the end",
  },
  histogram: {
    type: "string",
    value: "FILE",
    array: true,
    group,
    describe:
      "Write how often each time occurred, as text of HdrHistogram or, where the name ends in .svg, as a picture: gaps " +
      "of a sender, latencies of a receiver, round trips of a ping; NAME=FILE writes another: gap, latency, " +
      "interarrival, depth or rtt",
  },
  expect: {
    type: "string",
    value: "CONDITION",
    array: true,
    group,
    describe:
      "End with status 3 unless this holds of the final figures, for example 'pps>=1M', 'loss==0', 'p99<50us' or " +
      "'loss<=0.1%'; an unknown name lists those there are",
  },
} as const satisfies Options;

type Args = Arguments<Record<never, never>, typeof measureOptions> & { readonly function: FunctionName };

/** A histogram that is to be written. */
export interface HistogramFile {
  readonly name: HistogramName;
  readonly path: string;
}

export interface Measures {
  /** Whether a receiver looks into packets. */
  readonly measures: boolean;
  readonly files: readonly HistogramFile[];
  readonly expectations: readonly Expectation[];
}

/** @throws {NmError} OPTION_CONFLICT, OPTION_VALUE or FILE_UNWRITABLE */
export function readMeasures(args: Args): Measures {
  refuseContradictions(args);
  const expectations = args.expect.map((text) => readExpectation(text, args.function));
  const files = args.histogram.map((text) => readFile(text, args.function));
  const { verify, measure, percentiles } = args;
  const wanted = verify || measure || percentiles || files.length > 0;
  return {
    measures: args.function === "rx" && (wanted || expectations.some(({ measures }) => measures)),
    files,
    expectations,
  };
}

function refuseContradictions({ mark, measure, verify, percentiles, ...args }: Args): void {
  const name = `-f ${args.function}`;
  if (mark && args.function === "rx")
    throw conflict("--mark", name, "a receiver looks at marks with --measure");
  if (mark && args.function !== "tx") throw conflict("--mark", name, "it has a form of its own for packets");
  for (const [option, given] of [
    ["--measure", measure],
    ["--verify", verify],
  ] as const) {
    if (given && args.function === "tx") throw conflict(option, name, "a sender marks packets with --mark");
    if (given && args.function !== "rx") throw conflict(option, name, "marks are for tx and rx");
  }
  if (percentiles && Object.keys(distributionsOf(args.function)).length === 0) {
    throw conflict("--percentiles", name, "it measures no times");
  }
}

function readFile(text: string, name: FunctionName): HistogramFile {
  const all = distributionsOf(name);
  const names = Object.keys(all);
  const [usual] = names;
  if (usual === undefined) throw conflict("--histogram", `-f ${name}`, "it measures no times");
  const [, which = usual, path = ""] = /^(?:([a-z]+)=)?(.*)$/.exec(text) ?? [];
  const histogram = all[which];
  if (histogram === undefined || path === "") {
    throw badValue("histogram", text, [
      `a file, or one of ${names.join(", ")} and a file with = between`,
      "times.svg",
    ]);
  }
  checkHistogramFile(path);
  return { name: histogram, path };
}
