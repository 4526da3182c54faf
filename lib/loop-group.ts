/**
 * Traffic loops that do one job together. Each has a thread, and where there are several, each has a ring of the
 * port to itself.
 */

import type { Place } from "./control.js";
import { NmError } from "./errors.js";
import { type DropReason, dropCounters } from "./layout.js";
import { openPort, type Port } from "./port.js";
import { formatPort, type PortSpec } from "./port-spec.js";
import type { Interval } from "./report/report.js";
import type { Ring, RingKind } from "./ring.js";
import type { DumpEntry, Progress, TrafficLoop } from "./traffic.js";

/** Packets that were dropped, for each reason that there was. */
export type Drops = Partial<Record<DropReason, number>>;

/**
 * Opens a port as it is named for one thread, or one ring of it for each of several.
 *
 * @throws {NmError} THREADS_BEYOND_RINGS, PORT_WITHOUT_RINGS, or what openPort throws
 */
export function openForThreads(spec: PortSpec, kind: RingKind, threads: number, place: Place): Port[] {
  const port = formatPort(spec);
  const specs = Array.from({ length: threads }, (_, ring): PortSpec => ({ ...spec, mode: "one_nic", ring }));
  const ports: Port[] = [];
  try {
    for (const one of threads === 1 ? [spec] : specs) {
      const opened = openPort(one, place);
      ports.push(opened);
      if (ringsOf(opened, kind).length === 0) throw new NmError("PORT_WITHOUT_RINGS", { port, kind });

      const { txRings, rxRings } = opened.granted;
      const rings = spec.ring === null ? { tx: txRings, rx: rxRings }[kind] : 1;
      if (threads > rings) throw new NmError("THREADS_BEYOND_RINGS", { port, kind, threads, rings });
    }
    return ports;
  } catch (error) {
    for (const port of ports) port.close();
    throw error;
  }
}

function ringsOf(port: Port, kind: RingKind): readonly Ring[] {
  return kind === "tx" ? port.txRings : port.rxRings;
}

/** Counts what the rings of some ports drop from now on. */
export function dropsOf(ports: readonly Port[], kind: RingKind): () => Drops {
  const rings = ports.flatMap((port) => ringsOf(port, kind));
  const counted = () => rings.map((ring) => ring.counters());
  const before = counted();
  return () => {
    const now = counted();
    const drops: Drops = {};
    for (const reason of Object.keys(dropCounters) as DropReason[]) {
      const counter = dropCounters[reason];
      const count = now.reduce((sum, one, i) => sum + one[counter] - (before[i]?.[counter] ?? 0), 0);
      if (count > 0) drops[reason] = count;
    }
    return drops;
  };
}

/** How many packets were dropped, for whatever reason. */
export function dropped(drops: Drops): number {
  return Object.values(drops).reduce((sum, count) => sum + count, 0);
}

/** What loops add up to. See `progressMeanings` in lib/layout.ts. */
const summed = [
  "packets",
  "bytes",
  "events",
  "lost",
  "reordered",
  "too_late",
  "duplicated",
  "corrupt",
  "unmarked",
  "untimed",
  "stalls",
  "forgone",
  "pending",
] as const;

/** The figures of a group; `seconds` is the time from the first packet of all to the last. */
export type GroupProgress = Readonly<Record<(typeof summed)[number] | "seconds", number>>;

export class LoopGroup {
  readonly #loops: readonly TrafficLoop[];
  /** Fulfilled when all loops have ended. When one fails the others are stopped, and this rejects with its error. */
  readonly ended: Promise<void>;

  constructor(loops: readonly TrafficLoop[]) {
    this.#loops = loops;
    this.ended = this.#end();
  }

  /** The figures of all loops together, now. */
  progress(): GroupProgress {
    const all = this.#loops.map((loop) => loop.progress());
    const sums = summed.map((name) => [name, all.reduce((sum, one) => sum + one[name], 0)]);
    return { ...Object.fromEntries(sums), seconds: secondsOf(all) };
  }

  /** The fewest free slots that each loop found since the last call, together. */
  takeMinSpace(): number {
    return this.#loops.reduce((sum, loop) => sum + (loop.takeMinSpace() ?? freeSlots(loop.port)), 0);
  }

  takeDump(): DumpEntry[] {
    return this.#loops.flatMap((loop) => loop.takeDump());
  }

  stop(): void {
    for (const loop of this.#loops) loop.stop();
  }

  async #end(): Promise<void> {
    try {
      await Promise.all(this.#loops.map((loop) => loop.ended));
    } catch (error) {
      this.stop();
      await Promise.allSettled(this.#loops.map((loop) => loop.ended));
      throw error;
    }
  }
}

/** Gives, at each call, what passed since the one before. */
export function intervalsOf(group: LoopGroup, kind: RingKind, drops: () => Drops): () => Interval {
  const look = () => ({ ...group.progress(), drops: drops(), at_ms: performance.now() });
  let before = look();
  return () => {
    const now = look();
    const interval = {
      packets: now.packets - before.packets,
      bytes: now.bytes - before.bytes,
      events: now.events - before.events,
      seconds: (now.at_ms - before.at_ms) / 1000,
      minSpace: kind === "rx" ? group.takeMinSpace() : 0,
      drops: difference(now.drops, before.drops),
    };
    before = now;
    return interval;
  };
}

function difference(now: Drops, before: Drops): Drops {
  const reasons = Object.entries(now) as [DropReason, number][];
  const more = reasons.map(([reason, count]) => [reason, count - (before[reason] ?? 0)] as const);
  return Object.fromEntries(more.filter(([, count]) => count > 0));
}

function secondsOf(all: readonly Progress[]): number {
  const moved = all.filter(({ packets }) => packets > 0);
  if (moved.length === 0) return 0;
  const first = Math.min(...moved.map(({ first_ns }) => first_ns));
  const last = Math.max(...moved.map(({ last_ns }) => last_ns));
  return (last - first) / 1e9;
}

/** Of a receive ring in which nothing waits, all slots are free but the one that tells full from empty. */
function freeSlots(port: Port): number {
  return Math.min(...port.rxRings.map((ring) => ring.slots - 1));
}
