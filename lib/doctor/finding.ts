/**
 * What a check finds: what is so, how bad that is, and the command that changes it.
 *
 * A check is a pure function from facts to findings. Facts are gathered once, by machine.ts and port-facts.ts, so a test can make
 * them up; what a check does not know (undefined, null) it does not complain of.
 */

import type { FunctionName } from "../pkt-gen/functions.js";

/**
 * `fault`: it does not work. `warning`: it works, with loss, or much slower than it could. `note`: worth knowing.
 */
export const levels = ["ok", "note", "warning", "fault"] as const;
export type Level = (typeof levels)[number];

export type Direction = "tx" | "rx";

/** Nothing has moved in a direction for a while, says a run that has the port open. */
export interface Standstill {
  readonly direction: Direction;
  /** The pkt-gen function that would make it move from the other side. */
  readonly partner: FunctionName;
}

export interface Finding {
  readonly level: Level;
  /** One sentence without a full stop. */
  readonly says: string;
  /** A command line that works as it stands. */
  readonly fix?: string | undefined;
  /** It keeps packets from moving in these directions. */
  readonly stops?: readonly Direction[] | undefined;
}

export interface Check<Facts> {
  /** What scripts match on; it never changes. */
  readonly name: string;
  readonly look: (facts: Facts) => readonly Finding[];
}

/** A finding with the check that found it, and what it is about: "machine", or a port's name. */
export interface Found extends Finding {
  readonly check: string;
  readonly about: string;
}

export function runChecks<Facts>(checks: readonly Check<Facts>[], facts: Facts, about: string): Found[] {
  return checks.flatMap(({ name, look }) =>
    look(facts).map((finding) => ({ ...finding, check: name, about })),
  );
}

/** What to do first: of those that stop packets in the direction the worst, and of equals the one that was found first. */
export function cause(found: readonly Found[], direction: Direction): Found | undefined {
  const stopping = found.filter(({ stops }) => stops?.includes(direction));
  return stopping.sort((a, b) => levels.indexOf(b.level) - levels.indexOf(a.level))[0];
}

export const ok = (says: string): Finding => ({ level: "ok", says });
export const note = (says: string, fix?: string): Finding => ({ level: "note", says, fix });
export const warning = (says: string, fix?: string): Finding => ({ level: "warning", says, fix });
export const fault = (says: string, fix?: string): Finding => ({ level: "fault", says, fix });
