/**
 * npm run bench:nic: how fast packets pass network interfaces, with each of our drivers and with the programs that
 * people use for it.
 *
 *   npm run bench:nic [--runs 5] [--seconds 0.6] [--only WORD] [--lengths 60,1500] [--json FILE] [--check]
 *
 * send      one sender on one processor, into a veth; the kernel's counter at the other end counts. What is received there
 *           is thrown away by the host.
 * receive   packets from our fastest sender on one processor, a receiver on the other; what the receiver counted counts
 * bridge    two veths joined by our bridge, or by the kernel's: what comes out, and the time of all processors for each packet
 *
 * Interrupted, it ends with the case at hand and tells what it has.
 *
 * The memory copy that stands beside each case, memcpy, is measured in the same run, right before it. Without root, ip or
 * ethtool the group says so and is skipped. All it makes is in network namespaces of its own and is removed.
 */

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isInstalled } from "../../lib/doctor/machine.js";
import { allowedProcessors } from "../../lib/processors.js";
import { limits } from "../cases.js";
import { type Spread, spread } from "../figures.js";
import { positive, readOptions } from "../options.js";
import { buildProgram, measureLimit } from "../window.js";
import { Cable, ip, run, type Side } from "./cable.js";
import { packetWords } from "./packets.js";
import { processorTime_ns } from "./processor-time.js";
import { nm, type Receiver, receivers, type Sender, senders } from "./programs.js";

const options = readOptions(
  "npm run bench:nic -- [--runs 5] [--seconds 0.6] [--lengths 60,1500] [--only WORD] [--json FILE] [--check]",
  {
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "0.6" },
    only: { type: "string", default: "" },
    lengths: { type: "string", default: "60,1500" },
    json: { type: "string" },
    check: { type: "boolean", default: false },
  },
);

interface Sample {
  readonly pps: number;
  readonly memcpyPps: number;
  /** Of all processors, for each packet. */
  readonly processorTime_ns?: number | undefined;
}

interface NicCase {
  readonly kind: "send" | "receive" | "bridge";
  readonly name: string;
  readonly length: number;
  readonly ours: boolean;
  /** Why it is not measured. Set too when a program of others turns out not to run here. */
  missing: string | undefined;
  measure(cable: Cable): Promise<Omit<Sample, "memcpyPps">>;
}

const seconds = positive("seconds", options.seconds);
const runs = positive("runs", options.runs);
const lengths = options.lengths.split(",").map(Number);
/** Ours over the better of trafgen and tcpreplay. */
const wantedLead = 2.5;
const widths = [26, 6, 6, 12, 10, 14];

const refusal = whyNot();
if (refusal) console.log(`Skipped: ${refusal}`);
else await main();

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return "opening network interfaces takes root";
  for (const program of ["ip", "ethtool", "taskset"])
    if (!isInstalled(program)) return `${program} is not installed`;
  if (allowedProcessors().length < 2) return "it takes two processors";
  return undefined;
}

async function main(): Promise<void> {
  buildProgram();
  const cases = allCases().filter(({ kind, name, length }) =>
    `${kind} ${name} ${length}`.includes(options.only),
  );
  const samples = new Map<NicCase, Sample[]>(cases.map((one) => [one, []]));
  let isInterrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => (isInterrupted = true));
  for (let round = 1; round <= runs; round++) {
    for (const one of cases) {
      if (one.missing || isInterrupted) continue;
      if (process.stderr.isTTY)
        process.stderr.write(`\r\x1b[Krun ${round} of ${runs}: ${one.kind} ${one.name} ${one.length}`);
      const memcpyPps = memcpy(one.length);
      const cable = new Cable(one.kind === "bridge");
      try {
        samples.get(one)?.push({ memcpyPps, ...(await one.measure(cable)) });
      } catch (error) {
        if (one.ours) throw error;
        one.missing = `it does not run here: ${(error as Error).message}`;
      } finally {
        cable.close();
      }
    }
  }
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  tell(cases, samples);
}

function allCases(): NicCase[] {
  return lengths.flatMap((length) => [
    ...senders.map(
      (sender): NicCase => ({
        ...{ kind: "send", name: sender.name, length, ours: sender.ours },
        missing:
          sender.missing ?? (length > (sender.longest ?? length) ? "it sends short packets only" : undefined),
        measure: (cable) => measureSender(cable, sender, length),
      }),
    ),
    ...receivers.map(
      (receiver): NicCase => ({
        ...{ kind: "receive", name: receiver.name, length, ours: receiver.ours, missing: receiver.missing },
        measure: (cable) => measureReceiver(cable, receiver, length),
      }),
    ),
    ...[true, false].map(
      (ours): NicCase => ({
        ...{ kind: "bridge", name: ours ? "nm bridge" : "kernel bridge", length, ours, missing: undefined },
        measure: (cable) => measureBridge(cable, ours, length),
      }),
    ),
  ]);
}

function memcpy(length: number): number {
  const limit = limits.find((one) => one.kind === "memcpy" && one.length === length && one.stride === 2048);
  if (!limit) throw new Error("--lengths: 60 and 1500 are measured");
  return measureLimit(limit, 0.05).pps;
}

async function measureSender(cable: Cable, sender: Sender, length: number) {
  cable.setGro(cable.b, sender.polled);
  const started = cable.start(cable.a, "0", ...sender.words(cable, length));
  try {
    return await arriving(cable, cable.b, started);
  } finally {
    await stop(started);
  }
}

/** What arrives at a side, once more does than what the hosts themselves say. */
async function arriving(cable: Cable, side: Side, sender: ChildProcess) {
  const patience = performance.now() + 10_000;
  const printed = collect(sender);
  while (cable.received(side) < 1000) {
    if (performance.now() > patience || sender.exitCode !== null)
      throw new Error(printed.text.trim().split("\n").at(-1) || "nothing arrives");
    await sleep(20);
  }
  await sleep(100);
  const look = () => ({ packets: cable.received(side), ms: performance.now(), busy_ns: processorTime_ns() });
  const from = look();
  await sleep(seconds * 1000);
  const to = look();
  const packets = to.packets - from.packets;
  return {
    pps: packets / ((to.ms - from.ms) / 1000),
    processorTime_ns: (to.busy_ns - from.busy_ns) / packets,
  };
}

async function measureReceiver(cable: Cable, receiver: Receiver, length: number) {
  cable.setGro(cable.b, true);
  const started = cable.start(cable.b, "1", ...receiver.words);
  const printed = collect(started);
  await until(() => receiver.ready.test(printed.text), receiver.name);
  const words = ["-f", "tx", "-w", "0", "--driver", "xdp-live", "--duration", `${seconds}s`, "--json"];
  const sender = cable.start(cable.a, "0", ...nm, "pkt-gen", "-i", "a", ...words, ...packetWords(length));
  const sent = collect(sender);
  if (sender.exitCode === null) await once(sender, "exit");
  await sleep(50);
  await stop(started);
  const received = Number(receiver.counted.exec(printed.text)?.[1]);
  const lasted = Number(/"type":"summary".*?"seconds":([\d.]+)/.exec(sent.text)?.[1]);
  if (!(received > 0 && lasted > 0))
    throw new Error(`${receiver.name} did not count: ${printed.text}${sent.text}`);
  return { pps: received / lasted };
}

async function measureBridge(cable: Cable, ours: boolean, length: number) {
  const { middle } = cable;
  if (!middle) throw new Error("There is no middle");
  const ends: Side[] = [middle, { ...middle, interface: "m1" }];
  // What suits each best: frames without a socket buffer for ours, packets that go straight up for the kernel's.
  cable.setGro(cable.b, ours);
  let bridge: ChildProcess | undefined;
  if (ours) {
    bridge = cable.start(middle, "1", ...nm, "bridge", "m0", "m1", "-w", "0", "--json");
    const printed = collect(bridge);
    await until(() => /"report"/.test(printed.text), "nm bridge");
  } else {
    run(middle.network, "ip", "link", "add", "bridge", "type", "bridge");
    for (const { interface: device } of ends)
      run(middle.network, "ip", "link", "set", device, "master", "bridge");
    ip("-n", middle.network, "link", "set", "bridge", "up");
  }
  const words = ["-f", "tx", "-w", "0", "--driver", ours ? "xdp-live" : "af-xdp-native"];
  const sender = cable.start(cable.a, "0", ...nm, "pkt-gen", "-i", "a", ...words, ...packetWords(length));
  try {
    return await arriving(cable, cable.b, sender);
  } finally {
    await stop(sender);
    if (bridge) await stop(bridge);
  }
}

function collect(child: ChildProcess): { text: string } {
  const printed = { text: "" };
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (printed.text += data));
  return printed;
}

async function until(holds: () => boolean, whom: string): Promise<void> {
  const patience = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > patience) throw new Error(`${whom} does not become ready`);
    await sleep(10);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, "close");
  // The whole group: trafgen forks, and its children hold the pipes open.
  const signal = (name: NodeJS.Signals) => process.kill(-Number(child.pid), name);
  signal("SIGINT");
  const killer = setTimeout(() => signal("SIGKILL"), 2000);
  await over;
  clearTimeout(killer);
}

function tell(cases: readonly NicCase[], samples: ReadonlyMap<NicCase, readonly Sample[]>): void {
  const rows: string[][] = [["case", "bytes", "Mpps", "(min-max)", "of memcpy", "CPU ns/packet"]];
  const lines: object[] = [];
  for (const one of cases) {
    const { kind, name, length, missing } = one;
    const measured = samples.get(one) ?? [];
    if (missing) {
      rows.push([`${kind} ${name}`, String(length), `skipped: ${missing}`]);
      lines.push({ type: "report", case: `${kind} ${name}`, length, skipped: missing });
      continue;
    }
    const pps = spread(measured.map((sample) => sample.pps));
    const share = spread(measured.map((sample) => sample.pps / sample.memcpyPps));
    const time = spread(measured.flatMap(({ processorTime_ns: each }) => each ?? []));
    rows.push([
      ...[`${kind} ${name}`, String(length), mega(pps.median), `(${mega(pps.min)}-${mega(pps.max)})`],
      ...[`${(share.median * 100).toFixed(2)}%`, kind === "receive" ? "" : time.median.toFixed(0)],
    ]);
    lines.push({
      ...{ type: "report", case: `${kind} ${name}`, length, pps, ratio_to_memcpy: share },
      cpu_ns_per_packet: kind === "receive" ? null : time,
    });
  }
  const verdicts = lengths.flatMap((length) => verdictOf(cases, samples, length));
  console.log(`${rows.map((row) => columns(row)).join("\n")}\n`);
  for (const { length, lead } of verdicts) {
    console.log(
      `${length} bytes: our best sender is ${lead.toFixed(1)} times the best of trafgen and tcpreplay, wanted ${wantedLead}`,
    );
  }
  const text = [...lines, { type: "summary", runs, seconds, leads: verdicts }]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join("");
  if (options.json === undefined) process.stdout.write(text);
  else writeFileSync(options.json, text);
  if (options.check && verdicts.some(({ lead }) => lead < wantedLead)) process.exitCode = 3;
}

function verdictOf(
  cases: readonly NicCase[],
  samples: ReadonlyMap<NicCase, readonly Sample[]>,
  length: number,
) {
  const medians = (some: (one: NicCase) => boolean): number[] =>
    cases
      .filter((one) => one.kind === "send" && one.length === length && !one.missing && some(one))
      .map((one): Spread => spread((samples.get(one) ?? []).map(({ pps }) => pps)))
      .map(({ median }) => median);
  const [ours, others] = [
    medians((one) => one.ours),
    medians(({ name }) => name === "trafgen" || name === "tcpreplay"),
  ];
  if (ours.length === 0 || others.length === 0) return [];
  return [{ length, lead: Math.max(...ours) / Math.max(...others) }];
}

function mega(pps: number): string {
  return (pps / 1e6).toFixed(2);
}

function columns(row: readonly string[]): string {
  return row
    .map((cell, i) => cell.padEnd(widths[i] ?? 0))
    .join(" ")
    .trimEnd();
}
