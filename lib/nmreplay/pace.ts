/**
 * When packets are due: the capture's gaps, or one of the options that replace them. All of them are bandwidth models.
 */

import { longName } from "../command.js";
import { readDuration } from "../duration.js";
import {
  bitsPerSecond,
  type Fraction,
  infinite,
  type Model,
  packetsIn,
  readBandwidth,
  readFraction,
  recorded,
} from "../models.js";
import { conflict, type Form, readValue } from "../pkt-gen/values.js";
import type { ReplayArguments } from "./options.js";

export const timeForm: Form = ["a time with its unit: us, ms, s, m", "10s"];
const gapForm: Form = ["a time with its unit: ns, us, ms, s", "100us"];
const speedForm: Form = ["how many times as fast, more than 0", "10x"];

const second_ns = 1e9;

type Pacing = Pick<ReplayArguments, "speed" | "pps" | "mbps" | "gap" | "topSpeed" | "bandwidth">;

/** @throws {NmError} OPTION_CONFLICT where two are given */
export function readPace(args: Pacing): Model {
  const { speed, pps, mbps, gap, bandwidth } = args;
  checkOne(args);
  if (args.topSpeed) return infinite;
  if (pps !== undefined) return packetsIn(pps, second_ns);
  if (mbps !== undefined) return bitsPerSecond(Math.max(1, Math.round(mbps * 1e6)));
  if (gap !== undefined) return packetsIn(1, readValue("gap", gap, readDuration, gapForm));
  if (bandwidth !== undefined) return readBandwidth("-B", bandwidth, "capture");
  return recorded(
    speed === undefined ? { numerator: 1, denominator: 1 } : readValue("speed", speed, readSpeed, speedForm),
  );
}

function checkOne(args: Pacing): void {
  const names = ["speed", "pps", "mbps", "gap", "topSpeed", "bandwidth"] as const;
  const [first, second] = names
    .filter((name) => args[name] !== undefined && args[name] !== false)
    .map(longName);
  if (first && second) throw conflict(first, second, "each of them says when packets leave");
}

function readSpeed(text: string): Fraction | undefined {
  const speed = readFraction(text.replace(/x$/i, ""));
  return speed && speed.numerator > 0 ? speed : undefined;
}
