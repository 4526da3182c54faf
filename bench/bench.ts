/**
 * npm run bench: how fast packets cross the embedded engine, beside what the machine can do at best.
 *
 *   npm run bench -- [--runs 5] [--seconds 0.3] [--timing-seconds 4] [--only WORD] [--json FILE] [--check]
 *
 * Packets a second say little on a machine that others share, so every figure is divided by a limit that was
 * measured right before it: what a bare producer and a bare consumer reach on the same cores with packets of the
 * same length. Each run measures all limits and all cases once; a figure is the
 * median of the runs. What is measured in times, see timings.ts, is measured once, for longer.
 *
 * Prints a table and then one JSON line per limit and case, and a summary; with --json the lines go to a file.
 * A goal that is missed is a result and no failure, unless --check asks: then the exit status is 3.
 */

import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { type Case, cases, limits } from "./cases.js";
import { type CaseResult, figuresOf, judge, type LimitResult } from "./figures.js";
import { positive, readOptions, usageError } from "./options.js";
import { caseTable, limitTable, timingTable } from "./table.js";
import { measureTiming, type Timing, type TimingResult, timings } from "./timings.js";
import { buildProgram, measureCase, measureLimit, type Window } from "./window.js";

const options = readOptions(
  "npm run bench -- [--runs 5] [--seconds 0.3] [--timing-seconds 4] [--only WORD] [--json FILE] [--check]",
  {
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "0.3" },
    "timing-seconds": { type: "string", default: "4" },
    only: { type: "string", default: "" },
    json: { type: "string" },
    check: { type: "boolean", default: false },
  },
);

const runs = positive("runs", options.runs);
const seconds = positive("seconds", options.seconds);
const timingSeconds = positive("timing-seconds", options["timing-seconds"]);
const named = ({ name }: { readonly name: string }) => name.includes(options.only);
const wanted = withReferences(cases.filter(named));
const wantedTimings = timings.filter(named);
if (wanted.length + wantedTimings.length === 0) {
  usageError(`No case has "${options.only}" in its name`);
}
if (availableParallelism() < 2) throw new Error("The benchmark needs two processors");

buildProgram();
const { limitResults, caseResults, priority } = measureAll();
const timingResults = wantedTimings.map(measureOnce);
progress();

if (caseResults.length > 0) {
  console.log(limitTable(limitResults));
  console.log(caseTable(caseResults));
}
if (timingResults.length > 0) console.log(timingTable(timingResults));
if (!priority)
  console.log("Without priority over other work: absolute figures are lower than they could be.\n");
const missed = namesOf(false);
const lines = [
  ...limitResults.map(limitReport),
  ...caseResults.map(caseReport),
  ...timingResults.map(timingReport),
  summary(),
];
const text = `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`;
if (options.json === undefined) process.stdout.write(text);
else writeFileSync(options.json, text);
if (options.check && missed.length > 0) process.exitCode = 3;

/** Runs from the outside in: what is slow to change on the machine then meets all cases alike. */
function measureAll() {
  const windows = new Map<string, Window[]>();
  const add = (name: string, window: Window) => windows.set(name, [...windowsOf(name), window]);
  const windowsOf = (name: string) => windows.get(name) ?? [];
  for (let run = 1; run <= runs; run++) {
    for (const limit of wanted.length > 0 ? limits : []) {
      progress(limit.name, run);
      add(limit.name, measureLimit(limit, seconds / 3));
    }
    for (const what of wanted) {
      progress(what.name, run);
      add(what.name, measureCase(what, seconds));
    }
  }
  return {
    limitResults: (wanted.length > 0 ? limits : []).map((limit) => ({
      limit,
      figures: figuresOf(windowsOf(limit.name)),
    })),
    caseResults: wanted.map((what) => {
      const figures = figuresOf(windowsOf(what.name));
      return { case: what, figures, verdicts: judge(what, figures, windowsOf) };
    }),
    priority: [...windows.values()].flat().every((window) => window.priority),
  };
}

/** The cases, and those that their goals refer to, in the order of the table. */
function withReferences(some: readonly Case[]): readonly Case[] {
  const names = new Set(some.flatMap(({ name, goals = [] }) => [name, ...goals.map((goal) => goal.of)]));
  return cases.filter(({ name }) => names.has(name));
}

function limitReport({ limit, figures }: LimitResult) {
  const { name, length, stride } = limit;
  return {
    type: "report",
    limit: name,
    length,
    stride,
    class: figures.class,
    windows: figures.windows,
    pps: figures.pps,
    disturbance: figures.disturbance,
  };
}

function caseReport({ case: { name, length, senders }, figures, verdicts }: CaseResult) {
  return {
    type: "report",
    case: name,
    length,
    senders,
    class: figures.class,
    windows: figures.windows,
    windows_of_other_classes: figures.otherClasses,
    pps: figures.pps,
    limit_pps: figures.limitPps,
    ratio_to_limit: figures.ofLimit,
    dropped_share: figures.droppedShare,
    disturbance: figures.disturbance,
    goals: verdicts.map(({ of, atLeast, ratio = null, met = null }) => ({
      of,
      at_least: atLeast,
      ratio,
      met,
    })),
  };
}

function timingReport({ timing: { name }, class: nearness, disturbance, figures, ratio, met }: TimingResult) {
  return { type: "report", timing: name, class: nearness, ...figures, ratio, disturbance, met };
}

function summary() {
  return { type: "summary", runs, seconds, priority, goals_met: namesOf(true), goals_missed: missed };
}

/** Of what met all its goals, or of what missed one. */
function namesOf(met: boolean): string[] {
  const judged = [
    ...caseResults.map((result) => ({
      name: result.case.name,
      goals: result.verdicts.map((goal) => goal.met),
    })),
    ...timingResults.map((result) => ({ name: result.timing.name, goals: [result.met] })),
  ];
  return judged
    .filter(({ goals }) => (met ? goals.length > 0 && goals.every((one) => one) : goals.includes(false)))
    .map(({ name }) => name);
}

function measureOnce(timing: Timing): TimingResult {
  progress(timing.name);
  return measureTiming(timing, timingSeconds);
}

/** Overwrites one line on a terminal; elsewhere nobody would read it in time. */
function progress(name = "", run?: number): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r\x1b[K${run === undefined ? "" : `run ${run} of ${runs}: `}${name}`);
}
