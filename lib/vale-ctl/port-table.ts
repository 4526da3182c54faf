/** Reads ports as the native core lists them, in rows of numbers and texts. */

import { named } from "../counts.js";
import { type CounterName, counterMeanings, listedPort, type OpenPortKind } from "../layout.js";
import type { NativePortTable } from "../native.js";
import { kindOf } from "../open-ports.js";
import { type Policy, policyFrom } from "./policy.js";

/** An interface is on a switch by two ports where its host stack is, too. */
export type SwitchPortKind = OpenPortKind | "interface" | "host";

export type Counted = Readonly<Record<CounterName, number>>;

export interface SwitchPort {
  /** With the switch's: "vale0:a"; of a port on no switch, its own. */
  readonly fullName: string;
  /** Without the switch's. */
  readonly name: string;
  readonly kind: SwitchPortKind;
  readonly place: number;
  readonly memId: number;
  readonly txRings: number;
  readonly rxRings: number;
  readonly txSlots: number;
  readonly rxSlots: number;
  readonly headerLength: number;
  /** How many are known behind it. */
  readonly stations: number;
  /** The other switch that it is on. */
  readonly leadsTo: string | undefined;
  /** It came to this switch after it was on that one, and must leave it first. */
  readonly isSecond: boolean;
  /** That has the interface, of ports by which one is on the switch. */
  readonly driver: string | undefined;
  /** Of the processes that have it open, one for each descriptor. */
  readonly pids: readonly number[];
  /** Sums over its rings. */
  readonly sent: Counted;
  readonly received: Counted;
  readonly policy: Policy;
}

const columns = Object.keys(listedPort) as (keyof typeof listedPort)[];
const column = Object.fromEntries(columns.map((name, i) => [name, i])) as Record<
  keyof typeof listedPort,
  number
>;
const counters = Object.keys(counterMeanings).length;
const sentAt = columns.length;
const pidsAt = sentAt + 2 * counters;
const width = pidsAt + 1;
const textsOfEach = 4;
const nobody: readonly number[] = [];

/** The ports of a switch, or of none where its name is empty. There can be thousands: each field is read where it is. */
export function readPorts(vale: string, { numbers, texts, pids }: NativePortTable): SwitchPort[] {
  const ports: SwitchPort[] = [];
  let pidsRead = 0;
  for (let row = 0; row < numbers.length / width; row++) {
    const at = row * width;
    const number = (name: keyof typeof listedPort): number => numbers[at + column[name]] ?? 0;
    const text = (which: number): string => texts[row * textsOfEach + which] ?? "";
    const name = text(0);
    const pidCount = numbers[at + pidsAt] ?? 0;
    ports.push({
      fullName: vale === "" ? name : `${vale}:${name}`,
      name,
      kind: number("isInterface") === 0 ? kindOf(number("kind")) : name.endsWith("^") ? "host" : "interface",
      place: number("place"),
      memId: number("memId"),
      txRings: number("txRings"),
      rxRings: number("rxRings"),
      txSlots: number("txSlots"),
      rxSlots: number("rxSlots"),
      headerLength: number("headerLength"),
      stations: number("stations"),
      leadsTo: text(1) || undefined,
      isSecond: number("isSecond") !== 0,
      driver: text(2) || undefined,
      pids: pidCount === 0 ? nobody : Array.from(pids.subarray(pidsRead, pidsRead + pidCount)),
      sent: named(counterMeanings, numbers, at + sentAt),
      received: named(counterMeanings, numbers, at + sentAt + counters),
      policy: policyFrom({
        waits: number("waits") !== 0,
        rate: number("rate"),
        rateIsBits: number("rateIsBits") !== 0,
        macLimit: number("macLimit"),
        group: number("group"),
        mirror: text(3),
      }),
    });
    pidsRead += pidCount;
  }
  return ports;
}
