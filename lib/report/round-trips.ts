/**
 * How long the answers to a pinger's requests took, in netmap's lines.
 */

import type { Histogram } from "../histogram.js";
import { percentileFigures } from "./measured.js";

/** What became of the requests of a pinger. */
export interface RoundTrips {
  readonly requests: number;
  /** Requests without an answer, and answers that came too late to be one. */
  readonly lost: number;
  readonly late: number;
  /** Answers that came again, and packets that answer nothing. */
  readonly duplicated: number;
  readonly foreign: number;
  readonly times: Histogram;
}

/** "count 10 RTT: min 5200 av 6100 ns", and how many there were between one power of two and the next. */
export function intervalWords(times: Histogram): string[] {
  const { buckets, first } = powersOfTwo(times);
  const last = first + buckets.length - 1;
  return [
    `count ${times.count} RTT: min ${times.min} av ${Math.floor(times.mean)} ns`,
    `k: ${2 ** first} .. ${2 ** last}\n\t${buckets.map((count) => ` ${String(count).padStart(5)}`).join("")}`,
  ];
}

/** "RTT over 100 packets: min 5200 av 6100 ns", and what netmap does not tell. */
export function roundTripLines({ times, requests, lost, late, duplicated, foreign }: RoundTrips): string[] {
  if (times.count === 0) return [`No answer to ${requests} requests.`];
  const { min, mean, p50, p90, p99, p999, max } = times.percentiles();
  return [
    `RTT over ${times.count} packets: min ${min} av ${Math.floor(mean)} ns`,
    `RTT percentiles: 50% ${p50} 90% ${p90} 99% ${p99} 99.9% ${p999} max ${max} ns`,
    `Of ${requests} requests ${lost} lost, ${late} answered late; answers: ${duplicated} duplicated, ${foreign} foreign.`,
  ];
}

/** As the JSON lines have it. */
export function roundTripFigures({ times, ...ping }: RoundTrips) {
  return { ping, ...(times.count > 0 && { rtt_ns: percentileFigures(times) }) };
}

function powersOfTwo(times: Histogram): { first: number; buckets: number[] } {
  const powers = [...times.entries()].map(([value, count]) => [exponentOf(value), count] as const);
  const first = Math.min(...powers.map(([power]) => power));
  const buckets: number[] = [];
  for (const [power, count] of powers) buckets[power - first] = (buckets[power - first] ?? 0) + count;
  return { first, buckets: Array.from(buckets, (count) => count ?? 0) };
}

function exponentOf(value: number): number {
  return value < 1 ? 0 : Math.floor(Math.log2(value));
}
