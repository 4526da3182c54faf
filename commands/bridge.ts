/**
 * bridge: move packets between ports.
 *
 * This file chooses the order of things. What is to be joined, and how, is read in lib/bridge/; native threads move the
 * packets (lib/forwarder.ts).
 */

import { type BridgeArguments, readJob } from "../lib/bridge/job.js";
import { bridgeOptions } from "../lib/bridge/options.js";
import { BridgePorts } from "../lib/bridge/ports.js";
import { jsonPrinter, textPrinter } from "../lib/bridge/report.js";
import { BridgeRun } from "../lib/bridge/run.js";
import { type Context, command } from "../lib/command.js";
import { pause, untilEnded } from "../lib/running.js";
import { StallWatch, stallReason } from "../lib/stall.js";

export default command({
  name: "bridge",
  summary: "Move packets between ports, both ways or one",
  details:
    "Every packet that arrives at one port leaves by the other, unchanged and in order. Where both ports share memory " +
    "(two pipes of one parent, two network interfaces) their buffers change places and nothing is copied. A packet for " +
    "which the other port has no room waits in the ring that it came to, and only its own direction waits with it. What " +
    "is dropped all the same is counted: by a filter, on purpose, or by a switch whose port is full." +
    "\n\n" +
    "Ports are named as netmap's bridge takes them, by -i -i or PORT PORT, or as patches: 'A<->B' joins two ports both " +
    "ways, 'A->B' one way, and there may be many. One network interface alone is joined with its own host stack." +
    "\n\n" +
    "--filter, --rate, --loss, --delay and --drop are for every direction, or for one that stands before them: --filter " +
    "'vale0:a->vale1:b: udp'. While a link is down its card takes no packets, and they wait; a port that goes away " +
    "ends the bridge with an error. Ctrl-C ends it with its figures.",

  positionals: {
    ports: {
      type: "string",
      array: true,
      describe: "Two ports, and a burst as in -b if wanted; or patches: 'A<->B', 'A->B'",
    },
  },

  options: bridgeOptions,

  examples: [
    ["nm bridge -i vale0:a -i vale1:b", "Join two switches"],
    ["nm bridge 'p{1<->p{2' --stats 1", "Join two pipes, and tell every second what passed"],
    ["nm bridge 'vale0:in->vale1:out' --filter 'udp port 53'", "Send on what is DNS, in one direction"],
    ["nm bridge 'vale0:a<->vale1:a' --mirror vale9:tap", "Let a program on switch vale9 see all of it"],
    [
      "nm bridge 'vale0:a->vale1:a' 'vale0:b->vale2:a' --json",
      "Two patches in one process, reported to a program",
    ],
  ],

  async run(args, context) {
    const job = readJob(args as BridgeArguments);
    const ports = BridgePorts.open(job, args.threads, { backend: args.backend, driver: args.driver });
    try {
      const run = new BridgeRun(job, ports);
      const printer = args.json
        ? jsonPrinter(context.out, run.subject)
        : textPrinter(context.out, run.subject);
      context.log.info({ ports: ports.all.map(({ name, granted }) => ({ name, ...granted })) }, "opened");
      printer.begin(job.wait_s);
      await pause(job.wait_s * 1000, context.signal);
      if (context.signal.aborted) return printer.end(run.total());

      run.start();
      printer.ready();
      const tellStandstill = (line: string) => process.stderr.write(`${line}\n`);
      const failure = await watch(
        run,
        job.stats_s,
        (report) => printer.interval(report),
        tellStandstill,
        context,
      );
      printer.end(run.total());
      const broken = failure ?? run.captureFailure();
      if (broken) throw broken;
    } finally {
      ports.close();
    }
  },
});

/** How often it is looked whether anything passes. */
const stallPeriod_ms = 500;

/** Reports until the bridge ends, which it does by itself or because `signal` fires. Gives what made it fail. */
async function watch(
  run: BridgeRun,
  every_s: number,
  print: (report: ReturnType<BridgeRun["interval"]>) => void,
  tell: (line: string) => void,
  { signal }: Context,
): Promise<unknown> {
  const stall = new StallWatch();
  const lookForStall = () => {
    const { packets, port, standstill } = run.standstill();
    if (stall.notes(packets, performance.now())) stallReason(port, standstill).then(tell);
  };
  return await untilEnded(run, signal, [
    [every_s * 1000, () => print(run.interval())],
    [stallPeriod_ms, lookForStall],
  ]);
}
