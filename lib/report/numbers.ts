/**
 * What a receiver finds in the numbers of slots, as netmap's rxseq tells it.
 */

import type { Numbers } from "../traffic.js";

/** What the numbers came to. */
export interface NumbersFound {
  /** Jumps to a greater number, and to a smaller one. */
  readonly gaps: number;
  readonly backward: number;
  /** Slots without room for a number. */
  readonly too_short: number;
  /** Packets with another count of slots than the one before. */
  readonly odd_packets: number;
}

/** Something that did not fit: the number that was due and the one that came, or so for the slots of a packet. */
export interface Mismatch {
  readonly of: "number" | "slots";
  readonly expected: number;
  readonly found: number;
}

/** What the loops of a run found together. */
export function numbersFound(all: readonly Numbers[]): NumbersFound {
  const sum = (count: (numbers: Numbers) => number) => all.reduce((so, one) => so + count(one), 0);
  return {
    gaps: sum(({ gaps }) => gaps),
    backward: sum(({ backward }) => backward),
    too_short: sum(({ tooShort }) => tooShort),
    odd_packets: sum(({ oddPackets }) => oddPackets),
  };
}

export function mismatchesOf(all: readonly Numbers[]): Mismatch[] {
  return all.flatMap(({ number, slots }) => [
    ...(number ? [{ of: "number", ...number } as const] : []),
    ...(slots ? [{ of: "slots", ...slots } as const] : []),
  ]);
}

/** "Sequence GAP: exp 5 found 9" */
export function mismatchWords({ of, expected, found }: Mismatch): string {
  if (of === "slots") return `Received packets with ${found} frags, expected ${expected}`;
  // Numbers go round after 2^32. What is less than half a round ahead was jumped to.
  const ahead = (found - expected) >>> 0;
  const what = ahead < 0x7fffffff ? "GAP" : "OUT OF ORDER";
  return `Sequence ${what}: exp ${expected} found ${found}`;
}

/** "2 gaps, 0 backward, ..." */
export function numbersWords({ gaps, backward, too_short, odd_packets }: NumbersFound): string {
  return `${gaps} gaps, ${backward} backward, ${too_short} too short, ${odd_packets} packets of another number of slots`;
}
