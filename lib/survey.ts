/**
 * A survey of a capture: what is in it, found in one pass at the speed of the file.
 *
 *   const survey = await surveyCapture(openCapture("trace.pcapng"));
 *   survey.counts.packets;
 */

import { closeSync } from "node:fs";
import { captureFault } from "./capture.js";
import type { CaptureSource } from "./capture-source.js";
import { named } from "./counts.js";
import type { NmError } from "./errors.js";
import { Histogram } from "./histogram.js";
import { type Protocol, protocols, type SurveyCount, surveyCounts } from "./layout.js";
import { type NativeCaptureInterface, type NativeTally, native } from "./native.js";

export interface Survey {
  /** See `surveyCounts` in lib/layout.ts. */
  readonly counts: Readonly<Record<SurveyCount, number>>;
  /** What ended it before the end of the file. */
  readonly fault: NmError | undefined;
  /** Since 1970: of the first packet, the earliest and the latest of all. */
  readonly firstNs: bigint;
  readonly earliestNs: bigint;
  readonly latestNs: bigint;
  readonly interfaces: readonly NativeCaptureInterface[];
  /** By the classes that `sizeLimits` in lib/layout.ts ends. */
  readonly sizes: readonly NativeTally[];
  readonly protocols: Readonly<Record<Protocol, NativeTally>>;
  /** The first few. */
  readonly comments: readonly string[];
  /** Times between packets. */
  readonly gaps: Histogram;
  /** What came in each time of `binNs`, from the first packet on. */
  readonly binNs: number;
  readonly binPackets: Float64Array;
  readonly binBytes: Float64Array;
}

export interface SurveyOptions {
  /** Gather all, or counts and times only, which is faster. */
  readonly all?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Hears some times a second how many bytes of the file were read. */
  readonly progress?: ((bytes: number) => void) | undefined;
}

const progressPeriod_ms = 100;

/** Reads a capture to its end, or until the signal fires. A file is read from its beginning, whatever its position. */
export async function surveyCapture(source: CaptureSource, options: SurveyOptions = {}): Promise<Survey> {
  const { all = true, signal, progress } = options;
  const anew = source.bytes === undefined ? undefined : source.reopen();
  const running = native().surveyCapture(anew ?? source.descriptor, all);
  if (typeof running === "number") throw new Error("the survey could not be started");
  const stop = () => running.stop();
  signal?.addEventListener("abort", stop);
  const timer = progress && setInterval(() => progress(running.offset()), progressPeriod_ms);
  try {
    const found = await running.ended;
    const { counts, protocols: tallies, gaps, fault, offset, found: foundThere, ...others } = found;
    return {
      ...others,
      counts: named(surveyCounts, counts),
      protocols: named(protocols, tallies),
      gaps: new Histogram(gaps),
      fault: source.failure() ?? captureFault(source.path, fault, offset, foundThere),
    };
  } finally {
    clearInterval(timer);
    signal?.removeEventListener("abort", stop);
    if (anew !== undefined) closeSync(anew);
  }
}
