/**
 * Reads how much of a direction passes in a second:
 *
 *   10k   10kpps      packets
 *   100Mbps           bits of the packets, without CRC
 *   1Gbps-wire        with preamble, gap and CRC too
 */

import { framingBytes } from "../layout.js";
import { bitsPerSecond, type Model, packetsIn } from "../models.js";
import { readNumber } from "../number.js";
import type { Form } from "../pkt-gen/values.js";

export const limitForm: Form = [
  "packets a second (10k), bits a second of the packets (100Mbps) or as on a wire (1Gbps-wire)",
  "100Mbps",
];

const second_ns = 1e9;

export function readLimit(text: string): Model | undefined {
  const [, digits = "", unit = ""] = /^(.*?)(pps|bps|bps-wire)?$/.exec(text) ?? [];
  const number = readNumber(digits);
  if (number?.whole !== true || number.value < 1) return undefined;
  if (unit === "bps") return bitsPerSecond(number.value);
  if (unit === "bps-wire") return bitsPerSecond(number.value, framingBytes);
  return number.value <= second_ns ? packetsIn(number.value, second_ns) : undefined;
}
