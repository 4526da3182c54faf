/**
 * Links: native threads that carry packets from one port to another as a wire would that has a bandwidth, a delay and faults.
 *
 *   const link = startLink(openPort("vale0:a/R"), openPort("vale1:b/T"), { delay: readDelay("delay", "5ms") });
 *   link.counts().drops_loss;     // any time
 *   link.reconfigure({});         // from now on like a cable
 *   await link.ended;
 *
 * One direction each. What becomes of a packet is drawn in native/traffic/link.h.
 */

import { named } from "./counts.js";
import { Histogram } from "./histogram.js";
import { type LinkCount, linkCounts } from "./layout.js";
import type { Model, ReorderModel } from "./models.js";
import { native } from "./native.js";
import { nativeOf, type Port } from "./port.js";
import { check } from "./range.js";
import { type Progress, startedLoop, type TrafficLoop } from "./traffic.js";

/** What may change while a link runs; each has no effect where it is missing. lib/models.ts reads them from text. */
export interface LinkModels {
  readonly bandwidth?: Model | undefined;
  readonly delay?: Model | undefined;
  readonly loss?: Model | undefined;
  /** Which packets wait before they come in, so that others overtake them. */
  readonly reorder?: ReorderModel | undefined;
  /** Bytes that may wait to be transmitted; 0: any number. */
  readonly queueBytes?: number | undefined;
  /** So much is taken off each delay, in nanoseconds. */
  readonly lessNs?: number | undefined;
  /** Drop what would overtake the packet before it, instead of letting it leave with that. */
  readonly dropsOvertaking?: boolean | undefined;
  /** Drop what cannot leave so soon after it is due. By default nothing is dropped for being late. */
  readonly patienceNs?: number | undefined;
}

export interface LinkOptions {
  /** At most this many packets of a ring in one turn. */
  readonly burst?: number | undefined;
  /** End after this time. 0, the default: when stopped. */
  readonly durationNs?: number | undefined;
  /** Most bytes for packets under way: 1 GiB by default. They are taken as they are needed. */
  readonly memory?: number | undefined;
  /** Of what is random. */
  readonly seed?: number | undefined;
  /** The processor that the thread stays on. By default any. */
  readonly cpu?: number | undefined;
}

/** See `linkCounts` in lib/layout.ts. */
export type LinkCounts = Readonly<Record<LinkCount, number>>;

export class Link {
  readonly #loop: TrafficLoop;
  /** Rejects with the device's NmError when a port stopped working. */
  readonly ended: Promise<void>;

  /** Use `startLink`. */
  constructor(loop: TrafficLoop) {
    this.#loop = loop;
    this.ended = loop.ended.then(() => {});
  }

  /** Packets that left so far, and when. */
  progress(): Progress {
    return this.#loop.progress();
  }

  counts(): LinkCounts {
    return named(linkCounts, this.#loop.counts());
  }

  /** How long after they were due packets had left. */
  lateness(): Histogram {
    return this.#loop.histograms().lateness_ns ?? Histogram.none;
  }

  /** Goes on with these within 20 ms; what is under way stays as it is. @throws {RangeError} for what cannot be */
  reconfigure(models: LinkModels): void {
    if (!this.#loop.reconfigure(models))
      throw new RangeError("Cannot go on with these models: values cannot be");
  }

  stop(): void {
    this.#loop.stop();
  }
}

/** Carries what arrives at a port that has receive rings to one that has transmit rings. */
export function startLink(from: Port, to: Port, models: LinkModels = {}, options: LinkOptions = {}): Link {
  check("burst", options.burst, 1, 2 ** 32 - 1);
  check("durationNs", options.durationNs, 0, Number.MAX_SAFE_INTEGER);
  check("memory", options.memory, 0, Number.MAX_SAFE_INTEGER);
  check("seed", options.seed, 0, Number.MAX_SAFE_INTEGER);
  check("cpu", options.cpu, -1, 1023);
  const loop = native().startLink([nativeOf(from), nativeOf(to)], { ...options, models });
  return new Link(startedLoop(from, loop, [to]));
}
