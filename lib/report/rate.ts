/**
 * How exactly a sender kept its rate.
 */

import type { Histogram } from "../histogram.js";
import { rounded } from "./passed.js";

/** What a sender, or several together, did with time. */
export interface Kept {
  /** Packets a second; nothing where that changed, or where the port was to take as many as it can. */
  readonly askedPps: number | undefined;
  /** Whether there was a schedule to keep. */
  readonly paced: boolean;
  /** How many packets or requests left after another one, and the seconds that it took altogether. */
  readonly followed: number;
  readonly seconds: number;
  /**
   * Most packets that left one after the other because all of them were due; without a schedule, in one sync. Since the
   * start, also in the figures of a while.
   */
  readonly longestBurst: number;
  /** How often the sender was so late that it gave packets up, and how many. */
  readonly stalls: number;
  readonly forgone: number;
  /** Times from the departure of one packet of a thread to the next; nothing where they are not measured. */
  readonly gaps: Histogram | undefined;
}

/** In words. */
export function rateLines(kept: Kept): string[] {
  const { asked_pps, achieved_pps, error_ppm } = rateFigures(kept);
  const { gaps, longestBurst, stalls, forgone } = kept;
  const lines: string[] = [];
  const gone = forgone > 0 ? `, ${forgone} packets given up in ${stalls} stalls` : "";
  if (asked_pps !== null && error_ppm !== null) {
    const error = `${error_ppm.toFixed(0)} ppm${gone}`;
    lines.push(`Rate: asked ${asked_pps} pps, achieved ${achieved_pps.toFixed(1)} pps (${error}).`);
  } else if (kept.paced) {
    lines.push(`Rate: achieved ${achieved_pps.toFixed(1)} pps on average${gone}.`);
  }
  if (gaps && gaps.count > 0) {
    const { min, p50, p99, max } = gaps.percentiles();
    lines.push(
      `Gaps: min ${min} 50% ${p50} 99% ${p99} max ${max} ns; longest burst ${longestBurst} packets.`,
    );
  }
  return lines;
}

/** As the JSON lines have it. */
export function rateFigures({ askedPps, followed, seconds, longestBurst, stalls, forgone, gaps }: Kept) {
  const achieved = followed > 0 ? followed / Math.max(seconds, 1e-9) : 0;
  const asked = askedPps === undefined ? null : rounded(askedPps);
  const { p50 = 0, p99 = 0, max = 0 } = gaps?.percentiles() ?? {};
  return {
    asked_pps: asked,
    achieved_pps: rounded(achieved),
    error_ppm: askedPps === undefined || followed === 0 ? null : rounded((achieved / askedPps - 1) * 1e6),
    longest_burst: longestBurst,
    stalls,
    forgone,
    ...(gaps && { gap_ns: { p50, p99, max } }),
  };
}
