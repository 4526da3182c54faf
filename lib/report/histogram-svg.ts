/**
 * A histogram as a picture: how often each value occurred, and which share of all stays below it.
 *
 *   +- title --------------------------------------------+
 *   |  counts                     value                  |
 *   |   |    _                     |               _/    |
 *   |   |  _| |_                   |      ____----/      |
 *   |   |_|     |__ _              |_----/               |
 *   |   +----------- value         +------------- share  |
 *   |      10 us                     50%  90%  99%       |
 *   +----------------------------------------------------+
 *
 * Values are on a logarithmic scale, for the rare ones are the ones to see; so is what is left above a share.
 */

import { formatDuration } from "../duration.js";
import type { Histogram } from "../histogram.js";
import { percentileRows } from "./histogram-text.js";

/** What the values are. */
export interface PictureWords {
  readonly title: string;
  readonly unit: "ns" | "packets";
}

const width = 960;
const height = 420;
const panel = { top: 84, bottom: height - 56, width: 372 };
const leftPanel = 72;
const rightPanel = 536;

const ink = "#1f2933";
const faint = "#d8dee4";
const fill = "#3b7dd8";
const accent = "#c2410c";

export function histogramSvg(histogram: Histogram, words: PictureWords): string {
  const { count, min, max } = histogram;
  const text = histogram.percentiles();
  const label = (value: number) => valueLabel(value, words.unit);
  const facts =
    count === 0
      ? "nothing was measured"
      : `${count.toLocaleString("en-US")} samples: min ${label(min)}, median ${label(text.p50)}, ` +
        `99% ${label(text.p99)}, 99.9% ${label(text.p999)}, max ${label(max)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
      `font-family="system-ui, sans-serif" font-size="12" fill="${ink}">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="24" y="34" font-size="18" font-weight="600">${escaped(words.title)}</text>`,
    `<text x="24" y="56">${escaped(facts)}</text>`,
    ...(count === 0 ? [] : [...counts(histogram, label), ...shares(histogram, label)]),
    "</svg>",
    "",
  ].join("\n");
}

/** A logarithmic scale from one value to another, onto pixels. */
class Scale {
  readonly #from: number;
  readonly #to: number;
  readonly #start: number;
  readonly #end: number;

  constructor(from: number, to: number, start: number, end: number) {
    [this.#from, this.#to] = [Math.log10(from), Math.log10(to)];
    [this.#start, this.#end] = [start, end];
  }

  at(value: number): number {
    const share = (Math.log10(value) - this.#from) / (this.#to - this.#from);
    return this.#start + share * (this.#end - this.#start);
  }

  /** Round values to label, at most some ten. */
  ticks(): number[] {
    const decades = this.#to - this.#from;
    const steps = decades <= 1.5 ? [1, 2, 3, 5, 7] : decades <= 4 ? [1, 3] : [1];
    const every = Math.max(1, Math.ceil(decades / 8));
    const ticks: number[] = [];
    for (let power = Math.floor(this.#from); power <= Math.ceil(this.#to); power++) {
      if (power % every !== 0) continue;
      for (const step of steps) {
        const exponent = power + Math.log10(step);
        if (exponent >= this.#from - 1e-9 && exponent <= this.#to + 1e-9) ticks.push(step * 10 ** power);
      }
    }
    return ticks;
  }
}

/** 0 has no place on such a scale, and is shown at its beginning. */
const zero = 0.5;

/** Some room around what occurred, and around a single value enough to see that it is one. */
function valueRange({ min, max }: Histogram): [from: number, to: number] {
  const [least, most] = [Math.max(min, zero), Math.max(max, zero)];
  const room = Math.max(1.1, Math.sqrt(4 / (most / least)));
  return [least / room, most * room];
}

/** Places to label, with their labels, at least so far from one another. */
function valueTicks(
  scale: Scale,
  { min }: Histogram,
  label: (value: number) => string,
  apart: number,
): [at: number, text: string][] {
  const ticks = scale.ticks().map((value): [number, string] => [scale.at(value), label(value)]);
  if (min > 0) return ticks;
  const start = scale.at(zero);
  return [[start, label(0)], ...ticks.filter(([at]) => Math.abs(at - start) >= apart)];
}

/** How often values occurred, in bars that are as wide as each other on the scale. */
function counts(histogram: Histogram, label: (value: number) => string): string[] {
  const bars = 62;
  const scale = new Scale(...valueRange(histogram), leftPanel, leftPanel + panel.width);
  const sums: number[] = Array(bars).fill(0);
  for (const [value, times] of histogram.entries()) {
    const share = (scale.at(Math.max(value, zero)) - leftPanel) / panel.width;
    const bar = Math.min(bars - 1, Math.max(0, Math.floor(share * bars)));
    sums[bar] = (sums[bar] ?? 0) + times;
  }
  const highest = Math.max(...sums);
  const bar = panel.width / bars;
  const rects = sums.flatMap((sum, i) => {
    if (sum === 0) return [];
    // What is there is seen, however rare.
    const tall = Math.max(1, (sum / highest) * (panel.bottom - panel.top));
    return `<rect x="${px(leftPanel + i * bar)}" y="${px(panel.bottom - tall)}" width="${px(bar - 0.6)}" height="${px(tall)}" fill="${fill}"/>`;
  });
  const rows = [0.25, 0.5, 0.75, 1].flatMap((share) => {
    const y = panel.bottom - share * (panel.bottom - panel.top);
    return grid(leftPanel, y, percentLabel((share * highest) / histogram.count));
  });
  const ticks = valueTicks(scale, histogram, label, 36).map(([at, text]) => below(at, text));
  return [...rows, axis(leftPanel), ...rects, ...ticks, caption(leftPanel, "share of samples, by value")];
}

/** Which share of all does not exceed a value. */
function shares(histogram: Histogram, label: (value: number) => string): string[] {
  const rows = percentileRows(histogram);
  const least = 1 / histogram.count;
  const x = new Scale(1, Math.max(10, 1 / least), rightPanel, rightPanel + panel.width);
  const y = new Scale(...valueRange(histogram), panel.bottom, panel.top);
  // The greatest of n samples is where all but one in n are below.
  const points = rows.map(({ value, share }) => {
    return `${px(x.at(1 / Math.max(1 - share, least)))},${px(y.at(Math.max(value, zero)))}`;
  });
  const lines = valueTicks(y, histogram, label, 14).flatMap(([at, text]) => grid(rightPanel, at, text));
  const ticks = [0, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999, 0.9999999, 0.99999999]
    .filter((share) => 1 - share >= least * 0.999)
    .map((share) => below(x.at(1 / (1 - share)), `${Number((share * 100).toPrecision(9))}%`));
  const line = `<polyline points="${points.join(" ")}" fill="none" stroke="${accent}" stroke-width="2" stroke-linejoin="round"/>`;
  return [
    ...lines,
    axis(rightPanel),
    line,
    ...ticks,
    caption(rightPanel, "value that so many samples do not exceed"),
  ];
}

function grid(x: number, y: number, text: string): string[] {
  return [
    `<line x1="${x}" y1="${px(y)}" x2="${x + panel.width}" y2="${px(y)}" stroke="${faint}"/>`,
    `<text x="${x - 8}" y="${px(y + 4)}" text-anchor="end">${escaped(text)}</text>`,
  ];
}

function below(x: number, text: string): string {
  return (
    `<line x1="${px(x)}" y1="${panel.bottom}" x2="${px(x)}" y2="${panel.bottom + 5}" stroke="${ink}"/>` +
    `<text x="${px(x)}" y="${panel.bottom + 20}" text-anchor="middle">${escaped(text)}</text>`
  );
}

function axis(x: number): string {
  return `<path d="M${x} ${panel.top}V${panel.bottom}H${x + panel.width}" fill="none" stroke="${ink}"/>`;
}

function caption(x: number, text: string): string {
  const middle = x + panel.width / 2;
  return `<text x="${middle}" y="${height - 14}" text-anchor="middle" fill="#52606d">${escaped(text)}</text>`;
}

/** To hundredths, which nobody can see. */
function px(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function percentLabel(share: number): string {
  return `${Number((share * 100).toPrecision(2))}%`;
}

function valueLabel(value: number, unit: PictureWords["unit"]): string {
  return unit === "ns" ? formatDuration(value) : value.toLocaleString("en-US");
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
