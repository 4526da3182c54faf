/** The benchmark's figures as tables for people. */

import type { CaseResult, Figures, LimitResult, Spread, Verdict } from "./figures.js";

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
    results.map(({ case: { name }, figures, verdict }) => [
      name,
      millions(figures.pps.median),
      range(figures.pps, millions),
      percent(figures.ofLimit.median),
      range(figures.ofLimit, percent),
      classOf(figures),
      percent(figures.droppedShare.median),
      percent(figures.disturbance.median),
      ...goal(verdict),
    ]),
  );
}

function goal(verdict: Verdict | undefined): [string, string] {
  if (verdict === undefined) return ["", ""];
  const wanted = `${percent(verdict.atLeast)} of ${verdict.of}`;
  if (verdict.ratio === undefined) return [wanted, "no window of the same class"];
  return [wanted, `${verdict.met ? "met" : "missed"}: ${percent(verdict.ratio)}`];
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
const percent = (value: number) => `${(value * 100).toFixed(0)}%`;
