/**
 * Reads how fast packets are to leave, as people write it:
 *
 *   10M   14.88Mpps       packets a second
 *   1.5Gbps               bits a second of the packets themselves, without CRC
 *   1.5Gbps-wire          with preamble, gap and CRC too, as a wire carries them
 *   50%                   of what the line carries, which counts as on the wire
 *   10us                  one packet after every 10 us
 */

import { framingBytes } from "./layout.js";
import { readNumber } from "./number.js";
import type { Rate } from "./schedule.js";

/** What a rate in other units than packets means. */
export interface Yardstick {
  /** Bytes of a packet without CRC, on average. */
  readonly bytes: number;
  /** Bits a second that the line carries; nothing where that is not known. */
  readonly line: number | undefined;
}

export const rateForms =
  "packets a second (10M), bits a second of the packets (1.5Gbps) or as on a wire (1.5Gbps-wire), a share of the line " +
  "rate (50%), or the time from one packet to the next (10us)";

/** A packet in a nanosecond. */
export const mostPps = 1e9;

/**
 * Nothing where the text is no rate, or one above `mostPps`; "no line rate" where it is a share of a line rate that is not
 * known. Rates are exact: 14.88M is 14,880,000 packets in a second, not the nearest fraction.
 */
export function readRate(text: string, { bytes, line }: Yardstick): Rate | "no line rate" | undefined {
  const [, digits = "", unit = ""] = /^(.*?)(pps|bps|bps-wire|%|ns|us|ms|s)?$/.exec(text) ?? [];
  const number = readNumber(digits)?.value;
  if (number === undefined || number < 0) return undefined;
  switch (unit) {
    case "":
    case "pps":
      return possible(decimal(number, second_ns));
    case "bps":
      return possible(bits(number, bytes));
    case "bps-wire":
      return possible(bits(number, bytes + framingBytes));
    case "%":
      if (line === undefined) return "no line rate";
      return possible(bits((number / 100) * line, bytes + framingBytes));
    default:
      return /[kmgt]/i.test(digits) ? undefined : possible(gap(number * (units_ns[unit] ?? 0)));
  }
}

const second_ns = 1e9;
const units_ns: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: second_ns };

/** In packets a second. */
export function ppsOf({ packets, perNs }: Rate): number {
  return (packets / perNs) * second_ns;
}

function possible(rate: Rate): Rate | undefined {
  return Number.isSafeInteger(rate.perNs) && rate.perNs > 0 && rate.packets <= rate.perNs ? rate : undefined;
}

/** Six decimals are as many as anybody writes. */
const decimals = 1e6;

function decimal(packets: number, perNs: number): Rate {
  if (Number.isInteger(packets)) return reduced(packets, perNs);
  return reduced(Math.round(packets * decimals), perNs * decimals);
}

function bits(bitsPerSecond: number, bytes: number): Rate {
  return reduced(Math.round(bitsPerSecond), Math.round(bytes * 8 * second_ns));
}

function gap(ns: number): Rate {
  return Number.isInteger(ns) ? { packets: 1, perNs: ns } : reduced(decimals, Math.round(ns * decimals));
}

function reduced(packets: number, perNs: number): Rate {
  if (packets === 0) return { packets: 0, perNs: second_ns };
  let [a, b] = [packets, perNs];
  while (b > 0) [a, b] = [b, a % b];
  return { packets: packets / a, perNs: perNs / a };
}
