/**
 * What a receiver measures about the packets of senders that mark them.
 */

import type { Histogram } from "../histogram.js";
import type { Stream } from "../traffic.js";
import { rounded } from "./passed.js";

/** Of a while, or of the whole run. */
export interface Measured {
  /** How long packets were under way. */
  readonly latency: Histogram;
  /** Times from one arrival to the next. */
  readonly interarrival: Histogram;
  /** By how many numbers those were late that came out of order. */
  readonly reorderDepth: Histogram;
  /** Packets whose latency cannot be known: their sender has another clock. */
  readonly untimed: number;
  /** Most packets that were found at once. Since the start, also in the figures of a while. */
  readonly longestTrain: number;
}

/** Each histogram by the name that it has in JSON, and what it is called in words. */
const shown = [
  ["latency_ns", "Latency", "ns", ({ latency }: Measured) => latency],
  ["interarrival_ns", "Between arrivals", "ns", ({ interarrival }: Measured) => interarrival],
  ["reorder_depth", "Reordered by", "packets", ({ reorderDepth }: Measured) => reorderDepth],
] as const;

/** "Latency: min 800 mean 1200 50% 1100 ... ns" */
export function measuredLines(measured: Measured): string[] {
  const lines = shown.flatMap(([, name, unit, of]) => {
    const histogram = of(measured);
    return histogram.count > 0 ? [`${name}: ${percentileWords(histogram)} ${unit}.`] : [];
  });
  const { untimed, longestTrain } = measured;
  if (longestTrain > 0) lines.push(`Longest train: ${longestTrain} packets found at once.`);
  if (untimed > 0) lines.push(`No latency of ${untimed} packets: their sender has another clock.`);
  return lines;
}

export function percentileWords(histogram: Histogram): string {
  const { min, mean, p50, p90, p99, p999, max } = histogram.percentiles();
  return `min ${min} mean ${mean.toFixed(0)} 50% ${p50} 90% ${p90} 99% ${p99} 99.9% ${p999} max ${max}`;
}

/** As the JSON lines have it. What did not occur is left out. */
export function measuredFigures(measured: Measured) {
  const histograms = shown.flatMap(([name, , , of]) => {
    const histogram = of(measured);
    return histogram.count > 0 ? [[name, percentileFigures(histogram)]] : [];
  });
  const { untimed, longestTrain: longest_train } = measured;
  return { ...Object.fromEntries(histograms), untimed, longest_train };
}

export function percentileFigures(histogram: Histogram) {
  const percentiles = histogram.percentiles();
  return { ...percentiles, mean: rounded(percentiles.mean) };
}

const mostStreams = 10;

/** The streams in which something is not as it should be, where there are several. */
export function streamLines(streams: readonly Stream[]): string[] {
  if (streams.length < 2) return [];
  const troubled = streams.filter(({ lost, reordered, duplicated }) => lost + reordered + duplicated > 0);
  const lines = troubled
    .slice(0, mostStreams)
    .map(
      ({ stream, packets, lost, reordered, duplicated }) =>
        `Stream ${stream}: ${packets} packets, ${lost} lost, ${reordered} reordered, ${duplicated} duplicated.`,
    );
  const more = troubled.length - lines.length;
  const well = streams.length - troubled.length;
  if (more > 0) lines.push(`And ${more} more streams like these.`);
  return [...lines, `Streams: ${streams.length}, of which ${well} whole and in order.`];
}
