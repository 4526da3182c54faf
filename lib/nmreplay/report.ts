/**
 * What a replay prints: for people, pkt-gen's lines with the position in the capture, or on a terminal one line that moves;
 * for programs, JSON.
 */

import { formatDuration } from "../duration.js";
import type { Histogram } from "../histogram.js";
import { type FeedCount, feedCounts } from "../layout.js";
import { dropsField } from "../loop-group.js";
import { type Output, type Paint, paintFor, scaled } from "../output.js";
import type { ReplayFigures } from "../replay.js";
import { bitsPerSecond, figures, type Passed } from "../report/passed.js";
import { RecentRates } from "../report/recent-rates.js";
import type { Interval, Total } from "../report/report.js";
import { closingLines, progressLine, tell } from "../report/text.js";

/** How far a replay is, as well as that is known. */
export interface Position {
  /** Of all that is to be sent. */
  readonly share: number | undefined;
  readonly remaining_s: number | undefined;
  /** Passes that were read to their end. */
  readonly passes: number;
}

export interface ReplayTotal extends Omit<Total, "verify" | "rate"> {
  readonly figures: ReplayFigures;
  /** Of each packet; nothing where packets had no times. */
  readonly lateness: Histogram | undefined;
  /** Whether the thread ran before all without real-time priority. */
  readonly realtime: boolean;
}

export interface ReplayReport {
  begin(waitSeconds: number): void;
  ready(): void;
  /** Something that people should know, once. */
  tell(text: string): void;
  /** What passed since the last time. */
  interval(interval: Interval, position: Position): void;
  /** What passed so far. Comes more often than intervals. */
  progress(soFar: Passed, position: Position): void;
  end(total: ReplayTotal): void;
}

/** The replay that is reported. */
export interface ReplaySubject {
  readonly file: string;
  readonly ports: readonly string[];
  readonly backend: string;
  readonly drivers: readonly string[];
}

/** Why packets of the capture were not sent, in words for people. */
const leftOut: Readonly<Partial<Record<FeedCount, string>>> = {
  out_of_range: "outside of the range",
  filtered: "filtered",
  empty: "empty",
  too_long: "too long for the port",
};

const style = { raw: false, framing: false, average: false };

export async function textReport(out: Output, { file, ports }: ReplaySubject): Promise<ReplayReport> {
  const recent = new RecentRates();
  const live = await liveLine();
  return {
    begin(waitSeconds) {
      out.print(`Sending ${file === "-" ? "standard input" : file} on ${ports.join(" and ")}.`);
      if (waitSeconds > 0) tell(`Wait ${waitSeconds} secs for phy reset`);
    },
    ready() {
      if (!live) tell("Ready...");
    },
    tell(text) {
      live?.clear();
      process.stderr.write(`${text}\n`);
    },
    interval(interval, position) {
      if (!live) tell(`${progressLine(interval, style, recent)}${positionWords(position)}`);
    },
    progress(soFar, position) {
      live?.show(soFar, position);
    },
    end(total) {
      live?.clear();
      for (const line of closingLines(total, "Sent", style)) out.print(line);
      for (const line of replayLines(total)) out.print(line);
    },
  };
}

export function jsonReport(out: Output, { ports, backend, drivers }: ReplaySubject): ReplayReport {
  const origin = { function: "replay", port: ports[0], ports, backend, driver: drivers[0] };
  return {
    begin() {},
    ready() {},
    tell(text) {
      process.stderr.write(`${text}\n`);
    },
    interval({ drops, ...passed }, { share, remaining_s, passes }) {
      const position = { share: share ?? null, remaining_s: remaining_s ?? null, passes };
      out.json({ type: "report", ...origin, ...figures(passed), drops: dropsField(drops), position });
    },
    progress() {},
    end({ drops, pending, lateness, realtime, figures: counts, ...passed }) {
      out.summary({
        ...origin,
        ...figures(passed),
        ...{ drops: dropsField(drops), pending },
        ...(lateness && { lateness_ns: lateness.percentiles(), realtime }),
        capture: feedFigures(counts),
      });
    },
  };
}

/** What became of the packets of the capture, as JSON lines have it. */
export function feedFigures(counts: Readonly<Record<FeedCount, number>>): Record<FeedCount, number> {
  const names = Object.keys(feedCounts) as FeedCount[];
  return Object.fromEntries(names.map((name) => [name, counts[name]])) as Record<FeedCount, number>;
}

/** What became of the packets of the capture, for people: a line for each thing that is worth one. */
export function feedLines(counts: Readonly<Record<FeedCount, number>>): string[] {
  const { read, lost, cut, out_of_order } = counts;
  const reasons = Object.entries(leftOut).filter(([name]) => counts[name as FeedCount] > 0);
  const words = reasons.map(([name, text]) => `${counts[name as FeedCount]} ${text}`);
  return [
    ...(words.length > 0 ? [`Left out of ${read} packets: ${words.join(", ")}.`] : []),
    ...(lost > 0 ? [`Lost by the model: ${lost} packets.`] : []),
    ...(cut > 0 ? [`Captured in part: ${cut} packets, whose ends were sent as zeros.`] : []),
    ...(out_of_order > 0 ? [`Out of order: ${out_of_order} packets, sent with the one before them.`] : []),
  ];
}

function replayLines({ figures: counts, lateness, realtime }: ReplayTotal): string[] {
  const lines = feedLines(counts);
  if (!lateness || lateness.count === 0) return lines;
  const { p50, p90, p99, p999, max } = lateness.percentiles();
  const priority = realtime ? "with real-time priority" : "without real-time priority";
  const percentiles = { "50%": p50, "90%": p90, "99%": p99, "99.9%": p999, max };
  const words = Object.entries(percentiles).map(([name, value]) => `${name} ${formatDuration(value)}`);
  return [...lines, `Lateness: ${words.join(", ")}; ${priority}.`];
}

/** ", 42.0% sent, 12 s to go", where that is known. */
function positionWords({ share, remaining_s, passes }: Position): string {
  if (share === undefined) return passes > 0 ? `, ${passes} passes read` : "";
  const remaining = remaining_s === undefined ? "" : `, ${formatDuration(remaining_s * 1e9)} to go`;
  return `, ${(share * 100).toFixed(1)}% sent${remaining}`;
}

/** One line on a terminal that is written again and again; nothing where there is no terminal. */
async function liveLine() {
  const { stderr } = process;
  if (!stderr.isTTY) return undefined;
  const paint = await paintFor(stderr);
  let shown: { at_ms: number; passed: Passed } | undefined;
  return {
    clear: () => stderr.write("\r\x1b[K"),
    show: (soFar: Passed, position: Position) => {
      const at_ms = performance.now();
      if (shown) {
        const seconds = (at_ms - shown.at_ms) / 1000;
        const [packets, bytes] = [soFar.packets - shown.passed.packets, soFar.bytes - shown.passed.bytes];
        const rates = { packets, bytes, events: 0, seconds };
        stderr.write(`\r\x1b[K${lineOf(soFar, rates, position, paint)}`);
      }
      shown = { at_ms, passed: soFar };
    },
  };
}

const barLetters = 24;

function lineOf(
  soFar: Passed,
  rates: Passed,
  { share, remaining_s, passes }: Position,
  paint: Paint,
): string {
  const speed = `${scaled(rates.packets / rates.seconds)}pps  ${scaled(bitsPerSecond(rates, false))}bps`;
  const sent = `${soFar.packets.toLocaleString("en")} packets`;
  if (share === undefined) return `${sent}  ${speed}  ${paint.dim(`${passes} passes read`)}`;
  const full = Math.floor(share * barLetters);
  const bar = paint.cyan("█".repeat(full)) + paint.dim("·".repeat(barLetters - full));
  const remaining =
    remaining_s === undefined ? "" : paint.dim(`  ${formatDuration(remaining_s * 1e9)} to go`);
  return `${bar} ${(share * 100).toFixed(1).padStart(5)}%  ${sent}  ${speed}${remaining}`;
}
