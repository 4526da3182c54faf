/**
 * pkt-gen: send packets, or receive and count them, as fast as a port can or at a rate.
 *
 * This file reads what was asked for and chooses the order of things. Native loops move the packets
 * (lib/traffic.ts, lib/loop-group.ts); what is printed has its words in lib/traffic-report.ts.
 */

import { setTimeout as sleep } from "node:timers/promises";
import {
  type Arguments,
  backendOption,
  type Context,
  command,
  longName,
  type Options,
  verboseOption,
} from "../lib/command.js";
import { readDuration } from "../lib/duration.js";
import { readEndpoint, readMac } from "../lib/endpoint.js";
import { ExpectationFailed, Interrupted, NmError } from "../lib/errors.js";
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
import type { Port } from "../lib/port.js";
import { formatPort, type PortSpec, parsePort } from "../lib/port-spec.js";
import { allowedProcessors } from "../lib/processors.js";
import { StallWatch, stallReason } from "../lib/stall.js";
import {
  type GeneratorOptions,
  type LoopOptions,
  type SinkOptions,
  startGenerator,
  startSink,
  type TrafficLoop,
} from "../lib/traffic.js";
import {
  jsonReport,
  type Report,
  type Subject,
  type Total,
  textReport,
  verdictWords,
} from "../lib/traffic-report.js";

const second_ns = 1e9;
const usualBurst = 512;

/** What a network card needs to bring its link up. */
const cardWait_s = 2;

/** A schedule begins when all threads run for sure, or the first packets would have to catch up. */
const threadStart_ns = 5e6;

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

  length: {
    type: "number",
    alias: "l",
    value: "BYTES",
    default: 60,
    min: frameLimits.shortest,
    max: frameLimits.longest,
    group: "Sending",
    describe: "Send packets of this size, without CRC; what exceeds a buffer takes several slots",
  },
  rate: {
    type: "number",
    alias: "R",
    value: "PPS",
    default: 0,
    max: 1e9,
    group: "Sending",
    describe: "Send so many packets a second, 0 for as many as the port takes",
  },
  from: {
    type: "string",
    alias: "s",
    value: "ADDRESS",
    default: "10.0.0.1",
    group: "Sending",
    describe:
      "Put this IPv4 address and UDP port into packets, or a range A:PORT-B:PORT that they walk through",
  },
  to: {
    type: "string",
    alias: "d",
    value: "ADDRESS",
    default: "10.1.0.1",
    group: "Sending",
    describe: "Send to this IPv4 address and UDP port, or to a range of them",
  },
  fromMac: {
    type: "string",
    alias: "S",
    value: "MAC",
    default: "00:00:00:00:00:00",
    group: "Sending",
    describe: "Put this Ethernet address into packets as the sender's",
  },
  toMac: {
    type: "string",
    alias: "D",
    value: "MAC",
    default: "ff:ff:ff:ff:ff:ff",
    group: "Sending",
    describe: "Send to this Ethernet address",
  },
  mark: {
    type: "boolean",
    group: "Sending",
    describe: "End each packet with a number and a checksum, for a receiver with --verify",
  },

  idle: {
    type: "boolean",
    alias: "W",
    group: "Receiving",
    describe: "End after a second without packets, once there were some",
  },
  verify: {
    type: "boolean",
    group: "Receiving",
    describe:
      "Check that all packets of a sender with --mark come whole, once and in order; else end with status 3",
  },

  burst: {
    type: "number",
    alias: "b",
    value: "SLOTS",
    default: usualBurst,
    max: 2 ** 32 - 1,
    group: "Port and threads",
    describe: `Move at most this many slots of a ring at once, 0 for ${usualBurst}`,
  },
  threads: {
    type: "number",
    alias: "p",
    default: 1,
    min: 1,
    max: 1024,
    group: "Port and threads",
    describe: "Use this many threads, each with a ring of its own; several receivers may exceed -n a little",
  },
  cpu: {
    type: "number",
    alias: "a",
    group: "Port and threads",
    describe: "Keep the first thread on this processor, the second on the next, and so on",
  },
  geometry: {
    type: "string",
    alias: "C",
    value: "SLOTS",
    group: "Port and threads",
    describe:
      "Ask for slots and rings as TXSLOTS[,RXSLOTS[,TXRINGS[,RXRINGS]]]; @conf:... in the name does the same",
  },
  backend: { ...backendOption, group: "Port and threads" },

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

  async run(args, context) {
    const job = readJob(args);
    const ports = openForThreads(job.spec, args.function, args.threads, { backend: args.backend });
    try {
      const drops = dropsOf(ports, args.function);
      const report = reportOf(args, job, ports, context.out);
      tellGeometry(args, job, ports);
      context.log.info({ port: ports[0]?.name, ...ports[0]?.granted }, "opened");

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
  readonly frame: NonNullable<GeneratorOptions["frame"]>;
  readonly duration_ns: number;
  readonly wait_s: number;
  readonly burst: number;
  /** The processors that threads go to in turn; none to let them go anywhere. */
  readonly processors: readonly number[];
}

function readJob(args: Args): Job {
  refuseConflicts(args);
  const named = parsePort(args.interface);
  const spec = withGeometry(named, args.geometry);
  const { duration } = args;
  return {
    spec,
    name: formatPort(named),
    frame: {
      length: args.length,
      from: readValue("from", args.from, readEndpoint, endpointForm),
      to: readValue("to", args.to, readEndpoint, endpointForm),
      fromMac: readValue("fromMac", args.fromMac, readMac, macForm),
      toMac: readValue("toMac", args.toMac, readMac, macForm),
    },
    duration_ns: duration === undefined ? 0 : readValue("duration", duration, readDuration, durationForm),
    wait_s: args.wait ?? (spec.kind === "nic" || spec.kind === "host" ? cardWait_s : 0),
    burst: args.burst === 0 ? usualBurst : args.burst,
    processors: processorsFrom(args.cpu),
  };
}

/** What a value should have looked like: in words, and one that would do. */
type Form = readonly [expected: string, sample: string];

const endpointForm: Form = [
  "an IPv4 address with or without :PORT, or two of them with - between",
  "10.0.0.1:1000-10.0.0.9:1999",
];
const macForm: Form = ["six bytes in hexadecimal with : between", "02:00:00:00:00:01"];
const durationForm: Form = ["a time with its unit: ms, s, m", "10s"];
const geometryForm: Form = ["one to four numbers with , between", "1024,1024,2,2"];

function readValue<T>(name: keyof Args, text: string, read: (text: string) => T | undefined, form: Form): T {
  const value = read(text);
  if (value === undefined) throw badValue(name, text, form);
  return value;
}

function badValue(name: keyof Args, text: string, [expected, sample]: Form): NmError {
  const option = longName(name);
  return new NmError("OPTION_VALUE", { option, text, expected, example: `${option} ${sample}` });
}

function refuseConflicts({ function: direction, mark, verify, length }: Args): void {
  const refuse = (option: string, other: string, reason: string) => {
    throw new NmError("OPTION_CONFLICT", { option, with: other, reason });
  };
  if (mark && direction === "rx") refuse("--mark", "-f rx", "a receiver checks marks with --verify");
  if (verify && direction === "tx") refuse("--verify", "-f tx", "a sender marks packets with --mark");
  if (mark && length < frameLimits.shortestMarked) {
    refuse("--mark", `-l ${length}`, `a mark needs packets of at least ${frameLimits.shortestMarked} bytes`);
  }
}

/** As netmap has it: one number of slots, or of rings, is for both directions. It replaces @conf. */
function withGeometry(spec: PortSpec, text: string | undefined): PortSpec {
  if (text === undefined) return spec;
  if (!/^\d{1,9}(,\d{1,9}){0,3}$/.test(text)) throw badValue("geometry", text, geometryForm);
  const [txSlots = 0, rxSlots = txSlots, txRings = 0, rxRings = txRings] = text.split(",").map(Number);
  const conf = { tx_slots: txSlots, rx_slots: rxSlots, tx_rings: txRings, rx_rings: rxRings };
  return { ...spec, options: { ...spec.options, conf } };
}

/** A port that somebody has open keeps its slots and rings. */
function tellGeometry({ geometry }: Args, { name, spec }: Job, [port]: readonly Port[]): void {
  if (geometry === undefined || !port) return;
  const { txSlots, rxSlots, txRings, rxRings } = port.granted;
  const { tx_slots, rx_slots, tx_rings, rx_rings } = spec.options.conf ?? {};
  const asked = [tx_slots || txSlots, rx_slots || rxSlots, tx_rings || txRings, rx_rings || rxRings].join();
  const granted = [txSlots, rxSlots, txRings, rxRings].join();
  if (asked === granted) return;
  process.stderr.write(`-C ${geometry} has no effect: ${name} exists and has ${granted}\n`);
}

function processorsFrom(cpu: number | undefined): readonly number[] {
  if (cpu === undefined) return [];
  const allowed = allowedProcessors();
  const first = allowed.indexOf(cpu);
  if (first === -1) {
    const form: Form = [`a processor that this process may use: ${allowed.join(", ")}`, String(allowed[0])];
    throw badValue("cpu", String(cpu), form);
  }
  return [...allowed.slice(first), ...allowed.slice(0, first)];
}

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
    processors: Math.min(args.threads, allowedProcessors().length),
    frames: args,
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
  const { count, rate, mark } = args;
  const senders = count > 0 ? ports.slice(0, count) : ports;
  const share = Math.floor(count / senders.length);
  const extra = count % senders.length;
  const start_ns = Number(process.hrtime.bigint()) + threadStart_ns;
  const firstStream = Math.floor(Math.random() * (0x10000 - senders.length));
  return senders.map((port, i) =>
    startGenerator(port, {
      ...loopOptions(args, job, i),
      frame: job.frame,
      count: share + (i < extra ? 1 : 0),
      ...(rate > 0 && {
        startNs: start_ns + Math.round((i * second_ns) / rate),
        rate: { packets: rate, perNs: senders.length * second_ns },
      }),
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
      verify: args.verify,
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
