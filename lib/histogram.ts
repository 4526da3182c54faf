/**
 * A histogram: how often each value occurred, from one native loop or several together.
 *
 * Its values are right to 1/1024, as native/traffic/histogram.h has it; count, least, greatest and sum are exact, and the
 * mean is of the same samples.
 */

import type { NativeHistogram } from "./native.js";

/** The figures that a line has room for, named as in the JSON. */
export interface Percentiles {
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export class Histogram {
  static readonly none = new Histogram({
    min: 0,
    max: 0,
    sum: 0,
    values: new Float64Array(),
    counts: new Float64Array(),
  });

  readonly count: number;
  /** 0 where nothing occurred, as `max` and `mean`. */
  readonly min: number;
  readonly max: number;
  readonly sum: number;
  readonly #values: Float64Array;
  readonly #counts: Float64Array;

  constructor({ min, max, sum, values, counts }: NativeHistogram) {
    this.count = counts.reduce((all, count) => all + count, 0);
    this.min = min;
    this.max = max;
    this.sum = sum;
    this.#values = values;
    this.#counts = counts;
  }

  /** All that occurred in any of them. */
  static merged(histograms: readonly Histogram[]): Histogram {
    const filled = histograms.filter(({ count }) => count > 0);
    if (filled.length <= 1) return filled[0] ?? Histogram.none;
    const sums = new Map<number, number>();
    for (const histogram of filled) {
      for (const [value, count] of histogram.entries()) sums.set(value, (sums.get(value) ?? 0) + count);
    }
    return Histogram.#of(sums, {
      min: Math.min(...filled.map(({ min }) => min)),
      max: Math.max(...filled.map(({ max }) => max)),
      sum: filled.reduce((all, { sum }) => all + sum, 0),
    });
  }

  /** What occurred since `before`, an earlier look at this one. Its least and greatest are as their buckets tell them. */
  since(before: Histogram): Histogram {
    if (before.count === 0) return this;
    const earlier = new Map(before.entries());
    const more = new Map<number, number>();
    for (const [value, count] of this.entries()) {
      const new_ = count - (earlier.get(value) ?? 0);
      if (new_ > 0) more.set(value, new_);
    }
    if (more.size === 0) return Histogram.none;
    const values = [...more.keys()];
    const clamp = (value: number) => Math.min(Math.max(value, this.min), this.max);
    return Histogram.#of(more, {
      min: clamp(values[0] ?? 0),
      max: clamp(values.at(-1) ?? 0),
      sum: Math.max(0, this.sum - before.sum),
    });
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The root of the mean square distance from the mean, as the buckets tell it. */
  get deviation(): number {
    if (this.count === 0) return 0;
    let squares = 0;
    for (const [value, count] of this.entries()) squares += count * (value - this.mean) ** 2;
    return Math.sqrt(squares / this.count);
  }

  /** The least value that `share` (0 to 1) of all samples do not exceed; 0 of none. */
  percentile(share: number): number {
    // A share such as 0.007 may be a little more than that in binary, which must not ask for one sample more.
    const wanted = Math.ceil(share * this.count * (1 - Number.EPSILON));
    const rank = Math.min(Math.max(wanted, 1), this.count);
    let soFar = 0;
    for (const [value, count] of this.entries()) {
      soFar += count;
      if (soFar >= rank) return Math.min(Math.max(value, this.min), this.max);
    }
    return this.max;
  }

  percentiles(): Percentiles {
    return {
      min: this.min,
      mean: this.mean,
      p50: this.percentile(0.5),
      p90: this.percentile(0.9),
      p99: this.percentile(0.99),
      p999: this.percentile(0.999),
      max: this.max,
    };
  }

  /** Each value that occurred and how often, in increasing order. */
  *entries(): Generator<readonly [value: number, count: number]> {
    for (const [i, value] of this.#values.entries()) yield [value, this.#counts[i] ?? 0];
  }

  static #of(counts: ReadonlyMap<number, number>, figures: Record<"min" | "max" | "sum", number>): Histogram {
    const values = Float64Array.from(counts.keys()).sort();
    return new Histogram({ ...figures, values, counts: values.map((value) => counts.get(value) ?? 0) });
  }
}
