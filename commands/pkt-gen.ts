/**
 * pkt-gen: send packets, or receive and count them, as fast as a port can or at a rate.
 *
 * This file chooses the order of things. What the options mean is in lib/pkt-gen/, a file for each group of them. Native
 * loops move the packets (lib/traffic.ts, lib/loop-group.ts); what is printed has its words in lib/report/.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { type Arguments, type Context, command, type Options, verboseOption } from "../lib/command.js";
import { readDuration } from "../lib/duration.js";
import { ExpectationFailed, Interrupted } from "../lib/errors.js";
import { frameLimits } from "../lib/layout.js";
import {
  type Drops,
  dropped,
  dropsOf,
  type GroupProgress,
  intervalsOf,
  LoopGroup,
  openForThreads,
} from "../lib/loop-group.js";
import { checkSlots, frameOptions, type Packets, readPackets } from "../lib/pkt-gen/frames.js";
import { checkMeasures, markLength, markOptions, verifyOptions } from "../lib/pkt-gen/measures.js";
import { maskOptions, withOptionMask } from "../lib/pkt-gen/option-mask.js";
import { rateOptions, scheduleFrom } from "../lib/pkt-gen/rates.js";
import {
  processorsFrom,
  tellGeometry,
  threadOptions,
  usualBurst,
  withGeometry,
} from "../lib/pkt-gen/threads.js";
import { type Form, readValue } from "../lib/pkt-gen/values.js";
import type { Port } from "../lib/port.js";
import { formatPort, type PortSpec, parsePort } from "../lib/port-spec.js";
import { allowedProcessors } from "../lib/processors.js";
import { jsonReport } from "../lib/report/json.js";
import type { Report, Subject, Total } from "../lib/report/report.js";
import { textReport } from "../lib/report/text.js";
import { verdictWords } from "../lib/report/verdict.js";
import { StallWatch, stallReason } from "../lib/stall.js";
import {
  type GeneratorOptions,
  type LoopOptions,
  type SinkOptions,
  startGenerator,
  startSink,
  type TrafficLoop,
} from "../lib/traffic.js";

const second_ns = 1e9;

/** What a network card needs to bring its link up. */
const cardWait_s = 2;

/** How often -X prints, and how many slots it lets wait meanwhile. A receiver waits when there are more. */
const dumpPeriod_ms = 10;
const dumpSlots = 4096;

/** How often the run looks at things that need no line: a standstill, a count that several threads share. */
const lookPeriod_ms = 100;

const options = {
  interface: {
    type: "string",
    alias: "i",
    value: "PORT",
    demandOption: true,
    group: "What to do",
    describe: 'Open this port, for example vale1:a, pipe{1 or eth0; "nm port" explains names',
  },
  function: {
    type: "string",
    alias: "f",
    choices: ["tx", "rx"],
    default: "rx",
    group: "What to do",
    describe: "Send packets (tx) or receive them (rx)",
  },
  count: {
    type: "number",
    alias: "n",
    default: 0,
    group: "What to do",
    describe: "End after this many packets, 0 for no end",
  },
  duration: {
    type: "string",
    value: "TIME",
    group: "What to do",
    describe: "End after this time, for example 500ms, 10s or 2m",
  },
  wait: {
    type: "number",
    alias: "w",
    value: "SECONDS",
    integer: false,
    max: 86_400,
    group: "What to do",
    describe: `Wait so long before the first packet, ${cardWait_s} by default for network cards and 0 for others`,
  },

  ...frameOptions,
  ...maskOptions,
  ...rateOptions,
  ...markOptions,

  idle: {
    type: "boolean",
    alias: "W",
    group: "Receiving",
    describe: "End after a second without packets, once there were some",
  },
  ...verifyOptions,

  ...threadOptions,

  interval: {
    type: "number",
    alias: "T",
    value: "MS",
    default: 1000,
    min: 10,
    max: 2 ** 31 - 1,
    group: "Output",
    describe: "Report the rate this often",
  },
  dump: { type: "boolean", alias: "X", group: "Output", describe: "Print all bytes of every packet" },
  plainNumbers: {
    type: "boolean",
    alias: "N",
    group: "Output",
    describe: "Print whole numbers instead of 1.234 M",
  },
  framing: {
    type: "boolean",
    alias: "B",
    group: "Output",
    describe: "Count preamble, gap and CRC in the bandwidth, 24 bytes a packet",
  },
  average: {
    type: "boolean",
    alias: "A",
    group: "Output",
    describe: "Add average and standard deviation of the last 15 rates",
  },
  verbose: verboseOption,
} as const satisfies Options;

type Args = Arguments<Record<never, never>, typeof options>;

export default command({
  name: "pkt-gen",
  summary: "Send packets, or receive and count them",
  details:
    "A sender and a receiver are two runs, in two terminals. They meet at a switch (vale1:a and vale1:b) " +
    "or at the two ends of a pipe (p{1 and p}1). A switch drops what its receivers have no room for and counts " +
    "it, a pipe makes the sender wait.\n\n" +
    "Results go to stdout, the rate while it runs to stderr. Ctrl-C ends a run with its final figures; its exit " +
    "status is 130 if a count was asked for and not reached, 0 otherwise. With --verify, a packet that is lost, " +
    "late, doubled or changed makes it 3.",

  options,

  examples: [
    ["nm pkt-gen -i vale1:a -f rx", "Count what arrives at port a of switch vale1"],
    [
      "nm pkt-gen -i vale1:b -f tx -l 1500 -R 100k",
      "Send 100,000 packets a second to it, each of 1500 bytes",
    ],
    ["nm pkt-gen -i 'p}1' -f rx -n 20M --verify", "Receive 20 million packets from a pipe and check each"],
    ["nm pkt-gen -i 'p{1' -f tx -n 20M --mark", "Send them, so that they can be checked"],
    ["nm pkt-gen -i 'p}1' -n 3 -X", "Look at three packets"],
    [
      "nm pkt-gen -i vale1:c -f tx -s 10.0.0.1:1000-10.0.0.9:1999 --duration 10s --json",
      "Send from 9 addresses and 1000 ports for 10 seconds, and report to a program",
    ],
  ],

  async run(given, context) {
    const args = withOptionMask(given);
    const job = readJob(args);
    const ports = openForThreads(job.spec, args.function, args.threads, { backend: args.backend });
    try {
      const drops = dropsOf(ports, args.function);
      const report = reportOf(args, job, ports, context.out);
      for (const port of ports.slice(0, 1)) tellGeometry(args, job.name, job.spec, port);
      context.log.info({ port: ports[0]?.name, ...ports[0]?.granted }, "opened");
      if (args.function === "tx") {
        for (const port of ports.slice(0, 1)) checkSlots(job.packets, port);
        if (job.packets.seed !== undefined) context.log.info({ seed: job.packets.seed }, "random packets");
      }

      report.begin(job.wait_s);
      await pause(job.wait_s * 1000, context.signal);
      const loops = context.signal.aborted ? [] : startLoops(args, job, ports);
      if (loops.length > 0) report.ready();
      const group = new LoopGroup(loops);

      const failure = await watch(args, job, { group, report, drops }, context);
      const total = totalOf(args, group.progress(), drops());
      report.end(total);
      if (failure) throw failure;
      judge(args, total, context);
    } finally {
      for (const port of ports) port.close();
    }
  },
});

/** What the texts on the command line mean. */
interface Job {
  readonly spec: PortSpec;
  /** As it is printed. */
  readonly name: string;
  readonly packets: Packets;
  readonly duration_ns: number;
  readonly wait_s: number;
  readonly burst: number;
  /** The processors that threads go to in turn; none to let them go anywhere. */
  readonly processors: readonly number[];
}

function readJob(args: Args): Job {
  const named = parsePort(args.interface);
  const spec = withGeometry(named, args);
  const packets = readPackets(args, spec, markLength(args));
  checkMeasures(args, { ...args, shortest: packets.shortest });
  const { duration } = args;
  return {
    spec,
    name: formatPort(named),
    packets,
    duration_ns: duration === undefined ? 0 : readValue("duration", duration, readDuration, durationForm),
    wait_s: args.wait ?? (spec.kind === "nic" || spec.kind === "host" ? cardWait_s : 0),
    burst: args.burst === 0 ? usualBurst : args.burst,
    processors: processorsFrom(args),
  };
}

const durationForm: Form = ["a time with its unit: ms, s, m", "10s"];

function reportOf(args: Args, job: Job, ports: readonly Port[], out: Context["out"]): Report {
  const [port] = ports as [Port];
  const { txRings, rxRings } = port.granted;
  const subject: Subject = {
    direction: args.function,
    port: job.name,
    backend: port.backend,
    driver: job.spec.kind,
    rings: args.function === "tx" ? txRings : rxRings,
    threads: args.threads,
    processors: Math.min(args.threads, args.cpus || allowedProcessors().length),
    frames: job.packets.words,
  };
  const style = { raw: args.plainNumbers, framing: args.framing, average: args.average };
  return args.json ? jsonReport(out, subject) : textReport(out, subject, style);
}

/** Returns early when the signal fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => {});
}

function startLoops(args: Args, job: Job, ports: readonly Port[]): TrafficLoop[] {
  return args.function === "tx" ? startSenders(args, job, ports) : startReceivers(args, job, ports);
}

/** Senders share count and rate. Each sends its packets between those of the others. */
function startSenders(args: Args, job: Job, ports: readonly Port[]): TrafficLoop[] {
  const { count, mark } = args;
  const senders = count > 0 ? ports.slice(0, count) : ports;
  const share = Math.floor(count / senders.length);
  const extra = count % senders.length;
  const schedule = scheduleFrom(args);
  const { frame, ...others } = job.packets.options;
  const firstStream = Math.floor(Math.random() * (0x10000 - senders.length));
  return senders.map((port, i) =>
    startGenerator(port, {
      ...loopOptions(args, job, i),
      ...others,
      // Each thread has random packets of its own.
      frame: { ...frame, seed: (job.packets.seed ?? 0) + i },
      count: share + (i < extra ? 1 : 0),
      ...schedule(i, senders.length),
      mark,
      // Senders whose packets meet at one receiver must not use the same number.
      firstStream: firstStream + i,
      // A count is a promise: wait until the receiver has taken the last packet, unless a time is over first.
      ...(count > 0 && job.duration_ns === 0 && { lingerNs: Number.MAX_SAFE_INTEGER }),
    } satisfies GeneratorOptions),
  );
}

function startReceivers(args: Args, job: Job, ports: readonly Port[]): TrafficLoop[] {
  return ports.map((port, i) =>
    startSink(port, {
      ...loopOptions(args, job, i),
      count: args.count,
      idleNs: args.idle ? second_ns : 0,
      measure: args.verify,
    } satisfies SinkOptions),
  );
}

function loopOptions(args: Args, job: Job, thread: number): LoopOptions {
  return {
    durationNs: job.duration_ns,
    burst: job.burst,
    cpu: job.processors[thread % job.processors.length],
    dump: args.dump ? { capacity: dumpSlots, longest: frameLimits.longest } : undefined,
  };
}

/** Reports until the loops end, which they do by themselves or because `signal` fires. Gives what made them fail. */
async function watch(
  args: Args,
  job: Job,
  { group, report, drops }: { group: LoopGroup; report: Report; drops: () => Drops },
  { signal, out }: Context,
): Promise<unknown> {
  const stop = () => group.stop();
  signal.addEventListener("abort", stop);
  const interval = intervalsOf(group, args.function, drops);
  const stall = new StallWatch();
  const timers = [
    setInterval(() => report.interval(interval()), args.interval),
    setInterval(() => {
      const { packets } = group.progress();
      // Several receivers cannot know which of them the packets come to. Together they end at the count, or soon after.
      if (args.threads > 1 && args.function === "rx" && args.count > 0 && packets >= args.count) stop();
      if (stall.notes(packets, performance.now())) {
        process.stderr.write(`${stallReason(job.spec, args.function)}\n`);
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

function totalOf(args: Args, progress: GroupProgress, drops: Drops): Total {
  const { stalls, forgone, reordered, duplicated, corrupt, unmarked, ...passed } = progress;
  // Packets that were dropped after the last that arrived leave no gap in the numbers.
  const lost = Math.max(progress.lost, dropped(drops));
  return {
    ...passed,
    drops,
    verify: args.verify ? { lost, reordered, duplicated, corrupt, unmarked } : undefined,
    rate: args.function === "tx" && args.rate > 0 ? { askedPps: args.rate, stalls, forgone } : undefined,
  };
}

/** Whether the run did what was asked of it. */
function judge(args: Args, { packets, verify }: Total, { out, interrupted }: Context): void {
  if (verify) {
    const { lost, reordered, duplicated, corrupt, unmarked } = verify;
    if (lost + reordered + duplicated + corrupt + unmarked > 0) {
      throw new ExpectationFailed(`Expected every packet whole, once and in order: ${verdictWords(verify)}`);
    }
  }
  if (packets >= args.count || out.closed.aborted) return;
  if (interrupted()) throw new Interrupted();
  if (verify) throw new ExpectationFailed(`Expected ${args.count} packets: ${packets} arrived`);
}
