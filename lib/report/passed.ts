/**
 * What passed in a while, and the rates that follow from it.
 */

import { framingBytes } from "../layout.js";

/** What passed in a while. `events` are the rounds that moved packets. */
export interface Passed {
  readonly packets: number;
  readonly bytes: number;
  readonly events: number;
  readonly seconds: number;
}

/** Figures as the JSON lines name them. */
export function figures(passed: Passed) {
  const { packets, bytes, seconds } = passed;
  return {
    packets,
    bytes,
    seconds,
    pps: rounded(packets / elapsed(passed)),
    bps: rounded(bitsPerSecond(passed, false)),
    bps_wire: rounded(bitsPerSecond(passed, true)),
  };
}

/** To thousandths. What comes after them is noise. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

export function bitsPerSecond(passed: Passed, framing: boolean): number {
  return ((passed.bytes + (framing ? framingBytes * passed.packets : 0)) * 8) / elapsed(passed);
}

/** A single batch takes no time between its first packet and its last. As with netmap, it is given a microsecond. */
export function elapsed({ seconds }: Passed): number {
  return Math.max(seconds, 1e-6);
}

export function perEvent({ packets, events }: Passed): string {
  return (events === 0 ? 0 : packets / events).toFixed(2);
}
