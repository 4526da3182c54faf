/**
 * A run of pkt-gen while it lasts: reports until the loops end, and what it came to.
 */

import type { Context } from "../command.js";
import { ExpectationFailed, Interrupted } from "../errors.js";
import { Histogram } from "../histogram.js";
import { type Drops, dropped, type GroupProgress, intervalsOf, type LoopGroup } from "../loop-group.js";
import type { PortSpec } from "../port-spec.js";
import { mismatchesOf, numbersFound } from "../report/numbers.js";
import type { Kept } from "../report/rate.js";
import type { Interval, Report, Total } from "../report/report.js";
import { verdictWords } from "../report/verdict.js";
import { StallWatch, stallReason } from "../stall.js";
import { traitsOf } from "./functions.js";
import type { Job } from "./job.js";
import type { PktGenArguments } from "./options.js";
import type { Timing } from "./rates.js";

/** How often -X prints. */
const dumpPeriod_ms = 10;

/** How often the run looks at things that need no line: a standstill, a count that several threads share. */
const lookPeriod_ms = 100;

export interface Run {
  readonly group: LoopGroup;
  readonly report: Report;
  readonly drops: () => Drops;
}

/** Reports until the loops end, which they do by themselves or because `signal` fires. Gives what made them fail. */
export async function watch(
  { args, spec }: Job,
  { group, report, drops }: Run,
  { signal, out }: Context,
): Promise<unknown> {
  const stop = () => group.stop();
  signal.addEventListener("abort", stop);
  const interval = intervals(args, { group, drops });
  const stall = new StallWatch();
  const timers = [
    setInterval(() => report.interval(interval()), args.interval),
    setInterval(() => {
      const { packets } = group.progress();
      // Several receivers cannot know which of them the packets come to. Together they end at the count, or soon after.
      if (args.threads > 1 && !traitsOf(args.function).makes && args.count > 0 && packets >= args.count)
        stop();
      if (stall.notes(packets, performance.now())) {
        tellStandstill(spec, args);
      }
    }, lookPeriod_ms),
  ];
  if (args.dump) {
    const print = () => {
      if (!out.stream.writableNeedDrain) report.packets(group.takeDump());
    };
    timers.push(setInterval(print, dumpPeriod_ms));
  }

  const failure = await group.ended.then(
    () => undefined,
    (error: unknown) => error,
  );
  for (const timer of timers) clearInterval(timer);
  signal.removeEventListener("abort", stop);
  report.packets(group.takeDump());
  return failure;
}

function tellStandstill(spec: PortSpec, { function: name, backend }: PktGenArguments): void {
  // A pinger that waits has sent; what does not come is the answer.
  const direction = name === "tx" || name === "txseq" ? "tx" : "rx";
  const standstill = { direction, partner: traitsOf(name).partner } as const;
  stallReason(spec, standstill, { backend }).then((line) => process.stderr.write(`${line}\n`));
}

/** Gives, at each call, what happened since the one before. */
function intervals(
  { function: name }: PktGenArguments,
  { group, drops }: Pick<Run, "group" | "drops">,
): () => Interval {
  const passed = intervalsOf(group, name === "rx" || name === "rxseq", drops);
  let before = Histogram.none;
  return () => {
    const times = group.histogram("rtt_ns");
    const roundTrips = times?.since(before);
    before = times ?? before;
    return { ...passed(), roundTrips, mismatches: mismatchesOf(group.numbers()) };
  };
}

export function totalOf(
  { args, timing }: Job,
  { group, drops: dropsNow }: Pick<Run, "group" | "drops">,
): Total {
  const progress = group.progress();
  const drops = dropsNow();
  const { packets, bytes, events, seconds, pending } = progress;
  return {
    ...{ packets, bytes, events, seconds, pending, drops },
    verify: args.verify ? verdictOf(progress, drops) : undefined,
    rate: traitsOf(args.function).makes ? keptOf(timing, progress, group) : undefined,
    roundTrips: args.function === "ping" ? roundTripsOf(progress, group) : undefined,
    numbers: args.function === "rxseq" ? numbersFound(group.numbers()) : undefined,
  };
}

function keptOf({ askedPps, schedule }: Timing, progress: GroupProgress, group: LoopGroup): Kept {
  const { packets, requests, sendingSeconds, longestTrain, stalls, forgone } = progress;
  return {
    ...{ askedPps, paced: schedule !== undefined, stalls, forgone },
    // What a pinger counts as packets are answers.
    packets: requests || packets,
    seconds: sendingSeconds,
    longestBurst: longestTrain,
    gaps: group.histogram("gap_ns"),
  };
}

function verdictOf(progress: GroupProgress, drops: Drops): NonNullable<Total["verify"]> {
  const { lost, reordered, duplicated, corrupt, unmarked } = progress;
  // Packets that were dropped after the last that arrived leave no gap in the numbers.
  return { lost: Math.max(lost, dropped(drops)), reordered, duplicated, corrupt, unmarked };
}

function roundTripsOf(progress: GroupProgress, group: LoopGroup): NonNullable<Total["roundTrips"]> {
  const { requests, lost, late, duplicated, unmarked: foreign } = progress;
  return { requests, lost, late, duplicated, foreign, times: group.histogram("rtt_ns") ?? Histogram.none };
}

/**
 * Whether the run did what was asked of it.
 *
 * @throws {ExpectationFailed | Interrupted}
 */
export function judge({ args }: Job, total: Total, { out, interrupted }: Context): void {
  const { packets, verify, roundTrips } = total;
  if (verify) {
    const { lost, reordered, duplicated, corrupt, unmarked } = verify;
    if (lost + reordered + duplicated + corrupt + unmarked > 0) {
      throw new ExpectationFailed(`Expected every packet whole, once and in order: ${verdictWords(verify)}`);
    }
  }
  if ((roundTrips?.requests ?? packets) >= args.count || out.closed.aborted) return;
  if (interrupted()) throw new Interrupted();
  if (verify) throw new ExpectationFailed(`Expected ${args.count} packets: ${packets} arrived`);
}
