/**
 * How exactly a sender kept its rate.
 */

import { elapsed, type Passed, rounded } from "./passed.js";

/** How a sender kept the rate that it was asked for. */
export interface Kept {
  readonly askedPps: number;
  /** How often it was so late that its schedule was moved, and the packets that were given up by that. */
  readonly stalls: number;
  readonly forgone: number;
}

/** In words. */
export function rateLine(total: Passed, rate: Kept): string {
  const { asked_pps, achieved_pps, error_ppm, forgone } = rateFigures(total, rate);
  const gone = forgone > 0 ? `, ${forgone} packets given up in ${rate.stalls} stalls` : "";
  return `Rate: asked ${asked_pps} pps, achieved ${achieved_pps.toFixed(1)} pps (${error_ppm.toFixed(0)} ppm${gone}).`;
}

/** Packet and gap alternate, so that n packets have n - 1 gaps between the first and the last. */
export function rateFigures(passed: Passed, { askedPps, stalls, forgone }: Kept) {
  const achieved = (passed.packets - 1) / elapsed(passed);
  return {
    asked_pps: askedPps,
    achieved_pps: rounded(Math.max(0, achieved)),
    error_ppm: passed.packets > 1 ? rounded((achieved / askedPps - 1) * 1e6) : 0,
    stalls,
    forgone,
  };
}
