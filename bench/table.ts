/** The benchmark's figures as tables for people. */

import type { CaseResult, Figures, LimitResult, Spread, Verdict } from "./figures.js";
import type { TimingResult } from "./timings.js";

export function limitTable(results: readonly LimitResult[]): string {
  return table(
    ["limit", "M/s", "(min-max)", "class", "disturbed"],
    results.map(({ limit, figures }) => [
      limit.name,
      millions(figures.pps.median),
      range(figures.pps, millions),
      classOf(figures),
      percent(figures.disturbance.median),
    ]),
  );
}

export function caseTable(results: readonly CaseResult[]): string {
  return table(
    ["case", "Mpps", "(min-max)", "of limit", "(min-max)", "class", "dropped", "disturbed", "goal", ""],
    results.map(({ case: { name }, figures, verdicts }) => [
      name,
      millions(figures.pps.median),
      range(figures.pps, millions),
      percent(figures.ofLimit.median),
      range(figures.ofLimit, percent),
      classOf(figures),
      percent(figures.droppedShare.median),
      percent(figures.disturbance.median),
      ...goals(verdicts),
    ]),
  );
}

export function timingTable(results: readonly TimingResult[]): string {
  return table(
    ["timing", "ours", "bare", "rate error", "longest burst", "class", "disturbed", "goal", ""],
    results.map(({ timing, class: nearness, disturbance, figures, ratio, goal, met }) => [
      timing.name,
      ...(timing.kind === "precision"
        ? [
            `${fine(figures.sent_share)} sent, ${fine(figures.received_share)} arrived`,
            fine(figures.noise_share),
            `${figures.error_ppm?.toFixed(2)} ppm`,
            String(figures.longest_burst),
          ]
        : [`${figures.ping_p50_ns} ns`, `${figures.bare_p50_ns} ns`, "", ""]),
      nearness,
      percent(disturbance),
      goal,
      `${met ? "met" : "missed"}: ${(ratio * 100).toFixed(1)}%`,
    ]),
  );
}

function goals(verdicts: readonly Verdict[]): [string, string] {
  const wanted = verdicts.map(({ of, atLeast }) => `${percent(atLeast)} of ${of}`);
  const came = verdicts.map(({ ratio, met }) =>
    ratio === undefined ? "no window of the same class" : `${met ? "met" : "missed"}: ${percent(ratio)}`,
  );
  return [wanted.join(", "), came.join(", ")];
}

function classOf(figures: Figures): string {
  const all = figures.windows + figures.otherClasses;
  return figures.otherClasses === 0 ? figures.class : `${figures.class} ${figures.windows}/${all}`;
}

/** Columns as wide as their widest cell; figures, which are all but the first and the last two, to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return /^[(\d]/.test(cell) && column > 0 && column < 8 ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return `${[head, ...rows].map(line).join("\n")}\n`;
}

const range = ({ min, max }: Spread, show: (value: number) => string) => `(${show(min)}-${show(max)})`;
const millions = (value: number) => (value / 1e6).toFixed(1);
const fine = (value = Number.NaN) => `${(value * 100).toFixed(3)}%`;
const percent = (value: number) => `${(value * 100).toFixed(0)}%`;
