/** What several windows of one thing come to, and whether that meets its goal. */

import type { Case, Limit } from "./cases.js";
import type { Class, Window } from "./window.js";

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The windows of the class that most of them had; the others are only counted. */
export interface Figures {
  readonly class: Class;
  readonly windows: number;
  readonly otherClasses: number;
  readonly pps: Spread;
  readonly limitPps: Spread;
  readonly ofLimit: Spread;
  readonly droppedShare: Spread;
  readonly disturbance: Spread;
}

export interface Verdict {
  readonly of: string;
  readonly atLeast: number;
  /** Absent where there is nothing of the same class to compare with. */
  readonly ratio: number | undefined;
  readonly met: boolean | undefined;
}

export interface LimitResult {
  readonly limit: Limit;
  readonly figures: Figures;
}

export interface CaseResult {
  readonly case: Case;
  readonly figures: Figures;
  readonly verdicts: readonly Verdict[];
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

export function figuresOf(windows: readonly Window[], wanted = commonest(windows)): Figures {
  const same = windows.filter((window) => window.class === wanted);
  const of = (value: (window: Window) => number) => spread(same.map(value));
  return {
    class: wanted,
    windows: same.length,
    otherClasses: windows.length - same.length,
    pps: of((window) => window.pps),
    limitPps: of((window) => window.limitPps),
    ofLimit: of((window) => window.pps / window.limitPps),
    droppedShare: of((window) => window.droppedShare),
    disturbance: of((window) => window.disturbance),
  };
}

/** Judges a case. `windowsOf` gives the windows of a case that a goal is relative to. */
export function judge(
  what: Case,
  figures: Figures,
  windowsOf: (name: string) => readonly Window[],
): readonly Verdict[] {
  return (what.goals ?? []).map(({ of, atLeast }) => {
    const ratio = of === "limit" ? figures.ofLimit.median : compared(figures, windowsOf(of));
    return { of, atLeast, ratio, met: ratio === undefined ? undefined : ratio >= atLeast };
  });
}

/** How near two cores are to each other says nothing about what runs on one. */
function compared(figures: Figures, others: readonly Window[]): number | undefined {
  const onOneCore = figures.class === "one core" || others.every(({ class: found }) => found === "one core");
  const wanted = onOneCore ? commonest(others) : figures.class;
  const reference = figuresOf(others, wanted);
  return reference.windows === 0 ? undefined : figures.pps.median / reference.pps.median;
}

function commonest(windows: readonly Window[]): Class {
  const counts = new Map<Class, number>();
  for (const window of windows) counts.set(window.class, (counts.get(window.class) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? "mixed";
}
