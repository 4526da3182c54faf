/** Histograms as files. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "../lib/index.js";
import { histogramSvg } from "../lib/report/histogram-svg.js";
import { histogramText, percentileRows } from "../lib/report/histogram-text.js";

/** Of each value as often as it is there. */
function histogramOf(samples: readonly number[]): Histogram {
  const counts = new Map<number, number>();
  for (const sample of samples) counts.set(sample, (counts.get(sample) ?? 0) + 1);
  const values = Float64Array.from(counts.keys()).sort();
  return new Histogram({
    min: Math.min(...samples),
    max: Math.max(...samples),
    sum: samples.reduce((sum, sample) => sum + sample, 0),
    values,
    counts: values.map((value) => counts.get(value) ?? 0),
  });
}

/** What hdr-histogram-js 3.0.1 prints of two samples, 7 and 900. */
const two = `       Value     Percentile TotalCount 1/(1-Percentile)

       7.000 0.000000000000          1           1.00
       7.000 0.100000000000          1           1.11
       7.000 0.200000000000          1           1.25
       7.000 0.300000000000          1           1.43
       7.000 0.400000000000          1           1.67
       7.000 0.500000000000          1           2.00
     900.000 0.550000000000          2           2.22
     900.000 1.000000000000          2
#[Mean    =      453.500, StdDeviation   =      446.500]
#[Max     =      900.000, Total count    =            2]
`;

/** And of 3 to 502, each twice. */
const thousand = `       Value     Percentile TotalCount 1/(1-Percentile)

       3.000 0.000000000000          2           1.00
      52.000 0.100000000000        100           1.11
     102.000 0.200000000000        200           1.25
     152.000 0.300000000000        300           1.43
     202.000 0.400000000000        400           1.67
     252.000 0.500000000000        500           2.00
     277.000 0.550000000000        550           2.22
     302.000 0.600000000000        600           2.50
     327.000 0.650000000000        650           2.86
     352.000 0.700000000000        700           3.33
     377.000 0.750000000000        750           4.00
     390.000 0.775000000000        776           4.44
     402.000 0.800000000000        800           5.00
     415.000 0.825000000000        826           5.71
     427.000 0.850000000000        850           6.67
     440.000 0.875000000000        876           8.00
     446.000 0.887500000000        888           8.89
     452.000 0.900000000000        900          10.00
     459.000 0.912500000000        914          11.43
     465.000 0.925000000000        926          13.33
     471.000 0.937500000000        938          16.00
     474.000 0.943750000000        944          17.78
     477.000 0.950000000000        950          20.00
     481.000 0.956250000000        958          22.86
     484.000 0.962500000000        964          26.67
     487.000 0.968750000000        970          32.00
     488.000 0.971875000000        972          35.56
     490.000 0.975000000000        976          40.00
     492.000 0.978125000000        980          45.71
     493.000 0.981250000000        982          53.33
     495.000 0.984375000000        986          64.00
     495.000 0.985937500000        986          71.11
     496.000 0.987500000000        988          80.00
     497.000 0.989062500000        990          91.43
     498.000 0.990625000000        992         106.67
     499.000 0.992187500000        994         128.00
     499.000 0.992968750000        994         142.22
     499.000 0.993750000000        994         160.00
     500.000 0.994531250000        996         182.86
     500.000 0.995312500000        996         213.33
     501.000 0.996093750000        998         256.00
     501.000 0.996484375000        998         284.44
     501.000 0.996875000000        998         320.00
     501.000 0.997265625000        998         365.71
     501.000 0.997656250000        998         426.67
     502.000 0.998046875000       1000         512.00
     502.000 1.000000000000       1000
#[Mean    =      252.500, StdDeviation   =      144.337]
#[Max     =      502.000, Total count    =         1000]
`;

/** The line about buckets is of how values are kept, which differs. */
function withoutBuckets(text: string): string {
  return text.replace(/^#\[Buckets.*\n/m, "");
}

test("a histogram's text is HdrHistogram's", () => {
  assert.equal(withoutBuckets(histogramText(histogramOf([7, 900]))), two);
  const samples = Array.from({ length: 1000 }, (_, i) => 3 + (i % 500));
  assert.equal(withoutBuckets(histogramText(histogramOf(samples))), thousand);
});

test("a histogram without samples has a text too", () => {
  assert.deepEqual(percentileRows(Histogram.none), []);
  assert.match(histogramText(Histogram.none), /^ {7}Value .*\n\n#\[Mean .* 0\.000.*\n#\[Max .*\n#\[Buckets/);
});

test("a histogram's picture is whole, whatever occurred", () => {
  const samples = [
    [],
    [0],
    [5],
    [0, 0, 3],
    [1, 1e9],
    Array.from({ length: 5000 }, (_, i) => 900 + (i % 97) ** 2),
    Array.from({ length: 3000 }, (_, i) => 1e6 + i),
  ];
  for (const some of samples) {
    const histogram = some.length === 0 ? Histogram.none : histogramOf(some);
    const svg = histogramSvg(histogram, { title: 'Gaps & more on "p{1"', unit: "ns" });
    assertWellFormed(svg);
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
    assert.match(svg, /Gaps &#38; more on &#34;p\{1&#34;/);
    for (const [, x = "", y = ""] of svg.matchAll(/<(?:text|rect) x="([^"]+)" y="([^"]+)"/g)) {
      assert.ok(Number(x) >= 0 && Number(x) <= 960 && Number(y) >= 0 && Number(y) <= 420, `${x},${y}`);
    }
  }
});

/** Every element is closed, in the order in which they were opened. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, closes, name = "", alone] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (closes) assert.equal(open.pop(), name);
    else if (!alone) open.push(name);
  }
  assert.deepEqual(open, []);
}
