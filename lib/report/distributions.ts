/**
 * Distributions by their percentiles, where these were asked for.
 */

import type { Histogram } from "../histogram.js";
import type { HistogramName } from "../layout.js";
import type { Column } from "../output.js";
import { percentileWords } from "./measured.js";
import { rounded } from "./passed.js";

/** What was measured, by its name in JSON. */
export type Distributions = Partial<Record<HistogramName, Histogram>>;

/** What each is called in words, and what its values are. */
export const distributionWords: Readonly<
  Record<HistogramName, readonly [name: string, unit: "ns" | "packets"]>
> = {
  gap_ns: ["gap", "ns"],
  latency_ns: ["latency", "ns"],
  interarrival_ns: ["interarrival", "ns"],
  reorder_depth: ["reorder depth", "packets"],
  rtt_ns: ["round trip", "ns"],
  lateness_ns: ["lateness", "ns"],
};

const shares = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999] as const;

function measured(distributions: Distributions): [HistogramName, Histogram][] {
  return (Object.entries(distributions) as [HistogramName, Histogram][]).filter(([, { count }]) => count > 0);
}

/** For Output.table: a line for each that has samples. */
export function distributionTable(
  distributions: Distributions,
): [columns: Column[], rows: (string | number)[][]] {
  const numbers = ["samples", "min", "mean", ...shares.map(percent), "max"];
  const columns = [{ heading: "" }, ...numbers.map((heading) => ({ heading, align: "right" }) as const)];
  const rows = measured(distributions).map(([name, histogram]) => {
    const [words, unit] = distributionWords[name];
    const values = shares.map((share) => histogram.percentile(share));
    const { count, min, mean, max } = histogram;
    return [`${words} (${unit})`, count, min, mean.toFixed(1), ...values, max];
  });
  return [columns, rows];
}

/** "latency min 800 mean 1200 50% 1100 ... ns", a line for each that has samples. */
export function distributionLines(distributions: Distributions): string[] {
  return measured(distributions).map(([name, histogram]) => {
    const [words, unit] = distributionWords[name];
    return `${words} ${percentileWords(histogram)} ${unit}`;
  });
}

/** { latency_ns: { samples, min, mean, max, percentiles: { "50": ..., "99.999": ... } } } */
export function distributionFigures(distributions: Distributions) {
  return Object.fromEntries(
    measured(distributions).map(([name, histogram]) => {
      const { count: samples, min, mean, max } = histogram;
      const values = shares.map((share) => [percent(share).slice(0, -1), histogram.percentile(share)]);
      return [name, { samples, min, mean: rounded(mean), max, percentiles: Object.fromEntries(values) }];
    }),
  );
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(8))}%`;
}
