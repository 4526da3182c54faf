/** Histograms as TypeScript sees them, against the samples themselves. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "../lib/index.js";

/** A histogram whose buckets are as fine as its values. */
function histogramOf(samples: readonly number[]): Histogram {
  const sorted = Float64Array.from(samples).sort();
  const values = Float64Array.from(new Set(sorted));
  const counts = values.map((value) => samples.filter((sample) => sample === value).length);
  const sum = samples.reduce((all, sample) => all + sample, 0);
  return new Histogram({ min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0, sum, values, counts });
}

function randomSamples(count: number): number[] {
  return Array.from({ length: count }, () => Math.floor(1000 ** Math.random()));
}

function same(left: Histogram, right: Histogram): void {
  assert.deepEqual([...left.entries()], [...right.entries()]);
  assert.deepEqual(left.percentiles(), right.percentiles());
  assert.equal(left.count, right.count);
}

test("a histogram's percentiles are those of the sorted samples", () => {
  for (const count of [1, 2, 10, 999, 1000]) {
    const samples = randomSamples(count).sort((a, b) => a - b);
    const histogram = histogramOf(samples);
    for (let thousandth = 1; thousandth <= 1000; thousandth++) {
      const rank = Math.ceil((thousandth * count) / 1000);
      assert.equal(histogram.percentile(thousandth / 1000), samples[rank - 1], `${thousandth} of ${samples}`);
    }
    assert.equal(histogram.percentile(0), samples[0]);
    assert.ok(Math.abs(histogram.mean - samples.reduce((a, b) => a + b) / count) < 1e-9);
  }
});

test("histograms that are merged are that of all samples, and since() takes the earlier ones off again", () => {
  const parts = [randomSamples(500), [], randomSamples(1), randomSamples(700)];
  const merged = Histogram.merged(parts.map(histogramOf));
  const all = histogramOf(parts.flat());
  same(merged, all);

  const [first = [], , , last = []] = parts;
  const both = histogramOf([...first, ...last]);
  same(both.since(histogramOf(first)), histogramOf(last));
  assert.equal(both.since(both).count, 0);
  same(both.since(Histogram.none), both);
});

test("a histogram of nothing has only zeros", () => {
  const { count, mean, deviation, min, max } = Histogram.merged([]);
  assert.deepEqual([count, mean, deviation, min, max], [0, 0, 0, 0, 0]);
  assert.equal(Histogram.none.percentile(0.5), 0);
});
