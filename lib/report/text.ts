/**
 * What a run prints for people, in the lines that netmap's pkt-gen is known for, which scripts parse. Results go to
 * stdout, the course of things to stderr.
 */

import { hexDump } from "../hex-dump.js";
import { type Output, scaled } from "../output.js";
import { judgementWords } from "../pkt-gen/expectations.js";
import { traitsOf } from "../pkt-gen/functions.js";
import { distributionLines, distributionTable } from "./distributions.js";
import type { LiveLine } from "./live-line.js";
import { measuredLines, streamLines } from "./measured.js";
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

/** With `live` on a terminal, a line that is written over takes the place of one line after the other. */
export function textReport(out: Output, subject: Subject, style: Style, live?: LiveLine): Report {
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
      const { roundTrips, distributions = {}, mismatches = [] } = interval;
      if (live) {
        live.show(interval, style);
      } else {
        recent.add(interval.packets / interval.seconds);
        tell(progressLine(interval, style, recent));
        if (roundTrips && roundTrips.times.count > 0)
          for (const line of intervalWords(roundTrips.times)) tell(line);
        for (const line of distributionLines(distributions)) tell(line);
      }
      if (mismatches.length > 0) live?.clear();
      for (const mismatch of mismatches) tell(mismatchWords(mismatch));
    },
    note(text) {
      live?.clear();
      process.stderr.write(`${text}\n`);
    },
    packets(entries) {
      if (entries.length > 0) live?.clear();
      for (const entry of entries) out.print(hexDump(entry));
    },
    end(total) {
      live?.clear();
      for (const line of closingLines(total, ended, style)) out.print(line);
      if (total.distributions) out.table(...distributionTable(total.distributions));
      for (const judgement of total.judgements ?? []) {
        if (judgement.holds) out.print(`${judgementWords(judgement)}.`);
      }
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
  const { packets, bytes, events, seconds, drops, pending } = total;
  const { verify, rate, roundTrips, numbers, measured, streams } = total;
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
  if (rate && rate.followed > 0) lines.push(...rateLines(rate));
  if (numbers && packets > 0) lines.push(`Numbers: ${numbersWords(numbers)}.`);
  if (verify) lines.push(`Verified ${packets} packets: ${verdictWords(verify)}.`);
  if (measured) lines.push(...measuredLines(measured));
  if (streams) lines.push(...streamLines(streams));
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
