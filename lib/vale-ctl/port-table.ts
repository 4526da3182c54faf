/** Reads ports as the native core lists them, in rows of numbers and texts. */

import { named } from "../counts.js";
import { type CounterName, counterMeanings, dropCounters, listedPort, type OpenPortKind } from "../layout.js";
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
  /** A packet of its, or for it. */
  readonly hasLost: boolean;
  readonly sentPackets: number;
  readonly receivedPackets: number;
  /** Sums over its rings. */
  readonly sent: Counted;
  readonly received: Counted;
  /** It has a policy that is not netmap's. */
  readonly isTold: boolean;
  readonly policy: Policy;
}

const columns = Object.keys(listedPort) as (keyof typeof listedPort)[];
const column = Object.fromEntries(columns.map((name, i) => [name, i])) as Record<
  keyof typeof listedPort,
  number
>;
const counters = Object.keys(counterMeanings) as CounterName[];
const sentAt = columns.length;
const receivedAt = sentAt + counters.length;
const pidsAt = receivedAt + counters.length;
const width = pidsAt + 1;
const packetsAt = counters.indexOf("packets");
const dropsAt = Object.values(dropCounters).map((name) => counters.indexOf(name));
const toldAt = [column.waits, column.rate, column.macLimit, column.group];
const textsOfEach = 4;
const nobody: readonly number[] = [];

/** The ports of a switch, or of none where its name is empty. */
export function readPorts(vale: string, { numbers, texts, pids }: NativePortTable): SwitchPort[] {
  const prefix = vale === "" ? "" : `${vale}:`;
  const words = texts.split("\0");
  const ports: SwitchPort[] = [];
  let pidsRead = 0;
  for (let row = 0; row < numbers.length / width; row++) {
    const pidCount = numbers[row * width + pidsAt] ?? 0;
    const its = pidCount === 0 ? nobody : Array.from(pids.subarray(pidsRead, pidsRead + pidCount));
    pidsRead += pidCount;
    ports.push(new PortRow(prefix, numbers, row * width, words, row * textsOfEach, its));
  }
  return ports;
}

/** There can be thousands of ports: what is never asked for is never made. */
class PortRow implements SwitchPort {
  readonly #prefix: string;
  readonly #numbers: Float64Array;
  readonly #at: number;
  readonly #words: readonly string[];
  readonly #wordsAt: number;
  readonly name: string;

  constructor(
    prefix: string,
    numbers: Float64Array,
    at: number,
    words: readonly string[],
    wordsAt: number,
    readonly pids: readonly number[],
  ) {
    this.#prefix = prefix;
    this.#numbers = numbers;
    this.#at = at;
    this.#words = words;
    this.#wordsAt = wordsAt;
    this.name = this.#text(0);
  }

  get fullName() {
    return this.#prefix + this.name;
  }
  get kind() {
    if (this.#number(column.isInterface) === 0) return kindOf(this.#number(column.kind));
    return this.name.endsWith("^") ? "host" : "interface";
  }
  get place() {
    return this.#number(column.place);
  }
  get memId() {
    return this.#number(column.memId);
  }
  get txRings() {
    return this.#number(column.txRings);
  }
  get rxRings() {
    return this.#number(column.rxRings);
  }
  get txSlots() {
    return this.#number(column.txSlots);
  }
  get rxSlots() {
    return this.#number(column.rxSlots);
  }
  get headerLength() {
    return this.#number(column.headerLength);
  }
  get stations() {
    return this.#number(column.stations);
  }
  get leadsTo() {
    return this.#text(1) || undefined;
  }
  get isSecond() {
    return this.#number(column.isSecond) !== 0;
  }
  get driver() {
    return this.#text(2) || undefined;
  }
  get hasLost() {
    return dropsAt.some((drops) => this.#number(sentAt + drops) + this.#number(receivedAt + drops) > 0);
  }
  get sentPackets() {
    return this.#number(sentAt + packetsAt);
  }
  get receivedPackets() {
    return this.#number(receivedAt + packetsAt);
  }
  get sent() {
    return named(counterMeanings, this.#numbers, this.#at + sentAt);
  }
  get received() {
    return named(counterMeanings, this.#numbers, this.#at + receivedAt);
  }
  get isTold() {
    return toldAt.some((column) => this.#number(column) !== 0) || this.#text(3) !== "";
  }
  get policy() {
    return policyFrom({
      waits: this.#number(column.waits) !== 0,
      rate: this.#number(column.rate),
      rateIsBits: this.#number(column.rateIsBits) !== 0,
      macLimit: this.#number(column.macLimit),
      group: this.#number(column.group),
      mirror: this.#text(3),
    });
  }

  #number(at: number): number {
    return this.#numbers[this.#at + at] ?? 0;
  }
  #text(which: number): string {
    return this.#words[this.#wordsAt + which] ?? "";
  }
}
