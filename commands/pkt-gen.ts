/**
 * pkt-gen: send packets, receive and count them, or measure how long they take there and back.
 *
 * This file chooses the order of things. What the options mean is in lib/pkt-gen/, a file for each group of them;
 * job.ts there reads them all, loops.ts starts the native loops that move the packets, run.ts watches them. What is
 * printed has its words in lib/report/.
 */

import { type Context, command } from "../lib/command.js";
import { dropsOf, LoopGroup, openForThreads } from "../lib/loop-group.js";
import { dryRun } from "../lib/pkt-gen/dry-run.js";
import { checkSlots } from "../lib/pkt-gen/frames.js";
import { traitsOf } from "../lib/pkt-gen/functions.js";
import { checkLongest, headerLengthOf } from "../lib/pkt-gen/header.js";
import { type Job, readJob } from "../lib/pkt-gen/job.js";
import { startLoops } from "../lib/pkt-gen/loops.js";
import { withOptionMask } from "../lib/pkt-gen/option-mask.js";
import { options, receivingOptions } from "../lib/pkt-gen/options.js";
import { isRandom } from "../lib/pkt-gen/rates.js";
import { judge, outcomeOf, watch, writeHistograms } from "../lib/pkt-gen/run.js";
import { tellGeometry } from "../lib/pkt-gen/threads.js";
import { unusedOptions } from "../lib/pkt-gen/unused.js";
import type { Port } from "../lib/port.js";
import { allowedProcessors } from "../lib/processors.js";
import { jsonReport } from "../lib/report/json.js";
import { LiveLine } from "../lib/report/live-line.js";
import type { Report, Subject } from "../lib/report/report.js";
import { textReport } from "../lib/report/text.js";
import { pause } from "../lib/running.js";

export default command({
  name: "pkt-gen",
  summary: "Send packets, receive and count them, or measure round trips",
  details:
    "A sender and a receiver are two runs, in two terminals. They meet at a switch (vale1:a and vale1:b) " +
    "or at the two ends of a pipe (p{1 and p}1). A switch drops what its receivers have no room for and counts " +
    "it, a pipe makes the sender wait. In the same way, ping meets pong, and txseq meets rxseq.\n\n" +
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
    ["nm pkt-gen -i vale1:a -f pong", "Answer requests"],
    ["nm pkt-gen -i vale1:b -f ping -R 1k -n 10k", "Ask 1,000 times a second, and see how long answers take"],
    [
      "nm pkt-gen -i vale1:b -f tx -P trace.pcap -R 50k",
      "Send the packets of a capture file, again and again",
    ],
    ["nm pkt-gen -i vale1:b -f tx -6 -l 64 -l 1500 --dry-run", "Look at the first packets, and send nothing"],
    [
      "nm pkt-gen -i vale1:c -f tx -s 10.0.0.1:1000-10.0.0.9:1999 --duration 10s --json",
      "Send from 9 addresses and 1000 ports for 10 seconds, and report to a program",
    ],
  ],

  async run(given, context) {
    const args = withOptionMask(given);
    const job = readJob(args);
    if (args.dryRun) return dryRun(job, context.out);
    const { rings } = traitsOf(args.function);
    const place = { backend: args.backend, driver: args.driver, acceptHeader: true };
    const ports = openForThreads(job.spec, rings, args.threads, place);
    try {
      const [port] = ports as [Port];
      const headerLength = headerLengthOf(args, port);
      const drops = dropsOf(ports, rings);
      const report = reportOf(job, port, context.out);
      tellGeometry(args, job.name, job.spec, port);
      tellUnused(job);
      context.log.info({ port: port.name, ...port.granted, ...port.drivers, headerLength }, "opened");
      if (traitsOf(args.function).makes) checkPackets(job, port, headerLength, context);

      report.begin(job.wait_s);
      await pause(job.wait_s * 1000, context.signal);
      const loops = context.signal.aborted ? [] : startLoops(job, ports, headerLength);
      if (loops.length > 0) report.ready();
      const run = { group: new LoopGroup(loops), report, drops };

      const failure = await watch(job, run, context);
      const outcome = outcomeOf(job, run);
      report.end(outcome.total);
      writeHistograms(job, outcome);
      if (failure) throw failure;
      judge(job, outcome.total, context);
    } finally {
      for (const port of ports) port.close();
    }
  },
});

function reportOf({ args, name, packets }: Job, port: Port, out: Context["out"]): Report {
  const { txRings, rxRings } = port.granted;
  const subject: Subject = {
    function: args.function,
    port: name,
    backend: port.backend,
    driver: port.driver,
    rings: traitsOf(args.function).rings[0] === "tx" ? txRings : rxRings,
    threads: args.threads,
    processors: Math.min(args.threads, args.cpus || allowedProcessors().length),
    frames: packets.words,
  };
  const style = { raw: args.plainNumbers, framing: args.framing, average: args.average };
  return args.json ? jsonReport(out, subject) : textReport(out, subject, style, liveLine(args, out));
}

/** Of a terminal that does not say. */
const usualColumns = 80;

/** Only a terminal can write over what it shows. */
function liveLine({ live }: Job["args"], { paint }: Context["out"]): LiveLine | undefined {
  const { stderr } = process;
  if (!live || !stderr.isTTY) return undefined;
  return new LiveLine(
    (text) => stderr.write(text),
    () => stderr.columns || usualColumns,
    paint,
  );
}

/** Says what stays without effect, so that nobody waits for it. */
function tellUnused({ args }: Job): void {
  const unused = unusedOptions(args.function, args, receivingOptions);
  if (unused.length === 0) return;
  process.stderr.write(
    `${unused.join(", ")} ${unused.length > 1 ? "have" : "has"} no effect with -f ${args.function}\n`,
  );
}

/** @throws {NmError} where the port cannot send them */
function checkPackets(job: Job, port: Port, headerLength: number, { log }: Context): void {
  const { packets, timing, seed } = job;
  checkLongest(port, packets.longest, headerLength);
  checkSlots(packets, port, headerLength);
  if (packets.random || isRandom(timing)) log.info({ seed }, "what is random follows this seed");
}
