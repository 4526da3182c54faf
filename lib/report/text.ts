/**
 * What a run prints for people, in the lines that netmap's pkt-gen is known for, which scripts parse. Results go to
 * stdout, the course of things to stderr.
 */

import { hexDump } from "../hex-dump.js";
import { type Output, scaled } from "../output.js";
import { traitsOf } from "../pkt-gen/functions.js";
import { mismatchWords, numbersWords } from "./numbers.js";
import { bitsPerSecond, elapsed, perEvent } from "./passed.js";
import { rateLines } from "./rate.js";
import { RecentRates } from "./recent-rates.js";
import type { Interval, Report, Subject, Total } from "./report.js";
import { intervalWords, roundTripLines } from "./round-trips.js";
import { verdictWords } from "./verdict.js";

/** How people want their lines. */
export interface Style {
  /** Whole numbers instead of K, M and G. */
  readonly raw: boolean;
  /** Count preamble, gap and CRC in what is called bandwidth. */
  readonly framing: boolean;
  /** Add average and standard deviation of the last lines. */
  readonly average: boolean;
}

export function textReport(out: Output, subject: Subject, style: Style): Report {
  const { begins, ended, makes } = traitsOf(subject.function);
  const recent = new RecentRates();
  return {
    begin(waitSeconds) {
      const { port, rings, threads, processors, frames } = subject;
      out.print(`${begins} ${port}: ${rings} queues, ${threads} threads and ${processors} cpus.`);
      if (makes && frames) out.print(`${frames.from} -> ${frames.to} (${frames.fromMac} -> ${frames.toMac})`);
      if (waitSeconds > 0) tell(`Wait ${waitSeconds} secs for phy reset`);
    },
    ready() {
      tell("Ready...");
    },
    interval(interval) {
      recent.add(interval.packets / interval.seconds);
      tell(progressLine(interval, style, recent));
      const { roundTrips, mismatches = [] } = interval;
      if (roundTrips && roundTrips.count > 0) for (const line of intervalWords(roundTrips)) tell(line);
      for (const mismatch of mismatches) tell(mismatchWords(mismatch));
    },
    packets(entries) {
      for (const entry of entries) out.print(hexDump(entry));
    },
    end(total) {
      for (const line of closingLines(total, ended, style)) out.print(line);
    },
  };
}

/** "999.000 pps (1.000 Kpkts 479.483 Kbps in 1001079 usec) 500.00 avg_batch 0 min_space" */
export function progressLine(
  interval: Interval,
  { raw, framing, average }: Style,
  recent: RecentRates,
): string {
  const { packets, seconds, minSpace } = interval;
  const number = (value: number) => scaled(value, { raw });
  const statistics = average ? `[avg/std ${number(recent.mean)}/${number(recent.deviation)} pps]` : "";
  const bits = bitsPerSecond(interval, framing);
  return (
    `${number(packets / seconds)}pps ${statistics}(${number(packets)}pkts ${number(bits)}bps ` +
    `in ${Math.round(seconds * 1e6)} usec) ${perEvent(interval)} avg_batch ${minSpace} min_space`
  );
}

/** "Sent 1000 packets ...", "Speed: ...", and what netmap does not tell. */
export function closingLines(
  total: Total,
  ended: string,
  { raw, framing }: Omit<Style, "average">,
): string[] {
  const { packets, bytes, events, seconds, drops, pending, verify, rate, roundTrips, numbers } = total;
  const lines: string[] = [];
  if (roundTrips) {
    lines.push(...roundTripLines(roundTrips));
  } else if (packets === 0) {
    lines.push(`${ended} nothing.`);
  } else {
    const number = (value: number) => scaled(value, { raw });
    lines.push(
      `${ended} ${packets} packets ${bytes} bytes ${events} events ` +
        `${Math.floor(bytes / packets)} bytes each in ${seconds.toFixed(2)} seconds.`,
      `Speed: ${number(packets / elapsed(total))}pps Bandwidth: ${number(bitsPerSecond(total, false))}bps ` +
        `(raw ${number(bitsPerSecond(total, framing))}bps). Average batch: ${perEvent(total)} pkts`,
    );
  }
  const dropped = Object.entries(drops).map(([reason, count]) => `${count} ${reason}`);
  if (dropped.length > 0) lines.push(`Dropped ${dropped.join(", ")}.`);
  if (pending > 0) lines.push(`Not taken by the receiver: ${pending} slots.`);
  if (rate && rate.packets > 1) lines.push(...rateLines(rate));
  if (numbers && packets > 0) lines.push(`Numbers: ${numbersWords(numbers)}.`);
  if (verify) lines.push(`Verified ${packets} packets: ${verdictWords(verify)}.`);
  return lines;
}

/**
 * Prints a line on stderr as netmap does: seconds modulo 1000, where it comes from, the text. Scripts count its
 * words. In place of a line number it has the process, which tells two runs on one terminal apart.
 */
export function tell(text: string): void {
  const now = performance.timeOrigin + performance.now();
  const seconds = ((now / 1000) % 1000).toFixed(6).padStart(10, "0");
  process.stderr.write(`${seconds} main_thread [${process.pid}] ${text}\n`);
}
