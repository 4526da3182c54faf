/**
 * lb: spread the packets of a port over pipes, by flow.
 *
 * This file chooses the order of things. Which ports, and what is printed of them, is in lib/lb/; a native thread moves the
 * packets (lib/balancer.ts).
 */

import { type Context, command } from "../lib/command.js";
import { type LbArguments, readJob } from "../lib/lb/job.js";
import { lbOptions } from "../lib/lb/options.js";
import { LbPorts } from "../lib/lb/ports.js";
import { jsonPrinter, type LbPrinter, type LbReport, netmapLines, textPrinter } from "../lib/lb/report.js";
import { LbRun, subjectOf } from "../lib/lb/run.js";
import { pause, untilEnded } from "../lib/running.js";

/** How often to look who has pipes open. */
const consumers_ms = 500;

export default command({
  name: "lb",
  summary: "Spread the packets of a port over pipes, by flow",
  details:
    "Programs that cannot keep up alone share a port: each opens a pipe and gets whole flows, both directions of them. " +
    "Nothing is copied: packets change buffers with the pipes, which lie in the memory of the port." +
    "\n\n" +
    "A flow is what has the same addresses and ports, in whatever order, behind VLAN tags and in GRE, VXLAN and IP in IP. " +
    "Fragments go with their flow, unless they come before the first of their datagram. Other packets go by their " +
    "MAC addresses, ARP by the addresses that it is about." +
    "\n\n" +
    "A consumer that is too slow, or gone, loses its own packets, once its pipe and the extra buffers are full; " +
    "the others lose none. Consumers may come and go: who opens a pipe again finds what waits there. With several " +
    "groups each gets all packets: a packet goes to the next group when its consumer in the one before has given it " +
    "back, unchanged. Ctrl-C ends it with its figures.",

  options: lbOptions,

  examples: [
    ["nm lb -i vale0:in -p web:4", "Spread over four pipes; consumers open netmap:web}0 to netmap:web}3"],
    ["nm pkt-gen -i 'web}0' -f rx", "One of the consumers"],
    ["nm lb -i vale0:in -p web:4 -B 100000 -o 1", "Keep what has no room; netmap's statistics every second"],
    ["nm lb -i vale0:in -p ids:2 -p log:1", "Give all packets to two programs, and then to a third"],
  ],

  async run(given, context) {
    const args = given as LbArguments;
    const job = readJob(args);
    const ports = LbPorts.open(job, { backend: args.backend, driver: args.driver });
    try {
      const subject = subjectOf(job, ports);
      const printer = args.json ? jsonPrinter(context.out, subject) : textPrinter(context.out, subject);
      context.log.info({ port: ports.input.name, ...ports.input.granted }, "opened");
      printer.begin(job.wait_s);
      await pause(job.wait_s * 1000, context.signal);
      const run = new LbRun(job, ports);
      printer.ready();
      const toStderr = (report: LbReport) => {
        for (const line of netmapLines(subject, report, Date.now())) process.stderr.write(`${line}\n`);
      };
      const failure = await watch(run, printer, context, [
        [job.stats_s, (report) => printer.interval(report)],
        [job.stderr_s, toStderr],
      ]);
      printer.end(run.total());
      if (failure) throw failure;
    } finally {
      ports.close();
    }
  },
});

/** Reports until the run ends, which it does by itself or because `signal` fires. Gives what made it fail. */
async function watch(
  run: LbRun,
  printer: LbPrinter,
  { signal }: Context,
  reports: readonly (readonly [every_s: number, print: (report: LbReport) => void])[],
): Promise<unknown> {
  const look = () => {
    for (const change of run.changes()) printer.consumer(change);
  };
  look();
  const failure = await untilEnded(run, signal, [
    [consumers_ms, look],
    ...reports.map(([every_s, print]) => {
      const interval = run.intervals();
      return [every_s * 1000, () => print(interval())] as const;
    }),
  ]);
  look();
  return failure;
}
