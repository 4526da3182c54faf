/**
 * A replay while it lasts: reports how far it is, and what it came to.
 */

import type { CaptureSource } from "../capture-source.js";
import type { Context } from "../command.js";
import type { Backend } from "../control.js";
import { Interrupted } from "../errors.js";
import { type Drops, dropsOf, intervalsOf, LoopGroup } from "../loop-group.js";
import type { Port } from "../port.js";
import type { PortSpec } from "../port-spec.js";
import { type Replay, startReplay } from "../replay.js";
import { untilEnded } from "../running.js";
import { StallWatch, stallReason } from "../stall.js";
import type { Survey } from "../survey.js";
import type { Job } from "./job.js";
import type { Position, ReplayReport, ReplayTotal } from "./report.js";

/** How often the run looks whether it stands still, and how often people see it move on a terminal. */
const lookPeriod_ms = 200;

/** Sends, until all is sent or `signal` fires. `survey` is what is known of the capture before. */
export async function play(
  job: Job,
  { ports, source, survey }: { ports: readonly Port[]; source: CaptureSource; survey: Survey | undefined },
  report: ReplayReport,
  context: Context,
): Promise<void> {
  const { args, play: options, cpu, realtime } = job;
  const drops = dropsOf(ports, ["tx"]);
  const replay = startReplay(ports, source, { ...options, burst: args.burst, cpu, realtime });
  const group = new LoopGroup([replay.loop]);
  const position = () => positionOf(job, replay, survey);
  report.ready();
  const failure = await watch(job, { replay, group, report, drops, position }, context);

  const total = totalOf(replay, group, drops());
  report.end(total);
  if (failure) throw failure;
  judge(job, replay, context);
}

interface Watched {
  readonly replay: Replay;
  readonly group: LoopGroup;
  readonly report: ReplayReport;
  readonly drops: () => Drops;
  readonly position: () => Position;
}

/** Gives what made the replay fail. */
async function watch({ args, specs }: Job, run: Watched, { signal }: Context): Promise<unknown> {
  const { replay, group, report, position } = run;
  const interval = intervalsOf(group, false, run.drops);
  const stall = new StallWatch();
  const look = () => {
    const progress = group.progress();
    report.progress(progress, position());
    // Without a receiver that holds it up, it only waits for the next packet's time.
    const counted = replay.figures().waiting === 1 ? progress.packets : performance.now();
    if (stall.notes(counted, performance.now())) {
      for (const spec of specs) tellStandstill(spec, args.backend, report);
    }
  };
  return await untilEnded(group, signal, [
    [args.interval, () => report.interval(interval(), position())],
    [lookPeriod_ms, look],
  ]);
}

function tellStandstill(spec: PortSpec, backend: Backend, report: ReplayReport): void {
  stallReason(spec, { direction: "tx", partner: "rx" }, { backend }).then((line) => report.tell(line));
}

/** How far it is, as well as that can be known. */
function positionOf({ play }: Job, { loop, figures }: Replay, survey: Survey | undefined): Position {
  const { packets } = loop.progress();
  const { start_ns, read, passes, ...counts } = figures();
  const elapsed_ns = start_ns === 0 ? 0 : Number(process.hrtime.bigint()) - start_ns;
  const left = counts.out_of_range + counts.filtered + counts.empty + counts.too_long + counts.lost;
  // What is left out is known of what was read, which is ahead of what was sent.
  const kept = read === 0 ? 1 : (read - left) / read;
  const all =
    survey && play.passes !== 0
      ? survey.counts.packets * kept * (play.passes ?? 1)
      : Number.POSITIVE_INFINITY;
  const expected = Math.min(all, play.limit || Number.POSITIVE_INFINITY);
  const ofTime = play.durationNs ? elapsed_ns / play.durationNs : 0;
  const share = Math.min(1, Math.max(packets / expected, ofTime));
  return {
    share: Number.isFinite(expected) || play.durationNs ? share : undefined,
    remaining_s: share > 0 && elapsed_ns > 0 ? (elapsed_ns * (1 / share - 1)) / 1e9 : undefined,
    passes,
  };
}

function totalOf(replay: Replay, group: LoopGroup, drops: Drops): ReplayTotal {
  const { packets, bytes, events, seconds, pending } = group.progress();
  return {
    ...{ packets, bytes, events, seconds, pending, drops },
    figures: replay.figures(),
    lateness: group.histograms().lateness_ns,
    realtime: replay.loop.progress().realtime === 1,
  };
}

/** Whether the run did what was asked of it. */
function judge({ args }: Job, replay: Replay, { out, interrupted }: Context): void {
  if (out.closed.aborted) return;
  if (interrupted()) {
    if (args.loop === 0 && args.limit === 0) return;
    throw new Interrupted();
  }
  const failure = replay.failure();
  if (!failure) return;
  // What --partial asks for: everything before the fault.
  if (args.partial && failure.code === "CAPTURE_BROKEN") {
    process.stderr.write(`${failure.message}\n`);
    return;
  }
  throw failure;
}
