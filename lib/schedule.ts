/**
 * Schedules: when the packets of a sender are due. A schedule goes through phases, each for its time; the native core keeps
 * it, exactly and without drift (native/traffic/schedule.h).
 *
 *   startGenerator(port, { schedule: { phases: [{ kind: "steady", rate: { packets: 1e6, perNs: 1e9 } }] } })
 */

import { type PhaseKind, phaseKinds } from "./layout.js";
import { type NativeSchedule, native } from "./native.js";
import { check } from "./range.js";

/** So many packets in so many nanoseconds, at most one in each. 0 packets are none. */
export interface Rate {
  readonly packets: number;
  readonly perNs: number;
}

export interface Phase {
  readonly kind: PhaseKind;
  /** At its start; of bursts, the packets of one and the period in which it comes again. */
  readonly rate: Rate;
  /** Of a ramp, at its end. */
  readonly endRate?: Rate | undefined;
  /** By default it has no end. */
  readonly durationNs?: number | undefined;
}

export interface Schedule {
  readonly phases: readonly Phase[];
  /** Begin with the first phase again after the last. */
  readonly repeats?: boolean | undefined;
  /** What is random is the same for the same seed. */
  readonly seed?: number | undefined;
}

/** One of several that do a job together: each has every `of`-th packet of it, from number `index` on. */
export interface Share {
  readonly index: number;
  readonly of: number;
}

/** What happens to packets that cannot leave each at its own time. */
export interface Pace {
  /** Packets leave together, in one sync, when they are due within so long: 10 us by default. */
  readonly burstNs?: number | undefined;
  /** Let packets wait for all others that are due in the same `burstNs`. */
  readonly gathers?: boolean | undefined;
  /** Who is later than that gives up what is due but one packet: 10 ms by default. */
  readonly patienceNs?: number | undefined;
}

/** @throws {RangeError} for a schedule that cannot be kept */
export function nativeSchedule({ phases, repeats, seed }: Schedule): NativeSchedule {
  check("schedule.phases.length", phases.length, 1, 2 ** 20);
  check("schedule.seed", seed, 0, Number.MAX_SAFE_INTEGER);
  const kinds = Object.keys(phaseKinds);
  return {
    phases: phases.map((phase) => {
      checkRate("rate", phase.rate);
      checkRate("endRate", phase.endRate);
      check("durationNs", phase.durationNs, 1, Number.MAX_SAFE_INTEGER);
      if (phase.kind === "ramp" && !(phase.endRate && phase.durationNs)) {
        throw new RangeError("Cannot use a ramp without endRate and durationNs");
      }
      const kind = kinds.indexOf(phase.kind);
      if (kind === -1)
        throw new RangeError(`Cannot use kind "${phase.kind}": expected one of ${kinds.join(", ")}`);
      return { ...phase, kind };
    }),
    repeats,
    seed,
  };
}

/** When the first `packets` packets of a schedule are due, in nanoseconds after its start; fewer where it has fewer. */
export function scheduleTimes(schedule: Schedule, packets: number, share?: Share): Float64Array {
  check("packets", packets, 0, 2 ** 32 - 1);
  checkShare(share);
  return native().scheduleTimes({ schedule: nativeSchedule(schedule), share }, packets);
}

export function checkShare(share: Share | undefined): void {
  check("share.of", share?.of, 1, 1024);
  check("share.index", share?.index, 0, (share?.of ?? 1) - 1);
}

export function checkPace(pace: Pace | undefined): void {
  check("pace.burstNs", pace?.burstNs, 1, Number.MAX_SAFE_INTEGER);
  check("pace.patienceNs", pace?.patienceNs, 0, Number.MAX_SAFE_INTEGER);
}

function checkRate(name: string, rate: Rate | undefined): void {
  check(`${name}.perNs`, rate?.perNs, 1, Number.MAX_SAFE_INTEGER);
  check(`${name}.packets`, rate?.packets, 0, rate?.perNs ?? 0);
}
