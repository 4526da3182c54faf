/**
 * Forwarders: native threads that move packets from ports to others.
 *
 *   const forwarder = startForwarder([{ from: left, to: right }, { from: right, to: left }]);
 *   forwarder.counts()[0].packets;   // any time
 *   await forwarder.ended;
 *
 * No direction waits for another, and no packet is lost without being counted: see native/traffic/lane.h.
 */

import { namedRows } from "./counts.js";
import type { Filter } from "./filter.js";
import { type LaneCountName, laneCountMeanings } from "./layout.js";
import type { Model } from "./models.js";
import { native } from "./native.js";
import { nativeOf, type Port } from "./port.js";
import type { Recorder } from "./recorder.js";
import { startedLoop, type TrafficLoop } from "./traffic.js";

/** One direction: what arrives at one port leaves by another, which may be the same. */
export interface Lane {
  readonly from: Port;
  readonly to: Port;
  /** At most this many slots of a ring before the others have their turn: by default 1024, on netmap's module 256. */
  readonly burst?: number | undefined;
  /** Copy packets also where buffers could change places. */
  readonly copy?: boolean | undefined;
  /** Which packets pass; the others are dropped and counted. By default all. */
  readonly filter?: Filter | undefined;
  /** How much passes in a second; what is more waits. lib/models.ts reads this and the next ones from text. */
  readonly limit?: Model | undefined;
  /** Which packets are lost, and besides those every so manieth. */
  readonly loss?: Model | undefined;
  readonly dropEvery?: number | undefined;
  /** How late packets come. */
  readonly delay?: Model | undefined;
  /** Of what is random. */
  readonly seed?: number | undefined;
  /** Gets a copy of each packet that passes, as far as it has room. */
  readonly mirror?: Port | undefined;
  /** Which interface of the forwarder's recorder its packets are of: 0 by default. */
  readonly captureInterface?: number | undefined;
}

export interface ForwarderOptions {
  /** Captures what passes, as far as its writer has room. */
  readonly recorder?: Recorder | undefined;
  /** End after this time. 0, the default: when stopped. */
  readonly durationNs?: number | undefined;
  /** The processor that the thread stays on. By default any. */
  readonly cpu?: number | undefined;
}

/** What a lane counted. See `laneCountMeanings` in lib/layout.ts. */
export type LaneCounts = Readonly<Record<LaneCountName, number>>;

export class Forwarder {
  readonly #loop: TrafficLoop;
  /** Rejects with the device's NmError when a port stopped working. */
  readonly ended: Promise<void>;

  /** Use `startForwarder`. */
  constructor(loop: TrafficLoop) {
    this.#loop = loop;
    this.ended = loop.ended.then(() => {});
  }

  /** What each lane counted so far. */
  counts(): LaneCounts[] {
    return namedRows(laneCountMeanings, this.#loop.counts());
  }

  /** When the first packet passed and when the last, in nanoseconds of process.hrtime; 0 before there is one. */
  passed(): { readonly firstNs: number; readonly lastNs: number } {
    const { first_ns, last_ns } = this.#loop.progress();
    return { firstNs: first_ns, lastNs: last_ns };
  }

  stop(): void {
    this.#loop.stop();
  }
}

/** Moves packets along lanes, in one thread. A port is `from` in one lane at most. */
export function startForwarder(
  lanes: readonly Lane[],
  { recorder, ...options }: ForwarderOptions = {},
): Forwarder {
  const ports = [
    ...new Set(lanes.flatMap(({ from, to, mirror }) => [from, to, ...(mirror ? [mirror] : [])])),
  ];
  const [first] = ports;
  if (!first) throw new RangeError("Cannot forward without lanes");
  const numberOf = (port: Port) => ports.indexOf(port);
  const loop = native().startForwarder(ports.map(nativeOf), {
    ...options,
    ...(recorder && { recorder: recorder.native }),
    lanes: lanes.map(({ from, to, mirror, filter, ...lane }) => ({
      ...lane,
      from: numberOf(from),
      to: numberOf(to),
      ...(filter && { filter: filter.native }),
      ...(mirror && { mirror: numberOf(mirror) }),
    })),
  });
  return new Forwarder(startedLoop(first, loop, ports.slice(1)));
}
