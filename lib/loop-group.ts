/**
 * Traffic loops that do one job together. Each has a thread, and where there are several, each has a ring of the
 * port to itself.
 */

import { NmError } from "./errors.js";
import { Histogram } from "./histogram.js";
import { type DropReason, dropCounters, type HistogramName } from "./layout.js";
import { type OpenOptions, openPort, type Port } from "./port.js";
import { formatPort, type PortSpec } from "./port-spec.js";
import type { Interval } from "./report/report.js";
import type { Ring, RingKind } from "./ring.js";
import { allEnded } from "./running.js";
import type { DumpEntry, Numbers, Stream, TrafficLoop } from "./traffic.js";

/** Packets that were dropped, for each reason that there was. */
export type Drops = Partial<Record<DropReason, number>>;

/** The drops of ports that do not count them: nothing to add up, and not the same as none. */
export const uncounted: Drops = Object.freeze({});

/** For JSON: null where nobody counted. */
export function dropsField(drops: Drops): Drops | null {
  return drops === uncounted ? null : drops;
}

/**
 * Opens a port as it is named for one thread, or one ring of each kind for each of several. Of a port with hardware and
 * host rings, threads that find no hardware ring left get host rings.
 *
 * @throws {NmError} THREADS_BEYOND_RINGS, PORT_WITHOUT_RINGS, or what openPort throws
 */
export function openForThreads(
  spec: PortSpec,
  kinds: readonly RingKind[],
  threads: number,
  options: OpenOptions,
): Port[] {
  const port = formatPort(spec);
  const ports: Port[] = [];
  try {
    for (let thread = 0; thread < threads; thread++) {
      const opened = openPort(threads === 1 ? spec : specFor(thread, spec, ports[0]), options);
      ports.push(opened);
      for (const kind of kinds) {
        if (ringsOf(opened, kind).length === 0) throw new NmError("PORT_WITHOUT_RINGS", { port, kind });
        const rings = ringsFor(spec, opened, kind);
        if (threads > rings) throw new NmError("THREADS_BEYOND_RINGS", { port, kind, threads, rings });
      }
    }
    return ports;
  } catch (error) {
    for (const port of ports) port.close();
    throw error;
  }
}

/** One of the rings that `spec` names. `first` is the port of thread 0. */
function specFor(thread: number, spec: PortSpec, first: Port | undefined): PortSpec {
  const cards = first ? Math.min(first.granted.txRings, first.granted.rxRings) : 1;
  if (spec.mode === "sw") return { ...spec, mode: "one_sw", ring: thread };
  if (spec.mode === "nic_sw" && thread >= cards) return { ...spec, mode: "one_sw", ring: thread - cards };
  return { ...spec, mode: "one_nic", ring: thread };
}

/** How many rings of that kind the spec names. */
function ringsFor({ mode }: PortSpec, { granted }: Port, kind: RingKind): number {
  const { txRings, rxRings, hostTxRings, hostRxRings } = granted;
  const [cards, host] = kind === "tx" ? [txRings, hostTxRings] : [rxRings, hostRxRings];
  return { all_nic: cards, sw: host, nic_sw: cards + host, one_nic: 1, one_sw: 1, null: 0 }[mode];
}

function ringsOf(port: Port, kind: RingKind): readonly Ring[] {
  return kind === "tx" ? port.txRings : port.rxRings;
}

/** Counts what the rings of some ports drop from now on. */
export function dropsOf(ports: readonly Port[], kinds: readonly RingKind[]): () => Drops {
  const counting = ports.filter(({ isCounted }) => isCounted);
  if (counting.length === 0) return () => uncounted;
  const rings = counting.flatMap((port) => kinds.flatMap((kind) => ringsOf(port, kind)));
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
  "requests",
  "late",
  "stalls",
  "forgone",
  "pending",
] as const;

/**
 * The figures of a group. `seconds` is the time from the first packet of all to the last, `sendingSeconds` likewise from
 * departure to departure; `longestTrain` the longest of any loop.
 */
export type GroupProgress = Readonly<
  Record<(typeof summed)[number] | "seconds" | "sendingSeconds" | "longestTrain", number>
>;

/** What loops measure, for each kind that one of them does. */
export type Histograms = Partial<Record<HistogramName, Histogram>>;

export class LoopGroup {
  readonly #loops: readonly TrafficLoop[];
  /** Fulfilled when all loops have ended. When one fails the others are stopped, and this rejects with its error. */
  readonly ended: Promise<void>;

  constructor(loops: readonly TrafficLoop[]) {
    this.#loops = loops;
    this.ended = allEnded(loops);
  }

  /** The figures of all loops together, now. */
  progress(): GroupProgress {
    const all = this.#loops.map((loop) => loop.progress());
    const sums = summed.map((name) => [name, all.reduce((sum, one) => sum + one[name], 0)]);
    return {
      ...Object.fromEntries(sums),
      seconds: secondsOf(all.map(({ first_ns, last_ns }) => [first_ns, last_ns])),
      sendingSeconds: secondsOf(all.map(({ first_sent_ns, last_sent_ns }) => [first_sent_ns, last_sent_ns])),
      longestTrain: Math.max(0, ...all.map(({ longest_train }) => longest_train)),
    };
  }

  /** The fewest free slots that each loop found since the last call, together. */
  takeMinSpace(): number {
    return this.#loops.reduce((sum, loop) => sum + (loop.takeMinSpace() ?? freeSlots(loop.port)), 0);
  }

  takeDump(): DumpEntry[] {
    return this.#loops.flatMap((loop) => loop.takeDump());
  }

  /** What all loops together measured, so far. */
  histograms(): Histograms {
    const all = this.#loops.map((loop) => loop.histograms());
    const names = new Set(all.flatMap((kept) => Object.keys(kept) as HistogramName[]));
    const merged = [...names].map((name) => [
      name,
      Histogram.merged(all.flatMap((kept) => kept[name] ?? [])),
    ]);
    return Object.fromEntries(merged);
  }

  /** The streams of marked packets that all loops saw. */
  streams(): Stream[] {
    return this.#loops.flatMap((loop) => loop.streams());
  }

  /** What each loop that checks numbers found so far. */
  numbers(): Numbers[] {
    return this.#loops.flatMap((loop) => loop.numbers() ?? []);
  }

  stop(): void {
    for (const loop of this.#loops) loop.stop();
  }
}

/** Gives, at each call, what passed since the one before. */
export function intervalsOf(group: LoopGroup, receives: boolean, drops: () => Drops): () => Interval {
  const look = () => ({ ...group.progress(), drops: drops(), at_ms: performance.now() });
  let before = look();
  return () => {
    const now = look();
    const interval = {
      packets: now.packets - before.packets,
      bytes: now.bytes - before.bytes,
      events: now.events - before.events,
      seconds: (now.at_ms - before.at_ms) / 1000,
      minSpace: receives ? group.takeMinSpace() : 0,
      drops: moreDrops(now.drops, before.drops),
    };
    before = now;
    return interval;
  };
}

/** What was dropped between two looks. */
export function moreDrops(now: Drops, before: Drops): Drops {
  if (now === uncounted) return uncounted;
  const reasons = Object.entries(now) as [DropReason, number][];
  const more = reasons.map(([reason, count]) => [reason, count - (before[reason] ?? 0)] as const);
  return Object.fromEntries(more.filter(([, count]) => count > 0));
}

/** From the first beginning to the last end, of those that began. */
function secondsOf(spans: readonly (readonly [first_ns: number, last_ns: number])[]): number {
  const begun = spans.filter(([first]) => first > 0);
  if (begun.length === 0) return 0;
  return (Math.max(...begun.map(([, last]) => last)) - Math.min(...begun.map(([first]) => first))) / 1e9;
}

/** Of a receive ring in which nothing waits, all slots are free but the one that tells full from empty. */
function freeSlots(port: Port): number {
  return Math.min(...port.rxRings.map((ring) => ring.slots - 1));
}
