/**
 * nmreplay: send the packets of a capture, on time, through any link.
 *
 * This file chooses the order of things. What the options mean is in lib/nmreplay/, a file for each group of them; job.ts
 * there reads them all, run.ts plays. The native side reads, changes, times and sends packets: native/traffic/replay/.
 */

import { type CaptureSource, keepCapture, openCapture } from "../lib/capture-source.js";
import { type Context, command } from "../lib/command.js";
import { Interrupted, NmError } from "../lib/errors.js";
import { dryRun } from "../lib/nmreplay/dry-run.js";
import { printInfo, printInfoJson } from "../lib/nmreplay/info.js";
import { type Job, readJob } from "../lib/nmreplay/job.js";
import { options, type ReplayArguments } from "../lib/nmreplay/options.js";
import { jsonReport, textReport } from "../lib/nmreplay/report.js";
import { play } from "../lib/nmreplay/run.js";
import { openPort, type Port } from "../lib/port.js";
import { pause } from "../lib/running.js";
import { type Survey, surveyCapture } from "../lib/survey.js";

const example = "nm nmreplay -f trace.pcap -i vale1:a";

export default command({
  name: "nmreplay",
  summary: "Send the packets of a capture, on time",
  details:
    "Packets leave when they were captured, from the first one on: exactly, for hours, and in loops without a seam. " +
    "Other options of when play faster, at a rate, or as fast as the port takes packets; options of a link transmit, " +
    "delay and lose them as one would. Nothing is dropped where the port has no room: it is sent late, and how late " +
    "packets were is told at the end.\n\n" +
    "A file is checked before the first packet leaves, which takes a second for some gigabytes; with --partial it is " +
    "not, and what is before a fault is sent. Standard input and compressed files are checked as they are read.\n\n" +
    "The capture is played once, and the exit status is 0 then. netmap's nmreplay played for ever: --loop 0 does.",

  options,

  examples: [
    [example, "Send a capture as it was recorded"],
    ["nm nmreplay -f trace.pcap --info", "Look at what is in it first"],
    ["nm nmreplay -f trace.pcap -i 'p{1' --speed 10x --loop 5", "Play it five times, ten times as fast"],
    ["nm nmreplay -f trace.pcap -i vale1:a --top-speed --loop 0", "Send it as fast as possible until Ctrl-C"],
    [
      "nm nmreplay -f trace.pcap -i vale1:a -B 10M -D uniform,5ms,8ms -L 0.01",
      "As if it had come over a link of 10 Mbit/s that delays 5 to 8 ms and loses 1%",
    ],
    [
      "nm nmreplay -f trace.pcap -i vale1:a -i vale2:a --split auto",
      "Send what clients sent by one port, what servers sent by the other",
    ],
    [
      "nm nmreplay -f trace.pcap --map 10.0.0.0/8=172.16.0.0/8 --write changed.pcap",
      "Write a changed copy of a capture",
    ],
    ["tcpdump -U -w - | nm nmreplay -f - -i vale1:a", "Send what is being captured"],
  ],

  async run(args, context) {
    const job = readJob(args);
    const plays = !args.info && !args.dryRun && args.write === undefined;
    if (plays && job.specs.length === 0) {
      throw new NmError("OPTION_MISSING", { option: "-i PORT", command: "nmreplay", example });
    }
    let source = openCapture(args.file);
    try {
      if (args.info) return await info(args, source, context);
      if (args.loop !== 1) source = await keepCapture(source, context.signal);
      const survey = await check(args, source, context);
      if (context.interrupted()) throw new Interrupted();
      if (plays) await replay(job, source, survey, context);
      else await dryRun(job, source, context);
    } finally {
      source.close();
    }
  },
});

async function info(args: ReplayArguments, source: CaptureSource, context: Context): Promise<void> {
  const survey = await surveyCapture(source, { signal: context.signal, progress: progressOf(source) });
  clearProgress();
  if (context.interrupted()) throw new Interrupted();
  const print = args.json ? printInfoJson : printInfo;
  // A fault is told after what was found before it.
  if (survey.counts.packets > 0) print(context.out, args.file, survey);
  if (survey.fault) throw survey.fault;
  if (survey.counts.packets === 0) print(context.out, args.file, survey);
}

/** Reads a whole file before anything of it is sent; nothing where that is not to be or cannot be done. */
async function check(
  args: ReplayArguments,
  source: CaptureSource,
  { signal }: Context,
): Promise<Survey | undefined> {
  if (args.partial || source.bytes === undefined) return undefined;
  const survey = await surveyCapture(source, { all: false, signal, progress: progressOf(source) });
  clearProgress();
  const { path } = source;
  if (survey.fault) throw survey.fault;
  const { packets, not_ethernet, link_type } = survey.counts;
  if (packets === 0 && !signal.aborted) throw new NmError("CAPTURE_EMPTY", { path });
  if (not_ethernet > 0) throw new NmError("CAPTURE_LINK_TYPE", { path, link_type });
  return survey;
}

async function replay(
  job: Job,
  source: CaptureSource,
  survey: Survey | undefined,
  context: Context,
): Promise<void> {
  const { args, specs, names } = job;
  const ports: Port[] = [];
  try {
    for (const spec of specs) ports.push(openPort(spec, { backend: args.backend, driver: args.driver }));
    for (const port of ports) {
      if (port.txRings.length === 0) throw new NmError("PORT_WITHOUT_RINGS", { port: port.name, kind: "tx" });
      context.log.info({ port: port.name, ...port.granted, ...port.drivers }, "opened");
    }
    const drivers = ports.map(({ driver }) => driver);
    const subject = { file: args.file, ports: names, backend: ports[0]?.backend ?? "embedded", drivers };
    const report = args.json ? jsonReport(context.out, subject) : await textReport(context.out, subject);
    report.begin(job.wait_s);
    await pause(job.wait_s * 1000, context.signal);
    await play(job, { ports, source, survey }, report, context);
  } finally {
    for (const port of ports) port.close();
  }
}

/** Shows on a terminal how much of a file was read, once that takes a while. */
function progressOf({ bytes: all }: CaptureSource): ((bytes: number) => void) | undefined {
  if (!process.stderr.isTTY) return undefined;
  return (bytes) => {
    const share = all ? ` ${((bytes / all) * 100).toFixed(0)}%` : "";
    process.stderr.write(`\r\x1b[Kreading${share}, ${(bytes / 1e6).toFixed(0)} MB`);
  };
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
}
