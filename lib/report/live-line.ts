/**
 * A line that tells how a run is going, and is written over again and again: on a terminal only.
 *
 *   ▁▃▅▇▇▇▆▇▇  812.345 Kpps  389.926 Mbps  0:12  latency 50% 1.1 us 99% 4 us  12 full
 */

import { formatDuration } from "../duration.js";
import { type Paint, scaled } from "../output.js";
import { sparkline } from "../sparkline.js";
import { bitsPerSecond } from "./passed.js";
import type { Interval } from "./report.js";

/** How many rates are shown at most. */
const most = 30;

export class LiveLine {
  readonly #write: (text: string) => void;
  readonly #width: () => number;
  readonly #paint: Paint;
  #rates: readonly number[] = [];
  #seconds = 0;
  #shown = false;

  constructor(write: (text: string) => void, width: () => number, paint: Paint) {
    this.#write = write;
    this.#width = width;
    this.#paint = paint;
  }

  show(interval: Interval, { raw, framing }: { raw: boolean; framing: boolean }): void {
    const { packets, seconds } = interval;
    this.#rates = [...this.#rates, packets / seconds].slice(-most);
    this.#seconds += seconds;
    const facts = [
      `${scaled(packets / seconds, { raw })}pps`,
      `${scaled(bitsPerSecond(interval, framing), { raw })}bps`,
      clock(this.#seconds),
      ...findings(interval),
    ].join("  ");
    // A line that is wrapped cannot be written over.
    const room = this.#width() - 1;
    const bars = Math.min(this.#rates.length, room - facts.length - 2);
    const spark = bars > 0 ? `${this.#paint.cyan(sparkline(this.#rates).slice(-bars))}  ` : "";
    this.#write(`\r\u001b[K${spark}${facts.slice(0, room)}`);
    this.#shown = true;
  }

  /** Makes room for other lines; the next show() writes a new one below them. */
  clear(): void {
    if (this.#shown) this.#write("\r\u001b[K");
    this.#shown = false;
  }
}

/** What else is worth a word. */
function findings({ drops, verify, measured, rate, roundTrips }: Interval): string[] {
  const found: string[] = [];
  const timed = roundTrips?.times ?? measured?.latency;
  if (timed && timed.count > 0) {
    const { p50, p99 } = timed.percentiles();
    found.push(`${roundTrips ? "rtt" : "latency"} 50% ${formatDuration(p50)} 99% ${formatDuration(p99)}`);
  }
  if (rate?.paced && rate.gaps && rate.gaps.count > 0) {
    const { p50, p99 } = rate.gaps.percentiles();
    found.push(`gaps 50% ${formatDuration(p50)} 99% ${formatDuration(p99)}`);
  }
  if (rate && rate.forgone > 0) found.push(`${rate.forgone} given up`);
  const lost = verify?.lost ?? roundTrips?.lost ?? 0;
  if (lost > 0) found.push(`${lost} lost`);
  for (const [reason, count] of Object.entries(drops)) found.push(`${count} ${reason}`);
  return found;
}

/** "1:05" */
function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
