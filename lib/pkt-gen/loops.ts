/** Starts the native loops that do a job: one for each port, which is one for each thread. */

import { frameLimits } from "../layout.js";
import type { Port } from "../port.js";
import type { Share } from "../schedule.js";
import {
  type GeneratorOptions,
  type LoopOptions,
  type SinkOptions,
  shareCount,
  startGenerator,
  startPinger,
  startPonger,
  startSink,
  type TrafficLoop,
} from "../traffic.js";
import type { FunctionName } from "./functions.js";
import type { Job } from "./job.js";

/** Of -W. */
const idle_ns = 1e9;

/** How many slots -X lets wait to be printed. A loop waits when there are more. */
const dumpSlots = 4096;

/** `headerLength` bytes are before each packet. */
export function startLoops(job: Job, ports: readonly Port[], headerLength: number): TrafficLoop[] {
  return starters[job.args.function](job, ports, headerLength);
}

const starters: Record<FunctionName, typeof startLoops> = {
  tx: startSenders,
  txseq: startSenders,
  rx: startReceivers,
  rxseq: startReceivers,
  ping: startPingers,
  pong: startPongers,
};

function startSenders(job: Job, ports: readonly Port[], headerLength: number): TrafficLoop[] {
  const { count } = job.args;
  const firstStream = Math.floor(Math.random() * (0x10000 - ports.length));
  return startSharing(job, ports, (port, options) =>
    startGenerator(port, {
      ...options,
      ...senderOptions(job, options.share, headerLength),
      // Senders whose packets meet at one receiver must not use the same number.
      firstStream: firstStream + options.share.index,
      // A count is a promise: wait until the receiver has taken the last packet, unless a time is over first.
      ...(count > 0 && job.duration_ns === 0 && { lingerNs: Number.MAX_SAFE_INTEGER }),
    }),
  );
}

/** What one thread of a sender sends. */
export function senderOptions(
  { packets, args, seed }: Job,
  share: Share,
  headerLength: number,
): GeneratorOptions {
  const { frame, ...others } = packets.options;
  return {
    ...others,
    headerLength,
    share,
    // Each thread has random packets of its own.
    frame: frame && { ...frame, seed: seed + share.index },
    mark: args.mark,
  };
}

function startPingers(job: Job, ports: readonly Port[], headerLength: number): TrafficLoop[] {
  const { frame } = job.packets.options;
  return startSharing(job, ports, (port, options) => startPinger(port, { ...options, headerLength, frame }));
}

/** A schedule begins when all threads run for sure, or the first packets would have to catch up. */
const threadStart_ns = 5e6;

/** What senders of all kinds are given. */
type SendingOptions = LoopOptions &
  Pick<GeneratorOptions, "startNs" | "schedule" | "pace"> & { readonly share: Share };

/** Starts loops that share count and schedule. Each sends its packets between those of the others. */
function startSharing(
  job: Job,
  ports: readonly Port[],
  start: (port: Port, options: SendingOptions) => TrafficLoop,
): TrafficLoop[] {
  const { count } = job.args;
  const { schedule, pace } = job.timing;
  const used = count > 0 ? ports.slice(0, count) : ports;
  const each = Math.floor(count / used.length);
  const extra = count % used.length;
  const startNs = schedule && Number(process.hrtime.bigint()) + threadStart_ns;
  return used.map((port, index) =>
    start(port, {
      ...loopOptions(job, index),
      startNs,
      schedule: schedule && { ...schedule, seed: job.seed },
      pace,
      share: { index, of: used.length },
      count: each + (index < extra ? 1 : 0),
    }),
  );
}

function startReceivers(job: Job, ports: readonly Port[], headerLength: number): TrafficLoop[] {
  const { measures, args } = job;
  const options = { headerLength, measure: measures, checkNumbers: args.function === "rxseq" };
  return startTogether(job, ports, (port, waiting) => startSink(port, { ...waiting, ...options }));
}

function startPongers(job: Job, ports: readonly Port[], headerLength: number): TrafficLoop[] {
  return startTogether(job, ports, (port, waiting) => startPonger(port, { ...waiting, headerLength }));
}

/** What is given to those who wait for packets. */
type WaitingOptions = LoopOptions & Pick<SinkOptions, "budget" | "idleNs">;

/** Starts loops that have one count together, for nobody knows which of them the packets come to. */
function startTogether(
  job: Job,
  ports: readonly Port[],
  start: (port: Port, options: WaitingOptions) => TrafficLoop,
): TrafficLoop[] {
  const { count, idle } = job.args;
  const budget = count > 0 ? shareCount(count) : undefined;
  return ports.map((port, i) => start(port, { ...loopOptions(job, i), budget, idleNs: idle ? idle_ns : 0 }));
}

function loopOptions(job: Job, thread: number): LoopOptions {
  return {
    durationNs: job.duration_ns,
    burst: job.burst,
    cpu: job.processors[thread % job.processors.length],
    dump: job.args.dump ? { capacity: dumpSlots, longest: frameLimits.longest } : undefined,
  };
}
