/**
 * Balancers: native threads that spread the packets of one port over pipes, by flow.
 *
 *   const balancer = startBalancer(input, [[first, second], [third]], { hash: "flow" });
 *   balancer.counts().outputs[0].packets;   // any time
 *   await balancer.ended;
 *
 * Every group gets all packets, one after the other. See native/traffic/balancer.h.
 */

import { named, namedRows } from "./counts.js";
import {
  type BalancerCountName,
  balancerCountMeanings,
  type FlowHash,
  flowHashes,
  type OutputCountName,
  outputCountMeanings,
} from "./layout.js";
import { native } from "./native.js";
import { nativeOf, type Port } from "./port.js";
import { startedLoop, type TrafficLoop } from "./traffic.js";

export interface BalancerOptions {
  /** What makes a flow. By default addresses and ports of the innermost IP packet. */
  readonly hash?: FlowHash | undefined;
  /** At most this many slots of a ring in one round: 2048 by default. */
  readonly batch?: number | undefined;
  /** Never sleep. */
  readonly busy?: boolean | undefined;
  /** End after this time. 0, the default: when stopped. */
  readonly durationNs?: number | undefined;
  /** The processor that the thread stays on. By default any. */
  readonly cpu?: number | undefined;
}

/** What a balancer counted: see `balancerCountMeanings` in lib/layout.ts, and `outputCountMeanings` for each output. */
export interface BalancerCounts {
  readonly own: Readonly<Record<BalancerCountName, number>>;
  readonly outputs: readonly Readonly<Record<OutputCountName, number>>[];
}

export class Balancer {
  readonly #loop: TrafficLoop;
  /** Rejects with the device's NmError when a port stopped working. */
  readonly ended: Promise<void>;

  /** Use `startBalancer`. */
  constructor(loop: TrafficLoop) {
    this.#loop = loop;
    this.ended = loop.ended.then(() => {});
  }

  counts(): BalancerCounts {
    const values = this.#loop.counts();
    const ownCounts = Object.keys(balancerCountMeanings).length;
    return {
      own: named(balancerCountMeanings, values),
      outputs: namedRows(outputCountMeanings, values, ownCounts),
    };
  }

  /** When the first packet came and when the last, in nanoseconds of process.hrtime; 0 before there is one. */
  passed(): { readonly firstNs: number; readonly lastNs: number } {
    const { first_ns, last_ns } = this.#loop.progress();
    return { firstNs: first_ns, lastNs: last_ns };
  }

  stop(): void {
    this.#loop.stop();
  }
}

/**
 * Spreads what arrives at `input` over the ports of each group, in one thread. All ports share memory. The input's extra
 * buffers hold packets for which an output has no room.
 */
export function startBalancer(
  input: Port,
  groups: readonly (readonly Port[])[],
  { hash = "flow", ...options }: BalancerOptions = {},
): Balancer {
  const loop = native().startBalancer([input, ...groups.flat()].map(nativeOf), {
    ...options,
    hash: Object.keys(flowHashes).indexOf(hash),
    groups: groups.map(({ length }) => length),
  });
  return new Balancer(startedLoop(input, loop, groups.flat()));
}
