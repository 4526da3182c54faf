/**
 * A run of pkt-gen while it lasts: reports until the loops end, and what it came to.
 */

import type { Context } from "../command.js";
import { ExpectationFailed, Interrupted } from "../errors.js";
import { Histogram } from "../histogram.js";
import { type Drops, intervalsOf, type LoopGroup } from "../loop-group.js";
import type { PortSpec } from "../port-spec.js";
import { distributionWords } from "../report/distributions.js";
import { writeHistogram } from "../report/histogram-file.js";
import { mismatchesOf, numbersFound } from "../report/numbers.js";
import type { Interval, Report, Total } from "../report/report.js";
import { isIntact, verdictWords } from "../report/verdict.js";
import { untilEnded } from "../running.js";
import { StallWatch, stallReason } from "../stall.js";
import { judgementWords, type Outcome } from "./expectations.js";
import { foundBetween, type Look, lookAt } from "./found.js";
import { traitsOf } from "./functions.js";
import type { Job } from "./job.js";
import type { PktGenArguments } from "./options.js";

/** How often -X prints. */
const dumpPeriod_ms = 10;

/** How often a line that is written over changes, at least. */
const livePeriod_ms = 250;

/** How often the run looks at things that need no line: a standstill, a count that several threads share. */
const lookPeriod_ms = 100;

export interface Run {
  readonly group: LoopGroup;
  readonly report: Report;
  readonly drops: () => Drops;
}

/** Reports until the loops end, which they do by themselves or because `signal` fires. Gives what made them fail. */
export async function watch(
  job: Job,
  { group, report, drops }: Run,
  { signal, out }: Context,
): Promise<unknown> {
  const { args, spec } = job;
  const interval = intervals(job, { group, drops });
  const stall = new StallWatch();
  const period_ms = args.live ? Math.min(args.interval, livePeriod_ms) : args.interval;
  const look = () => {
    const { packets } = group.progress();
    // Those of several receivers that wait do not see that the others took the last packets.
    if (args.threads > 1 && !traitsOf(args.function).makes && args.count > 0 && packets >= args.count)
      group.stop();
    if (stall.notes(packets, performance.now())) standstill(spec, args).then((line) => report.note(line));
  };
  const print = () => {
    if (!out.stream.writableNeedDrain) report.packets(group.takeDump());
  };
  const failure = await untilEnded(group, signal, [
    [period_ms, () => report.interval(interval())],
    [lookPeriod_ms, look],
    [args.dump ? dumpPeriod_ms : 0, print],
  ]);
  report.packets(group.takeDump());
  return failure;
}

function standstill(spec: PortSpec, { function: name, backend }: PktGenArguments): Promise<string> {
  // A pinger that waits has sent; what does not come is the answer.
  const direction = name === "tx" || name === "txseq" ? "tx" : "rx";
  return stallReason(spec, { direction, partner: traitsOf(name).partner }, { backend });
}

/** Gives, at each call, what happened since the one before. */
function intervals(job: Job, { group, drops }: Pick<Run, "group" | "drops">): () => Interval {
  const { function: name } = job.args;
  const passed = intervalsOf(group, name === "rx" || name === "rxseq", drops);
  let before: Look | undefined;
  return () => {
    const now = lookAt(group, drops);
    const found = foundBetween(job, before, now);
    before = now;
    return { ...passed(), ...found, mismatches: mismatchesOf(group.numbers()) };
  };
}

/** What the run came to. */
export function outcomeOf(job: Job, { group, drops }: Pick<Run, "group" | "drops">): Outcome {
  const look = lookAt(group, drops);
  const { packets, bytes, events, seconds, pending } = look.progress;
  const total: Total = {
    ...{ packets, bytes, events, seconds, pending },
    drops: look.drops,
    ...foundBetween(job, undefined, look),
    numbers: job.args.function === "rxseq" ? numbersFound(group.numbers()) : undefined,
    streams: job.measures ? group.streams() : undefined,
  };
  const outcome = { total, histograms: look.histograms };
  const { expectations } = job;
  if (expectations.length === 0) return outcome;
  return { ...outcome, total: { ...total, judgements: expectations.map(({ judge }) => judge(outcome)) } };
}

/** @throws {NmError} FILE_UNWRITABLE */
export function writeHistograms({ files, name }: Job, { histograms }: Outcome): void {
  for (const { name: histogram, path } of files) {
    const [words, unit] = distributionWords[histogram];
    const title = `${words[0]?.toUpperCase()}${words.slice(1)} on ${name}`;
    writeHistogram(path, histograms[histogram] ?? Histogram.none, { title, unit });
  }
}

/**
 * Whether the run did what was asked of it.
 *
 * @throws {ExpectationFailed | Interrupted}
 */
export function judge({ args }: Job, total: Total, { out, interrupted }: Context): void {
  const { packets, roundTrips, judgements = [] } = total;
  const verify = args.verify ? total.verify : undefined;
  const disappointments = judgements.filter(({ holds }) => !holds).map(judgementWords);
  if (verify && !isIntact(verify)) {
    disappointments.push(`Expected every packet whole, once and in order: ${verdictWords(verify)}`);
  }
  const complete = (roundTrips?.requests ?? packets) >= args.count || out.closed.aborted;
  if (verify && !complete && !interrupted()) {
    disappointments.push(`Expected ${args.count} packets: ${packets} arrived`);
  }
  if (disappointments.length > 0) throw new ExpectationFailed(disappointments.join("\n"));
  if (!complete && interrupted()) throw new Interrupted();
}
