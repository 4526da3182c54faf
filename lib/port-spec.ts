/**
 * A port spec is what the user types to name a port: "vale1:10", "netmap:pipe0<1", "ens4-0/x@2".
 *
 *     netmap:eth0   {1     -3      /xR     @2         @conf:slots=512
 *     name          pipe   rings   flags   memory id  options
 *
 * This file turns the text into a PortSpec and back, and a PortSpec into the fields of netmap's REGISTER
 * request, with port-name.ts and port-options.ts for those two parts. It is the only parser of port names.
 * Opening the port is the work of port.ts, so all names on a command line are read before one is opened.
 * The grammar with examples is docs/port-names.md; where it differs from netmap's, docs/netmap-differences.md.
 */

import { existsSync } from "node:fs";
import {
  NR_EXCLUSIVE,
  NR_MONITOR_RX,
  NR_MONITOR_TX,
  NR_REG_ALL_NIC,
  NR_REG_NIC_SW,
  NR_REG_NULL,
  NR_REG_ONE_NIC,
  NR_REG_ONE_SW,
  NR_REG_SW,
  NR_RX_RINGS_ONLY,
  NR_TX_RINGS_ONLY,
  NR_ZCOPY_MON,
} from "./abi.js";
import { Cursor, quoteAdvice, refuseControlCharacters } from "./port-cursor.js";
import {
  existingInterface,
  formatName,
  formatTapName,
  isTapName,
  isVale,
  type PipeEnd,
  readName,
  readTapName,
  tapPrefix,
} from "./port-name.js";
import { formatOptions, type PortOptions, readOptions } from "./port-options.js";

export type { PipeEnd } from "./port-name.js";
export type { PortOptions } from "./port-options.js";

/** Each flag with its letter after "/" and its bit in a request, in the order they are printed. */
const flagTable = {
  exclusive: { letter: "x", bit: NR_EXCLUSIVE },
  zcopy_mon: { letter: "z", bit: NR_ZCOPY_MON },
  monitor_tx: { letter: "t", bit: NR_MONITOR_TX },
  monitor_rx: { letter: "r", bit: NR_MONITOR_RX },
  rx_rings_only: { letter: "R", bit: NR_RX_RINGS_ONLY },
  tx_rings_only: { letter: "T", bit: NR_TX_RINGS_ONLY },
} as const;

const modeNumbers = {
  all_nic: NR_REG_ALL_NIC,
  sw: NR_REG_SW,
  nic_sw: NR_REG_NIC_SW,
  one_nic: NR_REG_ONE_NIC,
  one_sw: NR_REG_ONE_SW,
  null: NR_REG_NULL,
} as const;

export const portKinds = ["nic", "host", "vale", "pipe", "monitor", "null", "tap"] as const;
export const portFlags = Object.keys(flagTable) as PortFlag[];
export const portModes = Object.keys(modeNumbers) as PortMode[];

export type PortKind = (typeof portKinds)[number];
/** Which rings to open: hardware (`nic`) or host stack (`sw`), all of them or one. */
export type PortMode = keyof typeof modeNumbers;
export type PortFlag = keyof typeof flagTable;

export interface PortSpec {
  readonly kind: PortKind;
  /** What netmap is asked for: "eth0", "vale1:10", "pipe0{1". A monitor has the name of what it watches. */
  readonly name: string;
  readonly pipe: PipeEnd | null;
  readonly mode: PortMode;
  /** The ring of mode one_nic or one_sw, else null. */
  readonly ring: number | null;
  /** In the order of `portFlags`. */
  readonly flags: readonly PortFlag[];
  /** The memory region to use; 0 leaves the choice to netmap. */
  readonly memId: number;
  readonly options: PortOptions;
}

/** The fields of nmreq_register, and of the header above it, that a port spec decides. */
export interface PortRequest {
  readonly name: string;
  readonly mode: number;
  readonly ringid: number;
  readonly flags: number;
  readonly memId: number;
  readonly txSlots: number;
  readonly rxSlots: number;
  readonly txRings: number;
  readonly rxRings: number;
  readonly hostTxRings: number;
  readonly hostRxRings: number;
}

export interface ReadOptions {
  /**
   * Tells whether the machine has a network interface of this name. It decides how to read "Te1-0", and is
   * asked only about names that hold a separator.
   */
  readonly interfaceExists?: (name: string) => boolean;
}

const largestRing = 4094;
const largestMemId = 0xffff;

/**
 * Reads a port spec, for example `vale1:10`, `netmap:eth0-3/x@2`, `pipe0}1` or `eth0@conf:slots=512`.
 *
 * @throws {NmError} PORT_SYNTAX, which says where the text is wrong, what was expected and what would do
 */
export function parsePort(text: string, { interfaceExists = isInterface }: ReadOptions = {}): PortSpec {
  const cursor = new Cursor(text, interfaceExists);
  refuseControlCharacters(cursor);

  if (cursor.skip(tapPrefix) || cursor.skip(`netmap:${tapPrefix}`)) {
    const { name, quoted } = readTapName(cursor);
    return readTap(cursor, name, quoted);
  }
  const { name, pipe, device } = readName(cursor);
  if (device === "tap") return readTap(cursor, name, true);

  const isNull = device === "null";
  const { mode, ring } = isNull ? refuseRings(cursor) : readRings(cursor);
  const { flags, memId } = readFlagsAndMemory(cursor, isNull);
  const kind = isNull ? "null" : kindOf(name, pipe, mode, flags);
  const options = readOptions(cursor, kind === "nic" || kind === "host");

  // netmap opens a null port only in a region that the request names. Region 1 always exists.
  const needsMemory = isNull && memId === 0 && !options.share && !options.extmem;
  return { kind, name, pipe, mode, ring, flags, memId: needsMemory ? 1 : memId, options };
}

/** Prints a spec in its one canonical form, which needs no shell quoting unless a name does. */
export function formatPort(spec: PortSpec, { interfaceExists = isInterface }: ReadOptions = {}): string {
  const rest =
    formatRings(spec) + formatFlags(spec.flags) + formatMemId(spec.memId) + formatOptions(spec.options);
  if (isTap(spec)) return formatTapName(tapDevice(spec), rest) + rest;
  if (spec.kind === "null") return `null${rest}`;

  const taken = (last: string) => existingInterface(last + rest, interfaceExists) !== null;
  return formatName(spec.name, spec.pipe, taken) + rest;
}

/**
 * What to put into a REGISTER request for this port. The options `share`, `extmem`, `offset` and `driver` are
 * no fields of it; whoever sends the request adds them. netmap has no ports of tap devices: `tap:blue` is a name that
 * only the embedded engine knows.
 */
export function portRequest(spec: PortSpec): PortRequest {
  const { conf = {} } = spec.options;
  return {
    name: spec.kind === "tap" ? tapPrefix + spec.name : spec.name,
    mode: modeNumbers[spec.mode],
    ringid: spec.ring ?? 0,
    flags: spec.flags.reduce((bits, flag) => bits | flagTable[flag].bit, 0),
    memId: spec.memId,
    txSlots: conf.tx_slots ?? 0,
    rxSlots: conf.rx_slots ?? 0,
    txRings: conf.tx_rings ?? 0,
    rxRings: conf.rx_rings ?? 0,
    hostTxRings: conf.host_tx_rings ?? 0,
    hostRxRings: conf.host_rx_rings ?? 0,
  };
}

function isInterface(name: string): boolean {
  return existsSync(`/sys/class/net/${name}`);
}

/** What follows the name of a tap device. `mayHaveRing` is not so where a "-" would have been read as part of the name. */
function readTap(cursor: Cursor, device: string, mayHaveRing: boolean): PortSpec {
  const { mode, ring } = mayHaveRing ? readTapRing(cursor) : allRings;
  const { flags, memId } = readFlagsAndMemory(cursor, false);
  const options = readOptions(cursor, false);
  const watches = flags.some(isMonitorFlag);
  const name = watches ? tapPrefix + device : device;
  return { kind: watches ? "monitor" : "tap", name, pipe: null, mode, ring, flags, memId, options };
}

function readTapRing(cursor: Cursor): Rings {
  if (/^[*^]/.test(cursor.next)) {
    const expected = "no host rings: the host is on the other side of a tap device";
    cursor.fail({ expected, form: cursor.before() });
  }
  return readRings(cursor);
}

function isTap({ kind, name }: PortSpec): boolean {
  return kind === "tap" || (kind === "monitor" && isTapName(name));
}

/** The tap device that a port is of, or a monitor watches. */
function tapDevice({ kind, name }: PortSpec): string {
  return kind === "tap" ? name : name.slice(tapPrefix.length);
}

/** The name that opens the other end of a pipe. */
export function otherEnd({ parent, id, side }: PipeEnd): string {
  const other =
    side === "master" ? ({ side: "slave", brace: "}" } as const) : ({ side: "master", brace: "{" } as const);
  return formatPort({
    kind: "pipe",
    name: parent + other.brace + id,
    pipe: { parent, id, side: other.side },
    mode: "all_nic",
    ring: null,
    flags: [],
    memId: 0,
    options: {},
  });
}

/** In the order in which netmap looks a name up. */
function kindOf(name: string, pipe: PipeEnd | null, mode: PortMode, flags: readonly PortFlag[]): PortKind {
  if (flags.some(isMonitorFlag)) return "monitor";
  if (pipe) return "pipe";
  if (isVale(name)) return "vale";
  return mode === "sw" || mode === "one_sw" ? "host" : "nic";
}

interface Rings {
  readonly mode: PortMode;
  readonly ring: number | null;
}

const allRings: Rings = { mode: "all_nic", ring: null };

function readRings(cursor: Cursor): Rings {
  const start = cursor.at;
  if (cursor.skip("*")) return { mode: "nic_sw", ring: null };
  if (cursor.skip("^")) {
    if (!/^\d/.test(cursor.next)) return { mode: "sw", ring: null };
    return { mode: "one_sw", ring: readRing(cursor) };
  }
  if (!cursor.skip("-")) return allRings;
  if (/^\d?$/.test(cursor.next)) return { mode: "one_nic", ring: readRing(cursor) };

  const expected = `a ring number (0 to ${largestRing})`;
  cursor.fail({ expected, form: `${cursor.before(start)}-0`, or: quoteAdvice(cursor) });
}

function refuseRings(cursor: Cursor): Rings {
  if (/^[-*^]/.test(cursor.next)) {
    const expected = '"/", "@" or the end, because a null port has no rings to choose from';
    cursor.fail({ expected, form: "null@1" });
  }
  return { mode: "null", ring: null };
}

function readRing(cursor: Cursor): number {
  return readNumber(cursor, "a ring number", 0, largestRing);
}

/** Reads decimal digits. What is out of range is refused, where netmap would cut off its upper bits. */
function readNumber(cursor: Cursor, what: string, min: number, max: number): number {
  const at = cursor.at;
  const found = cursor.take(/\d+/y);
  const number = Number(found);
  if (found === "" || number < min || number > max) {
    const form = cursor.before(at) + (number > max ? max : min);
    cursor.fail({ at, found: found || undefined, expected: `${what} (${min} to ${max})`, form });
  }
  return number;
}

function readFlagsAndMemory(cursor: Cursor, isNull: boolean): { flags: PortFlag[]; memId: number } {
  const given = new Set<PortFlag>();
  let memId = 0;
  for (;;) {
    if (cursor.skip("/")) readFlags(cursor, isNull, given);
    else if (/^@\d/.test(cursor.text.slice(cursor.at, cursor.at + 2))) memId = readMemId(cursor, memId);
    else break;
  }
  if (!/^@?$/.test(cursor.next)) {
    cursor.fail({
      expected: '"/" and flags, "@" or the end',
      form: cursor.before(),
      or: quoteAdvice(cursor),
    });
  }
  return { flags: portFlags.filter((flag) => given.has(flag)), memId };
}

/** Adds the flags of one group, which runs to the next "@" or the end. */
function readFlags(cursor: Cursor, isNull: boolean, given: Set<PortFlag>): void {
  const allowed = isNull ? portFlags.filter((flag) => !isMonitorFlag(flag)) : portFlags;
  const start = cursor.at;
  while (cursor.at === start || !/^@?$/.test(cursor.next)) {
    const flag = allowed.find((name) => flagTable[name].letter === cursor.next);
    if (flag === undefined) {
      const expected = `a flag (${allowed.map((name) => flagTable[name].letter).join(", ")})`;
      cursor.fail({ expected, form: cursor.before() + (cursor.at === start ? "x" : "") });
    }
    given.add(flag);
    cursor.at++;
  }
}

function readMemId(cursor: Cursor, already: number): number {
  const before = cursor.before();
  const at = cursor.at + 1;
  const found = cursor.take(/@\d+/y).slice(1);
  if (already !== 0 && Number(found) !== already) {
    cursor.fail({ at, found, expected: `no second memory id after ${already}`, form: before });
  }
  cursor.at = at;
  return readNumber(cursor, "a memory id", 1, largestMemId);
}

function isMonitorFlag(flag: PortFlag): boolean {
  return flag === "monitor_tx" || flag === "monitor_rx" || flag === "zcopy_mon";
}

function formatRings({ mode, ring }: PortSpec): string {
  return { all_nic: "", sw: "^", nic_sw: "*", one_nic: `-${ring}`, one_sw: `^${ring}`, null: "" }[mode];
}

function formatFlags(flags: readonly PortFlag[]): string {
  return flags.length ? `/${flags.map((flag) => flagTable[flag].letter).join("")}` : "";
}

function formatMemId(memId: number): string {
  return memId ? `@${memId}` : "";
}
