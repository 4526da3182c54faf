/**
 * What a run that sends or receives prints: for people in the lines that netmap's pkt-gen is known for, which
 * scripts parse, or for programs as JSON.
 *
 * This file knows the words and the arithmetic behind them; when something is printed is up to the command.
 */

import { hexDump } from "./hex-dump.js";
import type { Drops } from "./loop-group.js";
import { type Output, scaled } from "./output.js";
import type { DumpEntry } from "./traffic.js";

/** What passed in a while. `events` are the rounds that moved packets. */
export interface Passed {
  readonly packets: number;
  readonly bytes: number;
  readonly events: number;
  readonly seconds: number;
}

/** What passed since the line before. */
export interface Interval extends Passed {
  /** The fewest free slots in the receive rings; 0 of a sender. */
  readonly minSpace: number;
  readonly drops: Drops;
}

/** What the receiver found in the marks. */
export interface Verdict {
  readonly lost: number;
  readonly reordered: number;
  readonly duplicated: number;
  readonly corrupt: number;
  readonly unmarked: number;
}

/** How a sender kept the rate that it was asked for. */
export interface Kept {
  readonly askedPps: number;
  /** How often it was so late that its schedule was moved, and the packets that were given up by that. */
  readonly stalls: number;
  readonly forgone: number;
}

/** What a run came to. */
export interface Total extends Passed {
  readonly drops: Drops;
  /** Slots that the receiver had not taken when the sender ended. */
  readonly pending: number;
  readonly verify?: Verdict | undefined;
  readonly rate?: Kept | undefined;
}

/** The run that is reported. */
export interface Subject {
  readonly direction: "tx" | "rx";
  readonly port: string;
  readonly backend: string;
  readonly driver: string;
  readonly rings: number;
  readonly threads: number;
  readonly processors: number;
  /** What is sent, in the words of the command line. */
  readonly frames: { from: string; to: string; fromMac: string; toMac: string };
}

/** How people want their lines. */
export interface Style {
  /** Whole numbers instead of K, M and G. */
  readonly raw: boolean;
  /** Count preamble, gap and CRC in what is called bandwidth. */
  readonly framing: boolean;
  /** Add average and standard deviation of the last lines. */
  readonly average: boolean;
}

/** Where a command says what happens in its run. */
export interface Report {
  /** The port is open; packets move after `waitSeconds`. */
  begin(waitSeconds: number): void;
  ready(): void;
  interval(interval: Interval): void;
  packets(entries: readonly DumpEntry[]): void;
  end(total: Total): void;
}

/** Bytes that a packet has on a wire beside its own: preamble, gap and CRC. */
const framingBytes = 24;

/** For people: results on stdout, the course of things on stderr. */
export function textReport(out: Output, subject: Subject, style: Style): Report {
  const sends = subject.direction === "tx";
  const recent = new RecentRates();
  return {
    begin(waitSeconds) {
      const { port, rings, threads, processors, frames } = subject;
      out.print(
        `${sends ? "Sending on" : "Receiving from"} ${port}: ` +
          `${rings} queues, ${threads} threads and ${processors} cpus.`,
      );
      if (sends) out.print(`${frames.from} -> ${frames.to} (${frames.fromMac} -> ${frames.toMac})`);
      if (waitSeconds > 0) tell(`Wait ${waitSeconds} secs for phy reset`);
    },
    ready() {
      tell("Ready...");
    },
    interval(interval) {
      recent.add(interval.packets / interval.seconds);
      tell(progressLine(interval, style, recent));
    },
    packets(entries) {
      for (const entry of entries) out.print(hexDump(entry));
    },
    end(total) {
      for (const line of closingLines(total, sends, style)) out.print(line);
    },
  };
}

/** For programs. */
export function jsonReport(out: Output, subject: Subject): Report {
  const { direction, port, backend, driver } = subject;
  const origin = { function: direction, port, backend, driver };
  return {
    begin() {},
    ready() {},
    interval({ drops, ...passed }) {
      out.json({ type: "report", ...origin, ...figures(passed), drops });
    },
    packets(entries) {
      for (const { bytes, ...slot } of entries) {
        out.json({ type: "packet", ...slot, data: Buffer.from(bytes).toString("hex") });
      }
    },
    end({ drops, pending, verify, rate, ...passed }) {
      out.summary({
        ...origin,
        ...figures(passed),
        drops,
        ...(direction === "tx" && { pending }),
        ...(rate && { rate: rateFigures(passed, rate) }),
        ...(verify && { verify }),
      });
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
  sends: boolean,
  { raw, framing }: Omit<Style, "average">,
): string[] {
  const { packets, bytes, events, seconds, drops, pending, verify, rate } = total;
  const lines: string[] = [];
  if (packets === 0) {
    lines.push(`${sends ? "Sent" : "Received"} nothing.`);
  } else {
    const number = (value: number) => scaled(value, { raw });
    lines.push(
      `${sends ? "Sent" : "Received"} ${packets} packets ${bytes} bytes ${events} events ` +
        `${Math.floor(bytes / packets)} bytes each in ${seconds.toFixed(2)} seconds.`,
      `Speed: ${number(packets / elapsed(total))}pps Bandwidth: ${number(bitsPerSecond(total, false))}bps ` +
        `(raw ${number(bitsPerSecond(total, framing))}bps). Average batch: ${perEvent(total)} pkts`,
    );
  }
  const dropped = Object.entries(drops).map(([reason, count]) => `${count} ${reason}`);
  if (dropped.length > 0) lines.push(`Dropped ${dropped.join(", ")}.`);
  if (pending > 0) lines.push(`Not taken by the receiver: ${pending} slots.`);
  if (rate && packets > 1) lines.push(rateLine(total, rate));
  if (verify) lines.push(`Verified ${packets} packets: ${verdictWords(verify)}.`);
  return lines;
}

/** "3 lost, 0 reordered, ..." */
export function verdictWords(verdict: Verdict): string {
  const { lost, reordered, duplicated, corrupt, unmarked } = verdict;
  return `${lost} lost, ${reordered} reordered, ${duplicated} duplicated, ${corrupt} corrupt, ${unmarked} unmarked`;
}

function rateLine(total: Total, rate: Kept): string {
  const { asked_pps, achieved_pps, error_ppm, forgone } = rateFigures(total, rate);
  const gone = forgone > 0 ? `, ${forgone} packets given up in ${rate.stalls} stalls` : "";
  return `Rate: asked ${asked_pps} pps, achieved ${achieved_pps.toFixed(1)} pps (${error_ppm.toFixed(0)} ppm${gone}).`;
}

/** Packet and gap alternate, so that n packets have n - 1 gaps between the first and the last. */
function rateFigures(passed: Passed, { askedPps, stalls, forgone }: Kept) {
  const achieved = (passed.packets - 1) / elapsed(passed);
  return {
    asked_pps: askedPps,
    achieved_pps: rounded(Math.max(0, achieved)),
    error_ppm: passed.packets > 1 ? rounded((achieved / askedPps - 1) * 1e6) : 0,
    stalls,
    forgone,
  };
}

/** Figures as the JSON lines name them. */
export function figures(passed: Passed) {
  const { packets, bytes, seconds } = passed;
  return {
    packets,
    bytes,
    seconds,
    pps: rounded(packets / elapsed(passed)),
    bps: rounded(bitsPerSecond(passed, false)),
    bps_wire: rounded(bitsPerSecond(passed, true)),
  };
}

/** To thousandths. What comes after them is noise. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function bitsPerSecond(passed: Passed, framing: boolean): number {
  return ((passed.bytes + (framing ? framingBytes * passed.packets : 0)) * 8) / elapsed(passed);
}

/** A single batch takes no time between its first packet and its last. As with netmap, it is given a microsecond. */
function elapsed({ seconds }: Passed): number {
  return Math.max(seconds, 1e-6);
}

function perEvent({ packets, events }: Passed): string {
  return (events === 0 ? 0 : packets / events).toFixed(2);
}

/** The rates of the last 15 lines in which anything moved. */
export class RecentRates {
  static readonly #window = 15;
  #rates: readonly number[] = [];

  add(pps: number): void {
    if (pps > 0) this.#rates = [...this.#rates, pps].slice(-RecentRates.#window);
  }

  get mean(): number {
    return this.#rates.reduce((sum, pps) => sum + pps, 0) / Math.max(1, this.#rates.length);
  }

  get deviation(): number {
    const mean = this.mean;
    const squares = this.#rates.reduce((sum, pps) => sum + (pps - mean) ** 2, 0);
    return Math.sqrt(squares / Math.max(1, this.#rates.length));
  }
}

/**
 * Prints a line on stderr as netmap does: seconds modulo 1000, where it comes from, the text. Scripts count its
 * words. In place of a line number it has the process, which tells two runs on one terminal apart.
 */
function tell(text: string): void {
  const now = performance.timeOrigin + performance.now();
  const seconds = ((now / 1000) % 1000).toFixed(6).padStart(10, "0");
  process.stderr.write(`${seconds} main_thread [${process.pid}] ${text}\n`);
}
