/**
 * A run of pkt-gen that sends nothing: makes the first packets, and shows them or writes them to a capture file, with the
 * times at which they would leave.
 *
 * The packets are made by the native loop that would send them, which is let loose on a switch without other ports.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { NS_MOREFRAG } from "../abi.js";
import { writeCapture } from "../capture.js";
import type { Arguments, Options } from "../command.js";
import { frameLimits } from "../layout.js";
import type { Output } from "../output.js";
import { checksumWords } from "../packet-checksums.js";
import { macWords, packetWords } from "../packet-words.js";
import { openPort } from "../port.js";
import { inPrivateNamespace } from "../private-namespace.js";
import { type Share, scheduleTimes } from "../schedule.js";
import { type DumpEntry, startGenerator } from "../traffic.js";
import type { FunctionName } from "./functions.js";
import type { Job } from "./job.js";
import { senderOptions } from "./loops.js";
import { badValue, conflict } from "./values.js";

const usualCount = 10;
const mostPackets = 1_000_000;

export const dryRunOptions = {
  dryRun: {
    type: "boolean",
    group: "Output",
    describe: `Send nothing, and print what the first packets would be, ${usualCount} unless -n says how many`,
  },
  write: {
    type: "string",
    value: "FILE",
    group: "Output",
    describe:
      "With --dry-run, write the packets to this file instead: pcapng, or pcap where its name ends in .pcap",
  },
} as const satisfies Options;

type Args = Arguments<Record<never, never>, typeof dryRunOptions> & {
  readonly function: FunctionName;
  readonly count: number;
};

/** @throws {NmError} OPTION_CONFLICT or OPTION_VALUE */
export function checkDryRun({ dryRun, write, count, function: name }: Args): void {
  if (!dryRun) {
    if (write !== undefined) throw conflict("--write", `-f ${name}`, "only a --dry-run writes packets");
    return;
  }
  if (name !== "tx" && name !== "txseq")
    throw conflict("--dry-run", `-f ${name}`, "it makes no packets by itself");
  if (count > mostPackets) throw badValue("count", String(count), [`at most ${mostPackets} packets`, "1000"]);
}

interface PlannedPacket {
  /** After the start. */
  readonly at_ns: number;
  readonly bytes: Buffer;
}

/** @throws {NmError} CAPTURE_UNWRITABLE, or what keeps a switch from being made */
export async function dryRun(job: Job, out: Output): Promise<void> {
  const packets = await plannedPackets(job);
  const { write, json } = job.args;
  if (write !== undefined) writePackets(write, packets, job.name);
  else if (json) for (const packet of packets) out.json(packetLine(packet, job.name));
  else printPackets(out, packets);

  const bytes = packets.reduce((sum, packet) => sum + packet.bytes.length, 0);
  const seconds = ((packets.at(-1)?.at_ns ?? 0) - (packets[0]?.at_ns ?? 0)) / 1e9;
  const planned = { packets: packets.length, bytes, seconds };
  const where = write === undefined ? "" : `, written to ${write}`;
  if (json) out.summary({ function: job.args.function, port: job.name, dry_run: true, ...planned });
  else
    out.print(
      `${packets.length} packets ${bytes} bytes within ${seconds} seconds${where}. Nothing was sent.`,
    );
}

/** Those of all threads, in the order in which they leave. */
async function plannedPackets(job: Job): Promise<PlannedPacket[]> {
  const { threads, count } = job.args;
  const wanted = count || usualCount;
  const shares = Array.from({ length: Math.min(threads, wanted) }, (_, index) => ({
    share: { index, of: Math.min(threads, wanted) },
    count: Math.floor(wanted / threads) + (index < wanted % threads ? 1 : 0),
  }));
  const planned: (PlannedPacket & { readonly share: number })[] = [];
  await inPrivateNamespace("dry-run", async (namespace) => {
    for (const { share, count: some } of shares) {
      const times = timesOf(job, share, some);
      const frames = await framesOf(job, share, times.length, namespace);
      for (const [i, bytes] of frames.entries()) {
        planned.push({ at_ns: times[i] ?? 0, bytes, share: share.index });
      }
    }
  });
  return planned.sort((a, b) => a.at_ns - b.at_ns || a.share - b.share);
}

/** Fewer than `count` where the schedule, or the duration, has fewer. */
function timesOf({ timing, seed, duration_ns }: Job, share: Share, count: number): Float64Array {
  if (!timing.schedule) return new Float64Array(count);
  const times = scheduleTimes({ ...timing.schedule, seed }, count, share);
  return duration_ns === 0 ? times : times.filter((at_ns) => at_ns < duration_ns);
}

async function framesOf(job: Job, share: Share, count: number, namespace: string): Promise<Buffer[]> {
  if (count === 0) return [];
  using port = openPort("vale0:planned", { namespace, backend: "embedded" });
  const loop = startGenerator(port, {
    ...senderOptions(job, share, job.args.header),
    count,
    dump: { capacity: 4096, longest: frameLimits.longest },
  });
  const packets = new Packets(job.args.header);
  let running = true;
  const ended = loop.ended.finally(() => {
    running = false;
  });
  while (running) {
    packets.take(loop.takeDump());
    await Promise.race([ended, sleep(1)]);
  }
  packets.take(loop.takeDump());
  return packets.whole;
}

/** Puts slots together to packets, without the header before each. */
class Packets {
  readonly whole: Buffer[] = [];
  readonly #headerLength: number;
  #parts: Uint8Array[] = [];

  constructor(headerLength: number) {
    this.#headerLength = headerLength;
  }

  take(slots: readonly DumpEntry[]): void {
    for (const { bytes, flags } of slots) {
      this.#parts.push(bytes);
      if (flags & NS_MOREFRAG) continue;
      this.whole.push(Buffer.concat(this.#parts).subarray(this.#headerLength));
      this.#parts = [];
    }
  }
}

/** As if the run began now. */
function writePackets(path: string, packets: readonly PlannedPacket[], interfaceName: string): void {
  const start_ns = BigInt(Date.now()) * 1_000_000n;
  const captured = packets.map(({ at_ns, bytes }) => ({
    timeNs: start_ns + BigInt(Math.round(at_ns)),
    bytes,
  }));
  writeCapture(path, captured, { interfaceName });
}

function printPackets(out: Output, packets: readonly PlannedPacket[]): void {
  const columns = [
    { heading: "time", align: "right" },
    { heading: "bytes", align: "right" },
    { heading: "Ethernet" },
    { heading: "packet" },
    { heading: "checksums" },
  ] as const;
  const rows = packets.map(({ at_ns, bytes }) => [
    (at_ns / 1e9).toFixed(9),
    bytes.length,
    macWords(bytes),
    packetWords(bytes),
    checksumWords(bytes),
  ]);
  out.table(columns, rows);
}

function packetLine({ at_ns, bytes }: PlannedPacket, port: string) {
  return { type: "due_packet", due_s: at_ns / 1e9, length: bytes.length, port, data: bytes.toString("hex") };
}
