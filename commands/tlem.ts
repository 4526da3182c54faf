/**
 * tlem: join two ports by a link with a bandwidth, a delay and faults.
 *
 * This file chooses the order of things. What the options mean is in lib/tlem/; native threads carry the packets
 * (lib/link.ts, native/traffic/link.h).
 */

import { command } from "../lib/command.js";
import { NmError } from "../lib/errors.js";
import { formatPort } from "../lib/port-spec.js";
import { pause, untilEnded } from "../lib/running.js";
import { watchConfig } from "../lib/tlem/config.js";
import { readJob } from "../lib/tlem/job.js";
import { options } from "../lib/tlem/options.js";
import { jsonPrinter, type LinkPrinter, textPrinter } from "../lib/tlem/report.js";
import { LinkRun } from "../lib/tlem/run.js";

export default command({
  name: "tlem",
  summary: "Join two ports by a link that is slow, long or faulty",
  details:
    "Every packet that arrives at one port leaves by the other, when and if a link with these properties would let it: it " +
    "may be held back, be lost, find the queue full, wait for the link to transmit those before it, and be under way for a " +
    "while. What is dropped is counted by its reason, and how late packets left is told at the end.\n\n" +
    "Options of links are given once for both directions, or twice: first for packets from the first port, then for those " +
    "from the second. none takes a model away.\n\n" +
    "With --config the options are read from a file too, one a line (-B 10M, delay 5ms), and while the link runs it follows " +
    "each change of that file. A file that cannot be read changes nothing, and the reason is told. This takes the place of " +
    "the session files of netmap's tlem (-s, -a, -M); it has no route mode (-r, -G) either: packets pass unchanged.",

  options,

  examples: [
    [
      "nm tlem -i vale0:a -i vale1:a -B 10M -D 20ms",
      "Join two switches by 10 Mbit/s with 20 ms of delay each way",
    ],
    ["nm tlem -i 'p{1' -i 'p{2' -D 5ms -D 50ms", "Delay packets by 5 ms there and 50 ms back"],
    [
      "nm tlem -i vale0:a -i vale1:a -D uniform,5ms,10ms -L burst,0.01,5 -R 0.001,20ms",
      "Jitter, losses in bursts of five on average, and some packets that are overtaken",
    ],
    ["nm tlem -i vale0:a -i vale1:a --config link.conf", "Follow what link.conf says, also when it changes"],
  ],

  async run(args, context) {
    const job = readJob(args);
    const run = LinkRun.open(job);
    try {
      const [left, right] = job.specs.map((spec) => formatPort(spec)) as [string, string];
      const drivers = job.specs.map(({ kind }) => kind);
      const printer = args.json
        ? jsonPrinter(context.out, { backend: run.backend, drivers })
        : textPrinter(context.out, [left, right]);
      printer.begin(job.wait_s);
      await pause(job.wait_s * 1000, context.signal);
      if (context.signal.aborted) return printer.end(run.total());

      run.start();
      printer.ready();
      const unwatch = follow(args.config, () => run.reconfigure(job.models()), printer);
      const failure = await untilEnded(run, context.signal, [
        [args.interval, () => printer.interval(run.interval())],
      ]).finally(unwatch);
      printer.end(run.total());
      if (failure) throw failure;
    } finally {
      run.close();
    }
  },
});

/** Changes the link whenever the file does. Returns what ends that. */
function follow(path: string | undefined, change: () => void, printer: LinkPrinter): () => void {
  if (path === undefined) return () => {};
  return watchConfig(path, () => {
    try {
      change();
      printer.tell(`The link is now as ${path} says.`);
    } catch (error) {
      if (!(error instanceof NmError)) throw error;
      printer.tell(`The link stays as it was. ${error.message}`);
    }
  });
}
