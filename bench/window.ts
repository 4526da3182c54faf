/**
 * One window of the native program, native/bench: measured, and measured again when it was disturbed.
 *
 * The figures of two cores depend on how near these are to each other, and a hypervisor moves them. Each such
 * window therefore has a class, from ping-pongs before and after it. Figures of different classes are never
 * compared.
 */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Case, Limit } from "./cases.js";

/** `smt`: two threads of one core. `near`: one third-level cache. `far`: none in common. `mixed`: it changed. */
export type Class = "smt" | "near" | "far" | "mixed" | "one core";

export interface Window {
  readonly class: Class;
  readonly pps: number;
  /** The stream of the same length and cores, measured right before. */
  readonly limitPps: number;
  /** Of the packets sent, the share that a full receiver lost. */
  readonly droppedShare: number;
  /** The share of processor time that others took. */
  readonly disturbance: number;
  /** Whether the processes ran before others. */
  readonly priority: boolean;
}

const undisturbed = 0.03;
const attempts = 4;

const root = join(import.meta.dirname, "..", "..");
const program = join(root, "build", "native-plain", "bench", "nm-bench");

/** Builds the native program where it is stale. */
export function buildProgram(): void {
  const make = spawnSync("make", ["--silent", "-C", join(root, "native"), "bench"], {
    stdio: ["ignore", 2, 2],
  });
  if (make.status !== 0) throw new Error("Cannot build native/bench: make failed", { cause: make.error });
}

export function measureCase(what: Case, seconds: number): Window {
  return measure([what.engine, what.length, what.senders, what.workload, seconds, what.placement]);
}

export function measureLimit(what: Limit, seconds: number): Window {
  if (what.kind === "memcpy") return measure(["memcpy", what.length, what.stride, seconds]);
  return measure(["stream", what.length, what.stride, what.stores, seconds, what.placement]);
}

/** The first window that nothing disturbed, or else the least disturbed one. */
function measure(words: readonly (string | number)[]): Window {
  let best: Window | undefined;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const window = windowOf(runProgram(words));
    if (best === undefined || cost(window) < cost(best)) best = window;
    if (cost(best) <= undisturbed) return best;
  }
  if (best === undefined) throw new Error("No window was measured");
  return best;
}

function cost(window: Window): number {
  return window.disturbance + (window.class === "mixed" ? 1 : 0);
}

function windowOf({ figures, ...line }: Line): Window {
  return {
    ...line,
    pps: figures.per_second ?? 0,
    limitPps: figures.limit_per_second ?? 0,
    droppedShare: figures.dropped_share ?? 0,
  };
}

/** What the program prints: one line of JSON. */
export interface Line extends Pick<Window, "class" | "disturbance" | "priority"> {
  readonly figures: Partial<Record<string, number>>;
}

export function runProgram(words: readonly (string | number)[]): Line {
  const run = spawnSync(program, words.map(String), {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (run.status !== 0) throw new Error(`nm-bench ${words.join(" ")} failed`, { cause: run.error });
  const figures = JSON.parse(run.stdout) as Line["figures"];
  return {
    class: classOf(figures.before_ns, figures.after_ns),
    disturbance: figures.disturbance ?? 0,
    priority: figures.priority === 1,
    figures,
  };
}

/** From the times that a cache line took one way, before the window and after it. */
function classOf(before: number | undefined, after: number | undefined): Class {
  if (before === undefined || after === undefined) return "one core";
  const classes = [before, after].map((ns) => (ns < 32 ? "smt" : ns < 110 ? "near" : "far"));
  return classes[0] === classes[1] ? (classes[0] ?? "mixed") : "mixed";
}
