/**
 * Traffic loops: native threads that send or receive through an open port, at full speed, while JavaScript looks on.
 *
 *   const loop = startGenerator(openPort("vale1:a"), { count: 1_000_000, frame: { length: 60 } });
 *   loop.progress().packets;   // any time
 *   await loop.ended;          // the last figures
 *
 * A loop has its port to itself until it ends. A port whose loop was stopped can be closed, nothing else: its device
 * does not wait again.
 */

import { NETMAP_MAX_FRAGS } from "./abi.js";
import type { Recording } from "./capture.js";
import { named, namedRows } from "./counts.js";
import { Histogram } from "./histogram.js";
import {
  contents,
  frameLimits,
  type HistogramName,
  type ProgressName,
  progressMeanings,
  type StreamCountName,
  streamCountMeanings,
} from "./layout.js";
import {
  type NativeBudget,
  type NativeDumpEntry,
  type NativeEndpoint,
  type NativeLinkModels,
  type NativeLoop,
  type NativeNumbers,
  native,
  statusOf,
} from "./native.js";
import { failureOf, nativeOf, type Port } from "./port.js";
import { check } from "./range.js";
import { checkPace, checkShare, nativeSchedule, type Pace, type Schedule, type Share } from "./schedule.js";

/**
 * IPv4 addresses as numbers (10.0.0.1 is 0x0a000001) and UDP ports, both ends included. Of an IPv6 `address`, 16
 * bytes, the numbers are those of one `group` of 16 bits, 7 by default. With `random` each packet has others.
 */
export type Endpoint = NativeEndpoint;

/** The version of the internet protocol. */
export type Family = 4 | 6;

export interface Frame {
  /** 6 bytes. By default the broadcast address. */
  readonly toMac?: Uint8Array | undefined;
  /** 6 bytes. By default zeros. */
  readonly fromMac?: Uint8Array | undefined;
  /** Ranges are walked, fastest first: from's port, from's address, to's port, to's address. */
  readonly from?: Endpoint | undefined;
  readonly to?: Endpoint | undefined;
  /** IPv4 by default. With 6, `from` and `to` need an `address`. */
  readonly family?: Family | undefined;
  /** Bytes without CRC, 60 by default. */
  readonly length?: number | undefined;
  /** When given, each packet has a random length from this to `length`. */
  readonly shortestLength?: number | undefined;
  /** What is random is the same for the same seed. */
  readonly seed?: number | undefined;
}

/** Of a frame whose length is not given. */
const usualLength = 60;

export interface LoopOptions {
  /** End after this many packets. 0, the default: when stopped. */
  readonly count?: number | undefined;
  /** End after this time. 0, the default: never. */
  readonly durationNs?: number | undefined;
  /** At most this many slots per ring and sync. */
  readonly burst?: number | undefined;
  /** Keep copies of slots for `takeDump`: so many slots, so many bytes of each. A full queue holds the loop up. */
  readonly dump?: { readonly capacity: number; readonly longest: number } | undefined;
  /** The processor that the thread stays on. By default any. */
  readonly cpu?: number | undefined;
}

export interface GeneratorOptions extends LoopOptions {
  readonly frame?: Frame | undefined;
  /** When to begin, in nanoseconds of process.hrtime. By default at once. */
  readonly startNs?: number | undefined;
  /** When packets leave. By default as fast as the port takes them. */
  readonly schedule?: Schedule | undefined;
  /** How the schedule is kept. */
  readonly pace?: Pace | undefined;
  /** Several loops do one job: which part of schedule and recording is this one's. By default all. */
  readonly share?: Share | undefined;
  /** When buffers get the frame's contents: `once` by default, `never` to send what is in them. */
  readonly contents?: keyof typeof contents | undefined;
  /** Zeros before each frame: a virtio-net header of 10 or 12 bytes that asks for nothing. */
  readonly headerLength?: number | undefined;
  /** Let slots point to memory of this process (NS_INDIRECT) instead of buffers. Switches read such slots. */
  readonly indirect?: boolean | undefined;
  /** Slots per packet, at least. */
  readonly fragments?: number | undefined;
  /** Bytes in one slot, at most. By default what a buffer holds. */
  readonly longestFragment?: number | undefined;
  /** Send these packets, again and again, instead of the frame. */
  readonly recording?: Recording | undefined;
  /**
   * Number slots as netmap's txseq does: the first four bytes of each payload. Every slot of a packet is a whole frame,
   * `fragments` of them. The frame is of one length and fits a buffer.
   */
  readonly numbered?: boolean | undefined;
  /** Mark packets, so that a sink can measure them. Each transmit ring has a stream number, from `firstStream` on. */
  readonly mark?: boolean | undefined;
  readonly firstStream?: number | undefined;
  /** How long to wait at the end for a receiver that takes nothing. */
  readonly lingerNs?: number | undefined;
}

/** A count of packets that several loops take together, and not one more. */
export type SharedCount = NativeBudget;

export function shareCount(packets: number): SharedCount {
  check("packets", packets, 1, Number.MAX_SAFE_INTEGER);
  return native().shareCount(packets);
}

export interface SinkOptions extends LoopOptions {
  /** From `shareCount`, in place of `count`. A loop that waits for packets hears of its end by `stop` only. */
  readonly budget?: SharedCount | undefined;
  /** End after this time without a packet, once there was one. 0, the default: never. */
  readonly idleNs?: number | undefined;
  /**
   * Look into every packet: whether it is whole and, per stream, whether all came, once and in order, how long they were
   * under way and how far apart. See `histograms` and `streams`.
   */
  readonly measure?: boolean | undefined;
  /** Check the numbers of slots that a generator with `numbered` sent. See `numbers`. */
  readonly checkNumbers?: boolean | undefined;
  /** Read all of each packet, as an application would. */
  readonly touch?: boolean | undefined;
  /** Bytes before each frame, which are no part of it: a virtio-net header. */
  readonly headerLength?: number | undefined;
}

export interface PingerOptions
  extends LoopOptions,
    Pick<GeneratorOptions, "frame" | "startNs" | "schedule" | "pace" | "share" | "headerLength"> {
  /** An answer that takes longer is lost: 3 s by default. */
  readonly patienceNs?: number | undefined;
}

export interface PongerOptions
  extends LoopOptions,
    Pick<SinkOptions, "budget" | "idleNs" | "headerLength">,
    Pick<GeneratorOptions, "lingerNs"> {}

/** See `progressMeanings` in lib/layout.ts. Times are of process.hrtime in nanoseconds, 0 before there is one. */
export type Progress = Readonly<Record<Exclude<ProgressName, "min_space" | "running" | "status">, number>> & {
  readonly running: boolean;
};

/** What came of one stream of marked packets. See `streamCountMeanings` in lib/layout.ts. */
export type Stream = Readonly<Record<"stream" | StreamCountName, number>>;

/** What the check of numbered slots found. */
export type Numbers = NativeNumbers;

/** A copy of a slot that went by. */
export type DumpEntry = NativeDumpEntry;

/** Sends frames through the port's transmit rings. */
export function startGenerator(port: Port, options: GeneratorOptions = {}): TrafficLoop {
  checkLoop(options);
  checkGenerator(options);
  const { contents: when = "once", ...others } = options;
  const given = { ...others, ...scheduleOf(options), contents: contents[when] };
  return startedLoop(port, native().startGenerator(nativeOf(port), given));
}

/** Takes what arrives in the port's receive rings. */
export function startSink(port: Port, options: SinkOptions = {}): TrafficLoop {
  checkLoop(options);
  check("headerLength", options.headerLength, 0, frameLimits.longestHeader);
  return startedLoop(port, native().startSink(nativeOf(port), options));
}

/**
 * Sends requests and measures how long their answers take: `histograms().rtt_ns`. `count` and `burst` are requests; a
 * burst leaves when the one before is answered or lost, or with a rate, when it is due.
 */
export function startPinger(port: Port, options: PingerOptions = {}): TrafficLoop {
  checkLoop(options);
  checkGenerator(options);
  check("frame.length", options.frame?.length, shortestRequest(options.frame?.family), frameLimits.longest);
  check("burst", options.burst, 1, frameLimits.largestPingBurst);
  check("patienceNs", options.patienceNs, 0, Number.MAX_SAFE_INTEGER);
  return startedLoop(port, native().startPinger(nativeOf(port), { ...options, ...scheduleOf(options) }));
}

function scheduleOf({ schedule }: Pick<GeneratorOptions, "schedule">) {
  return { schedule: schedule && nativeSchedule(schedule) };
}

/** Bytes of the shortest frame that can carry a request of a pinger. */
export function shortestRequest(family: Family = 4): number {
  return family === 4 ? frameLimits.shortestRequest : frameLimits.shortestRequest6;
}

/** Sends every packet back where it came from. `count` are packets that were sent back. */
export function startPonger(port: Port, options: PongerOptions = {}): TrafficLoop {
  checkLoop(options);
  check("headerLength", options.headerLength, 0, frameLimits.longestHeader);
  check("lingerNs", options.lingerNs, 0, Number.MAX_SAFE_INTEGER);
  return startedLoop(port, native().startPonger(nativeOf(port), options));
}

export class TrafficLoop {
  readonly port: Port;
  /** The last figures. Rejects with the device's NmError when the port stopped working. */
  readonly ended: Promise<Progress>;
  readonly #native: NativeLoop;

  /** Use `startGenerator` or `startSink`. The loop works on `port`, and perhaps on `others`. */
  constructor(port: Port, loop: NativeLoop, others: readonly Port[] = []) {
    this.port = port;
    this.#native = loop;
    this.ended = loop.ended.then((result) => {
      if (result < 0) throw failureOf(failedPort([port, ...others], result), result, "go on with port");
      return this.progress();
    });
  }

  /** The figures now. */
  progress(): Progress {
    const all = named(progressMeanings, this.#native.progress());
    const { min_space: _, status: __, running, ...figures } = all;
    return { ...figures, running: running === 1 };
  }

  /** The fewest free slots of a receive ring since the last call; undefined when nothing was received meanwhile. */
  takeMinSpace(): number | undefined {
    const space = this.#native.takeMinSpace();
    return space < 0 ? undefined : space;
  }

  /** How often each value occurred of what the loop measures, so far. */
  histograms(): Partial<Record<HistogramName, Histogram>> {
    const kept = Object.entries(this.#native.histograms());
    return Object.fromEntries(kept.map(([name, histogram]) => [name, new Histogram(histogram)]));
  }

  /** The streams of marked packets that came, in the order in which they did. */
  streams(): Stream[] {
    return namedRows({ stream: "its number", ...streamCountMeanings }, this.#native.streams());
  }

  /** What a sink that checks numbers found so far. The last mismatch of each kind is told once. */
  numbers(): Numbers | undefined {
    return this.#native.numbers();
  }

  /** Counts that only loops of its kind have, in the order of their table in lib/layout.ts. */
  counts(): Float64Array {
    return this.#native.counts();
  }

  /** Whether it is a link that can go on with these models. */
  reconfigure(models: NativeLinkModels): boolean {
    return this.#native.reconfigure(models);
  }

  /** Takes out the copies that were kept since the last call. */
  takeDump(): DumpEntry[] {
    return this.#native.takeDump();
  }

  /** Asks the loop to end; `ended` tells when it has. */
  stop(): void {
    this.#native.stop();
  }
}

/** A loop that the native side has started, with its only port, or the first and the others. */
export function startedLoop(
  port: Port,
  loop: NativeLoop | number,
  others: readonly Port[] = [],
): TrafficLoop {
  if (typeof loop === "number") throw failureOf(port, loop, "start traffic on port");
  return new TrafficLoop(port, loop, others);
}

/** Which port it was that ended a loop: its syncs still fail so, or it still knows which ring was set back. */
function failedPort(ports: readonly Port[], result: number): Port {
  const failed = ports.find((port) => {
    const device = nativeOf(port);
    if (statusOf(result) === "ring_reset") return device.lastReset() !== undefined;
    return device.txSync() === result || device.rxSync() === result;
  });
  return failed ?? (ports[0] as Port);
}

function checkLoop({ count, durationNs, burst, cpu }: LoopOptions): void {
  check("count", count, 0, Number.MAX_SAFE_INTEGER);
  check("durationNs", durationNs, 0, Number.MAX_SAFE_INTEGER);
  check("burst", burst, 1, 2 ** 32 - 1);
  check("cpu", cpu, -1, 1023);
}

function checkGenerator(options: GeneratorOptions): void {
  const { frame = {}, mark, contents: when } = options;
  const { family = 4, length = usualLength, from, to } = frame;
  const marked = family === 4 ? frameLimits.shortestMarked : frameLimits.shortestMarked6;
  if (![4, 6].includes(family)) throw new RangeError(`Cannot use frame.family ${family}: expected 4 or 6`);
  const shortest = mark ? marked : frameLimits.shortest;
  check("frame.length", length, shortest, frameLimits.longest - (options.headerLength ?? 0));
  check("frame.shortestLength", frame.shortestLength, shortest, length);
  check("frame.seed", frame.seed, 0, Number.MAX_SAFE_INTEGER);
  if (family === 6 && !(from?.address && to?.address)) {
    throw new RangeError("Cannot send IPv6 packets without frame.from.address and frame.to.address");
  }
  check("frame.toMac", frame.toMac?.length, 6, 6);
  check("frame.fromMac", frame.fromMac?.length, 6, 6);
  checkEndpoint("frame.from", frame.from);
  checkEndpoint("frame.to", frame.to);
  checkShare(options.share);
  checkPace(options.pace);
  check("headerLength", options.headerLength, 0, frameLimits.longestHeader);
  check("fragments", options.fragments, 1, NETMAP_MAX_FRAGS);
  check("longestFragment", options.longestFragment, 0, frameLimits.longest);
  check("firstStream", options.firstStream, 0, 0xffff);
  check("lingerNs", options.lingerNs, 0, Number.MAX_SAFE_INTEGER);
  if (mark && when === "never") throw new RangeError("Cannot mark packets whose contents are never written");
}

function checkEndpoint(name: string, endpoint: Endpoint | undefined): void {
  if (!endpoint) return;
  check(`${name}.address.length`, endpoint.address?.length, 16, 16);
  check(`${name}.group`, endpoint.group, 0, 7);
  check(`${name}.firstAddress`, endpoint.firstAddress, 0, endpoint.lastAddress);
  check(`${name}.lastAddress`, endpoint.lastAddress, endpoint.firstAddress, 2 ** 32 - 1);
  check(`${name}.firstPort`, endpoint.firstPort, 0, endpoint.lastPort);
  check(`${name}.lastPort`, endpoint.lastPort, endpoint.firstPort, 0xffff);
}
