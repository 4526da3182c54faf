/**
 * nmreplay --dry-run and --write: what would be sent, told or written to a capture.
 */

import { closeSync, openSync } from "node:fs";
import { captureKindOf, systemReason } from "../capture.js";
import type { CaptureSource } from "../capture-source.js";
import type { Context } from "../command.js";
import { formatDuration } from "../duration.js";
import { Interrupted, NmError } from "../errors.js";
import { packetWords } from "../packet-words.js";
import { type Rehearsal, rehearse } from "../replay.js";
import type { Job } from "./job.js";
import { feedFigures, feedLines } from "./report.js";

/** How many packets people see. */
const shownPackets = 10;

/** @throws {NmError} CAPTURE_UNWRITABLE, or what is wrong with the capture */
export async function dryRun(job: Job, source: CaptureSource, context: Context): Promise<void> {
  const { args, play, names } = job;
  const sides = play.sides?.rule === "one" ? 1 : 2;
  const ports = Array.from({ length: sides }, (_, i) => names[i] ?? `port ${i + 1}`);
  const write =
    args.write === undefined
      ? undefined
      : { path: args.write, kind: captureKindOf(args.write), names: ports };
  const descriptor = write && openForWriting(write.path);
  try {
    const found = await rehearse(source, {
      ...play,
      shown: shownPackets,
      signal: context.signal,
      write: write && descriptor !== undefined ? { ...write, descriptor } : undefined,
    });
    if (context.interrupted()) throw new Interrupted();
    if (found.failure && !(args.partial && found.failure.code === "CAPTURE_BROKEN")) throw found.failure;
    if (args.json) printJson(context, ports, found, args.write);
    else print(context, ports, found, args.write);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function openForWriting(path: string): number {
  try {
    return openSync(path, "w");
  } catch (error) {
    throw new NmError("CAPTURE_UNWRITABLE", {
      path,
      reason: systemReason((error as NodeJS.ErrnoException).errno ?? 0),
    });
  }
}

function print(
  { out }: Context,
  ports: readonly string[],
  found: Rehearsal,
  written: string | undefined,
): void {
  const number = (value: number) => value.toLocaleString("en");
  const time = formatDuration(found.lastDueNs);
  for (const [i, port] of ports.entries()) {
    const { packets = 0, bytes = 0 } = found.sides[i] ?? {};
    const deed = written === undefined ? "Would send" : "Wrote";
    const where = written === undefined ? `on ${port}` : `to ${written}, those for ${port}`;
    out.print(`${deed} ${number(packets)} packets, ${number(bytes)} bytes in ${time} ${where}.`);
  }
  for (const line of feedLines(found.counts)) out.print(line);
  if (found.shown.length === 0 || written !== undefined) return;
  out.print();
  const columns = [
    { heading: "time", align: "right" as const },
    { heading: "bytes", align: "right" as const },
    ...(ports.length > 1 ? [{ heading: "port" }] : []),
    { heading: "packet" },
  ];
  out.table(
    columns,
    found.shown.map(({ dueNs, length, side, bytes }) => [
      (dueNs / 1e9).toFixed(9),
      length,
      ...(ports.length > 1 ? [ports[side] ?? ""] : []),
      packetWords(bytes),
    ]),
  );
}

function printJson(
  { out }: Context,
  ports: readonly string[],
  found: Rehearsal,
  written: string | undefined,
): void {
  for (const { dueNs, length, side, bytes } of found.shown) {
    const data = Buffer.from(bytes).toString("hex");
    out.json({ type: "due_packet", due_s: dueNs / 1e9, length, port: ports[side], data });
  }
  out.summary({
    function: "dry_run",
    seconds: found.lastDueNs / 1e9,
    packets: found.sides.reduce((sum, { packets }) => sum + packets, 0),
    bytes: found.sides.reduce((sum, { bytes }) => sum + bytes, 0),
    by_port: ports.map((port, i) => ({ port, ...found.sides[i] })),
    capture: feedFigures(found.counts),
    ...(written !== undefined && { file: written }),
  });
}
