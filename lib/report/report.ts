/**
 * What a run that sends or receives reports, to whomever: lib/report/text.ts has the words for people, json.ts the
 * lines for programs. When something is printed is up to the command.
 */

import type { Histogram } from "../histogram.js";
import type { Drops } from "../loop-group.js";
import type { FunctionName } from "../pkt-gen/functions.js";
import type { DumpEntry } from "../traffic.js";
import type { Mismatch, NumbersFound } from "./numbers.js";
import type { Passed } from "./passed.js";
import type { Kept } from "./rate.js";
import type { RoundTrips } from "./round-trips.js";
import type { Verdict } from "./verdict.js";

/** What passed since the line before. */
export interface Interval extends Passed {
  /** The fewest free slots in the receive rings; 0 of a sender. */
  readonly minSpace: number;
  readonly drops: Drops;
  /** Of a pinger: how long the answers took that came. */
  readonly roundTrips?: Histogram | undefined;
  /** Of a receiver of numbers: the last mismatches. */
  readonly mismatches?: readonly Mismatch[] | undefined;
}

/** What a run came to. */
export interface Total extends Passed {
  readonly drops: Drops;
  /** Slots that the receiver had not taken when the sender ended. */
  readonly pending: number;
  readonly verify?: Verdict | undefined;
  readonly rate?: Kept | undefined;
  readonly roundTrips?: RoundTrips | undefined;
  readonly numbers?: NumbersFound | undefined;
}

/** The run that is reported. */
export interface Subject {
  readonly function: FunctionName;
  readonly port: string;
  readonly backend: string;
  readonly driver: string;
  readonly rings: number;
  readonly threads: number;
  readonly processors: number;
  /** What is sent, in the words of the command line; nothing where that is not known. */
  readonly frames: { from: string; to: string; fromMac: string; toMac: string } | undefined;
}

/** Where a command says what happens in its run. */
export interface Report {
  /** The port is open; packets move after `waitSeconds`. */
  begin(waitSeconds: number): void;
  ready(): void;
  interval(interval: Interval): void;
  packets(entries: readonly DumpEntry[]): void;
  end(total: Total): void;
}
