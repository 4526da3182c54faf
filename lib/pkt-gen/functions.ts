/**
 * What pkt-gen can do, its -f: the functions, and what tells them apart. loops.ts starts them.
 */

import type { HistogramName } from "../layout.js";
import type { RingKind } from "../ring.js";

interface Traits {
  /** The rings that a port must have. */
  readonly rings: readonly RingKind[];
  /** It makes packets, so that options about them mean something. */
  readonly makes: boolean;
  /** What runs on the other side. */
  readonly partner: string;
  /** Words that begin its lines. */
  readonly begins: string;
  readonly ended: string;
}

const table = {
  tx: {
    rings: ["tx"],
    makes: true,
    partner: "rx",
    begins: "Sending on",
    ended: "Sent",
  },
  rx: {
    rings: ["rx"],
    makes: false,
    partner: "tx",
    begins: "Receiving from",
    ended: "Received",
  },
  ping: {
    rings: ["tx", "rx"],
    makes: true,
    partner: "pong",
    begins: "Working on",
    ended: "Answered",
  },
  pong: {
    rings: ["tx", "rx"],
    makes: false,
    partner: "ping",
    begins: "Working on",
    ended: "Returned",
  },
  txseq: {
    rings: ["tx"],
    makes: true,
    partner: "rxseq",
    begins: "Sending on",
    ended: "Sent",
  },
  rxseq: {
    rings: ["rx"],
    makes: false,
    partner: "txseq",
    begins: "Receiving from",
    ended: "Received",
  },
} as const satisfies Record<string, Traits>;

export type FunctionName = keyof typeof table;

export const functionNames = Object.keys(table) as FunctionName[];

export function traitsOf(name: FunctionName): Traits & { readonly partner: FunctionName } {
  return table[name];
}

/**
 * The distributions that it measures, by the names that options use: the one that it is about first.
 */
export function distributionsOf(name: FunctionName): Readonly<Record<string, HistogramName>> {
  switch (name) {
    case "tx":
    case "txseq":
      return { gap: "gap_ns" };
    case "rx":
      return { latency: "latency_ns", interarrival: "interarrival_ns", depth: "reorder_depth" };
    case "ping":
      return { rtt: "rtt_ns" };
    default:
      return {};
  }
}
