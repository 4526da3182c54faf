/**
 * Capturers: native threads that take what arrives at ports and give it to a recorder.
 */

import { namedRows } from "./counts.js";
import type { Filter } from "./filter.js";
import { type CaptureCountName, captureCountMeanings } from "./layout.js";
import { native } from "./native.js";
import { nativeOf, type Port } from "./port.js";
import type { Recorder } from "./recorder.js";
import { startedLoop, type TrafficLoop } from "./traffic.js";

export interface CapturerOptions {
  /** It has an interface for each port, in that order. */
  readonly recorder: Recorder;
  /** Which packets are captured. By default all. */
  readonly filter?: Filter | undefined;
  /** Most bytes of a packet that are kept; 0, the default: all. */
  readonly snaplen?: number | undefined;
  /** End after this many packets. 0, the default: when stopped. */
  readonly count?: number | undefined;
  /** End after this time. 0, the default: never. */
  readonly durationNs?: number | undefined;
}

/** What was counted of one port. See `captureCountMeanings` in lib/layout.ts. */
export type CaptureCounts = Readonly<Record<CaptureCountName, number>>;

/** Captures what arrives at ports, at least one. `countsOf` tells what it counted of each. */
export function startCapturer(ports: readonly Port[], options: CapturerOptions): TrafficLoop {
  const [first] = ports;
  if (!first) throw new RangeError("Cannot capture without ports");
  const { recorder, filter, ...others } = options;
  const given = { ...others, recorder: recorder.native, ...(filter && { filter: filter.native }) };
  return startedLoop(first, native().startCapturer(ports.map(nativeOf), given), ports.slice(1));
}

/** What a capturer counted of each port so far. */
export function countsOf(capturer: TrafficLoop): CaptureCounts[] {
  return namedRows(captureCountMeanings, capturer.counts());
}
