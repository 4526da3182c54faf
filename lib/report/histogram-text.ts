/**
 * A histogram as a table of percentiles, in the text format of HdrHistogram, which its plotter and others read:
 *
 *        Value     Percentile TotalCount 1/(1-Percentile)
 *
 *      812.000 0.000000000000          1           1.00
 *
 * The nearer the percentiles come to 100, the denser they are: five steps for each halving of what is left.
 * [HdrHistogram, outputPercentileDistribution]
 */

import type { Histogram } from "../histogram.js";

const stepsPerHalving = 5;

export interface PercentileRow {
  readonly value: number;
  /** The share of all samples that do not exceed the value. */
  readonly share: number;
  /** How many those are. */
  readonly count: number;
}

/** From the least value to the greatest, of which the share is 1. None where nothing occurred. */
export function percentileRows(histogram: Histogram): PercentileRow[] {
  const rows: PercentileRow[] = [];
  const values = [...histogram.entries()];
  let count = 0;
  let wanted = 0;
  for (const [i, [value, times]] of values.entries()) {
    count += times;
    const share = count / histogram.count;
    const last = i === values.length - 1;
    const within = Math.min(Math.max(value, histogram.min), histogram.max);
    // Steps that were added up may be a little more than they should be.
    while (wanted <= share * (1 + 8 * Number.EPSILON) && wanted < 1) {
      rows.push({ value: last ? histogram.max : within, share: wanted, count });
      wanted = after(wanted);
      // Of one sample that is many, no step more is of interest.
      if (last) break;
    }
  }
  if (count > 0) rows.push({ value: histogram.max, share: 1, count });
  return rows;
}

/** The share at the next step. */
function after(share: number): number {
  const halvings = Math.floor(Math.log2(1 / (1 - share))) + 1;
  return share + 1 / (stepsPerHalving * 2 ** halvings);
}

export function histogramText(histogram: Histogram): string {
  const lines = percentileRows(histogram).map(({ value, share, count }) => {
    const left = share < 1 ? (1 / (1 - share)).toFixed(2).padStart(14) : "";
    return `${value.toFixed(3).padStart(12)} ${share.toFixed(12)} ${String(count).padStart(10)} ${left}`.trimEnd();
  });
  const facts = (pairs: readonly (readonly [string, string])[]) =>
    `#[${pairs.map(([name, value]) => `${name} = ${value.padStart(12)}`).join(", ")}]`;
  return [
    "       Value     Percentile TotalCount 1/(1-Percentile)",
    "",
    ...lines,
    facts([
      ["Mean   ", histogram.mean.toFixed(3)],
      ["StdDeviation  ", histogram.deviation.toFixed(3)],
    ]),
    facts([
      ["Max    ", histogram.max.toFixed(3)],
      ["Total count   ", String(histogram.count)],
    ]),
    // Below 1024 each value has a bucket, above each doubling has 512. [native/traffic/histogram.h]
    facts([
      ["Buckets", "55"],
      ["SubBuckets    ", "1024"],
    ]),
    "",
  ].join("\n");
}
