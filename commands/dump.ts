/**
 * dump: capture packets of any port to a file, or to a program that reads captures.
 *
 * This file chooses the order of things. What is opened, and how, is in lib/dump/; a native thread takes the packets
 * (lib/capturer.ts) and another writes them (lib/recorder.ts).
 */

import { countsOf, startCapturer } from "../lib/capturer.js";
import { type Context, command } from "../lib/command.js";
import { countsBetween } from "../lib/counts.js";
import { type DumpArguments, type DumpJob, readJob } from "../lib/dump/job.js";
import { dumpOptions } from "../lib/dump/options.js";
import { type DumpReport, jsonPrinter, textPrinter } from "../lib/dump/report.js";
import { openWatched, type Watched } from "../lib/dump/watch.js";
import { Interrupted, NmError } from "../lib/errors.js";
import { dropsOf, moreDrops } from "../lib/loop-group.js";
import { type Recorder, startRecorder } from "../lib/recorder.js";
import { untilEnded } from "../lib/running.js";
import type { TrafficLoop } from "../lib/traffic.js";

export default command({
  name: "dump",
  summary: "Capture packets of any port to pcapng or pcap",
  details:
    "A port that a program has open is watched by a monitor, which sees copies of all that the port receives and sends; " +
    "the program is not slowed. A port that nobody has open is opened as any program would: what arrives there is taken. " +
    "A network card is opened only with --take, as its packets would not reach the host meanwhile." +
    "\n\n" +
    "EXPR chooses packets as in tcpdump. Times are in nanoseconds: when the packet was seen, of a monitor when its port " +
    "sent or received it. pcapng files tell the port, the direction of each packet, and what was dropped. A thread of " +
    "its own writes, from 64 MB of memory; when that is full, packets wait in their ring, and what has no room " +
    "there is dropped and counted, or on the end of a pipe the sender waits." +
    "\n\n" +
    "A capture ends when the ports are closed that it watches. Ctrl-C ends it too, with everything written; the exit status is 130 if -c asked for more packets.",

  positionals: {
    expression: {
      type: "string",
      array: true,
      describe: "Which packets, as in tcpdump: udp port 53; needs libpcap",
    },
  },

  options: dumpOptions,

  examples: [
    ["nm dump -i vale0:a -w trace.pcapng", "Watch a port that some program uses"],
    ["nm dump -i vale0:a | tcpdump -nr -", "See its packets, decoded"],
    ["nm dump -i 'p}1' -c 1000 -w first.pcap udp port 53", "Take packets from a pipe: a thousand of DNS"],
    [
      "nm dump -i vale0:a -i vale0:b -w day.pcapng --rotate-size 100M --keep 20",
      "Keep the last 2 GB of two ports in files of 100 MB",
    ],
  ],

  async run(given, context) {
    const args = given as DumpArguments;
    const job = readJob(args, context.out.isTTY);
    const watched: Watched[] = [];
    try {
      for (const spec of job.specs)
        watched.push(openWatched(spec, job.take, { backend: args.backend, driver: args.driver }));
      const recorder = record(job, watched);
      const printer = args.json
        ? jsonPrinter(context.out, watched[0]?.port.backend ?? "embedded")
        : textPrinter(context.out, watched, job.path);
      const capture = new Capture(job, watched, recorder);
      printer.begin();
      const failure = await untilEnded(capture.loop, context.signal, [
        [job.stats_s * 1000, () => printer.interval(capture.interval())],
      ]);
      const total = capture.total();
      printer.end(total);
      judge(job, total, failure ?? recorder.failure(), context);
    } finally {
      for (const { port } of watched) port.close();
    }
  },
});

function record({ path, kind, rotation, filter, snaplen }: DumpJob, watched: readonly Watched[]): Recorder {
  const interfaces = watched.map(({ name, how }) => ({
    name,
    description: how === "watched" ? "a port, by a monitor" : "a port",
    filter: filter?.expression,
    snaplen,
  }));
  return startRecorder({ path, kind, rotation, interfaces });
}

/** A capture that runs, and what it has come to. */
class Capture {
  readonly loop: TrafficLoop;
  readonly #watched: readonly Watched[];
  readonly #recorder: Recorder;
  readonly #drops: readonly (() => ReturnType<ReturnType<typeof dropsOf>>)[];
  #last: DumpReport;
  #last_ms = performance.now();

  constructor(
    { filter, snaplen, count, durationNs }: DumpJob,
    watched: readonly Watched[],
    recorder: Recorder,
  ) {
    this.#watched = watched;
    this.#recorder = recorder;
    this.#drops = watched.map(({ port }) => dropsOf([port], ["rx"]));
    const ports = watched.map(({ port }) => port);
    this.loop = startCapturer(ports, { recorder, filter, snaplen, count, durationNs });
    this.#last = this.#look(0);
  }

  /** What was captured since the start, in the time from the first packet to the last. */
  total(): DumpReport {
    const { first_ns, last_ns } = this.loop.progress();
    return this.#look((last_ns - first_ns) / 1e9);
  }

  /** What was captured since the last time. */
  interval(): DumpReport {
    const [before, before_ms] = [this.#last, this.#last_ms];
    this.#last_ms = performance.now();
    this.#last = this.#look((this.#last_ms - before_ms) / 1000);
    const { seconds, file, ports } = this.#last;
    return {
      seconds,
      file: { ...file, bytes: file.bytes - before.file.bytes },
      ports: ports.map(({ name, counts, drops }, i) => {
        const then = before.ports[i];
        return {
          name,
          counts: countsBetween(then?.counts, counts),
          drops: moreDrops(drops, then?.drops ?? {}),
        };
      }),
    };
  }

  #look(seconds: number): DumpReport {
    const counts = countsOf(this.loop);
    const ports = this.#watched.map(({ name }, i) => ({
      name,
      counts: counts[i] as DumpReport["ports"][number]["counts"],
      drops: this.#drops[i]?.() ?? {},
    }));
    return { seconds, ports, file: this.#recorder.figures() };
  }
}

/** Whether the run did what was asked of it. That a watched port was closed is the end of a capture, and no failure. */
function judge({ count }: DumpJob, { ports }: DumpReport, failure: unknown, { interrupted }: Context): void {
  const packets = ports.reduce((sum, { counts }) => sum + counts.packets, 0);
  const closed = failure instanceof NmError && failure.code === "PORT_GONE";
  if (failure && (!closed || packets < count)) throw failure;
  if (packets < count && interrupted()) throw new Interrupted();
}
