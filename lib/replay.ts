/**
 * Replays: native loops that send a capture's packets when they are due, and rehearsals, which only tell.
 *
 *   const replay = startReplay([openPort("vale1:a")], openCapture("trace.pcapng"), { passes: 3 });
 *   await replay.loop.ended;
 *   replay.figures().read;
 */

import { captureFault, systemReason } from "./capture.js";
import type { CaptureSource } from "./capture-source.js";
import { named } from "./counts.js";
import { NmError } from "./errors.js";
import type { Filter } from "./filter.js";
import {
  type CaptureKind,
  captureKinds,
  type FeedCount,
  type FeedEnd,
  feedCounts,
  feedEnds,
  type ReplayFigure,
  replayFigures,
  type SideRule,
  sideRules,
} from "./layout.js";
import type { Model } from "./models.js";
import {
  type NativeEdit,
  type NativeFeedOptions,
  type NativeNetwork,
  type NativeRehearsedPacket,
  type NativeReplayOptions,
  type NativeTally,
  native,
} from "./native.js";
import { nativeOf, type Port } from "./port.js";
import { startedLoop, type TrafficLoop } from "./traffic.js";

/** What is changed in packets. MAC addresses may be given for the packets of each side. */
export type Edit = NativeEdit;

/** The addresses that begin with the first `bits` bits of one, of 4 or 16 bytes. */
export type Network = NativeNetwork;

/** How it is told which of two ports a packet is sent by. */
export type Sides =
  | { readonly rule: Exclude<SideRule, "addresses" | "macs"> }
  | { readonly rule: "addresses"; readonly networks: readonly Network[] }
  | { readonly rule: "macs"; readonly macs: readonly Uint8Array[] };

export interface PlayOptions {
  /** How often the capture is played: once by default, 0 for ever. */
  readonly passes?: number | undefined;
  /** The part of the capture to play, in nanoseconds from its first packet; the end is not in it. */
  readonly fromNs?: number | undefined;
  readonly toNs?: number | undefined;
  /** Packets to send, at most. 0, the default: all. */
  readonly limit?: number | undefined;
  /** Longer gaps of the capture are shortened to this. */
  readonly longestGapNs?: number | undefined;
  /** Ends when the schedule has come so far. */
  readonly durationNs?: number | undefined;
  readonly filter?: Filter | undefined;
  readonly sides?: Sides | undefined;
  readonly edit?: Edit | undefined;
  /** By default the gaps of the capture. */
  readonly bandwidth?: Model | undefined;
  readonly loss?: Model | undefined;
  readonly delay?: Model | undefined;
  /** Of all that is random: the same seed gives the same packets. */
  readonly seed?: number | undefined;
}

export interface ReplayOptions extends PlayOptions {
  /** At most this many packets between syncs. */
  readonly burst?: number | undefined;
  /** How long to wait at the end for a receiver that takes nothing. By default as long as it takes. */
  readonly lingerNs?: number | undefined;
  /** The processor that the thread stays on: by default the one where it begins. */
  readonly cpu?: number | undefined;
  /** Run before all threads without real-time priority, where that is permitted. */
  readonly realtime?: boolean | undefined;
}

export type ReplayFigures = Readonly<Record<ReplayFigure, number>>;

export interface Replay {
  readonly loop: TrafficLoop;
  /** See `replayFigures` in lib/layout.ts. */
  figures(): ReplayFigures;
  /** Once the loop has ended: why it sent no more, where that was not what was asked for. */
  failure(): NmError | undefined;
}

/** Sends a capture by one port, or with `sides` by two. */
export function startReplay(
  ports: readonly Port[],
  source: CaptureSource,
  options: ReplayOptions = {},
): Replay {
  const [first] = ports;
  if (!first) throw new RangeError("Cannot replay without a port");
  const { burst, lingerNs, cpu, realtime } = options;
  const live = source.bytes === undefined;
  const loop = startedLoop(
    first,
    native().startReplay(ports.map(nativeOf), {
      ...feedOptions(source, options),
      ...{ burst, lingerNs, cpu, realtime, live },
      stays: cpu === undefined,
      durationNs: options.durationNs,
    } satisfies NativeReplayOptions),
    ports.slice(1),
  );
  const figures = () => named<ReplayFigure>(replayFigures, loop.counts());
  return {
    loop,
    figures,
    failure: () => {
      const { end, fault, fault_offset, fault_found } = figures();
      return failureOf(source, end, fault, fault_offset, fault_found);
    },
  };
}

/** What a replay would send. */
export interface Rehearsal {
  /** See `feedCounts` in lib/layout.ts. */
  readonly counts: Readonly<Record<FeedCount, number>>;
  /** What leaves by each of the ports. */
  readonly sides: readonly NativeTally[];
  /** When the last packet is due, from the first on. */
  readonly lastDueNs: number;
  readonly shown: readonly NativeRehearsedPacket[];
  readonly failure: NmError | undefined;
}

export interface RehearsalOptions extends PlayOptions {
  /** How many packets to give back. */
  readonly shown?: number | undefined;
  /** An open file that gets what would be sent, as a capture with an interface for each side. */
  readonly write?:
    | {
        readonly path: string;
        readonly descriptor: number;
        readonly kind: CaptureKind;
        readonly names: readonly string[];
      }
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Goes through a replay without sending anything. @throws {NmError} CAPTURE_UNWRITABLE */
export async function rehearse(source: CaptureSource, options: RehearsalOptions = {}): Promise<Rehearsal> {
  const { shown, write, signal, durationNs } = options;
  const running = native().rehearse({
    ...feedOptions(source, options),
    ...{ shown, durationNs },
    write: write && { ...write, kind: Object.keys(captureKinds).indexOf(write.kind) },
  });
  if (typeof running === "number") throw new Error("the rehearsal could not be started");
  const stop = () => running.stop();
  signal?.addEventListener("abort", stop);
  const found = await running.ended.finally(() => signal?.removeEventListener("abort", stop));
  if (write && found.writeError !== 0) {
    throw new NmError("CAPTURE_UNWRITABLE", { path: write.path, reason: systemReason(-found.writeError) });
  }
  const { sides, lastDueNs, end, fault, faultOffset, faultFound } = found;
  return {
    ...{ sides, lastDueNs, shown: found.shown },
    counts: named<FeedCount>(feedCounts, found.counts),
    failure: failureOf(source, end, fault, faultOffset, faultFound),
  };
}

function feedOptions(source: CaptureSource, options: PlayOptions): NativeFeedOptions {
  const { passes, fromNs, toNs, limit, longestGapNs, edit, bandwidth, loss, delay, seed, filter } = options;
  const { rule, ...sides } = options.sides ?? ({ rule: "one" } satisfies Sides);
  return {
    descriptor: source.descriptor,
    ...{ passes, fromNs, toNs, limit, longestGapNs, edit, bandwidth, loss, delay, seed },
    filter: filter?.native,
    sides: { ...sides, rule: Object.keys(sideRules).indexOf(rule) },
  };
}

function failureOf(
  source: CaptureSource,
  end: number,
  fault: number,
  offset: number,
  found: number,
): NmError | undefined {
  const { path } = source;
  switch (Object.keys(feedEnds)[end] as FeedEnd) {
    case "whole":
      return source.failure();
    case "faulty":
      return source.failure() ?? captureFault(path, fault, offset, found);
    case "not_ethernet":
      return new NmError("CAPTURE_LINK_TYPE", { path, link_type: found });
    case "no_packets":
      return source.failure() ?? new NmError("CAPTURE_NOTHING_LEFT", { path });
    case "not_again":
      return new NmError("CAPTURE_UNREADABLE", { path, reason: "it cannot be read a second time" });
  }
}
