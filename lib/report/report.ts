/**
 * What a run that sends or receives reports, to whomever: lib/report/text.ts has the words for people, json.ts the
 * lines for programs. When something is printed is up to the command.
 */

import type { Drops } from "../loop-group.js";
import type { Judgement } from "../pkt-gen/expectations.js";
import type { FunctionName } from "../pkt-gen/functions.js";
import type { DumpEntry, Stream } from "../traffic.js";
import type { Distributions } from "./distributions.js";
import type { Measured } from "./measured.js";
import type { Mismatch, NumbersFound } from "./numbers.js";
import type { Passed } from "./passed.js";
import type { Kept } from "./rate.js";
import type { RoundTrips } from "./round-trips.js";
import type { Verdict } from "./verdict.js";

/** What a run of pkt-gen finds beside what passed: since the line before, or from its beginning. */
export interface Found {
  /** Of a receiver that measures: what became of the marked packets, and when they came. */
  readonly verify?: Verdict | undefined;
  readonly measured?: Measured | undefined;
  /** Of a sender. */
  readonly rate?: Kept | undefined;
  /** Of a pinger. */
  readonly roundTrips?: RoundTrips | undefined;
  /** Where percentiles were asked for. */
  readonly distributions?: Distributions | undefined;
}

/** What happened since the line before. */
export interface Interval extends Passed, Found {
  /** The fewest free slots in the receive rings; 0 of a sender. */
  readonly minSpace: number;
  readonly drops: Drops;
  /** Of a receiver of numbers: the last mismatches. */
  readonly mismatches?: readonly Mismatch[] | undefined;
}

/** What a run came to. */
export interface Total extends Passed, Found {
  readonly drops: Drops;
  /** Slots that the receiver had not taken when the sender ended. */
  readonly pending: number;
  readonly numbers?: NumbersFound | undefined;
  /** Of a receiver that measures: each stream of marked packets, as they came. */
  readonly streams?: readonly Stream[] | undefined;
  /** What the user expected of it, and whether it is so. */
  readonly judgements?: readonly Judgement[] | undefined;
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
  /** Something that people should know meanwhile. */
  note(text: string): void;
  packets(entries: readonly DumpEntry[]): void;
  end(total: Total): void;
}
