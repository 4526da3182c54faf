/**
 * A port spec is what the user types to name a port: "vale1:10", "netmap:pipe0<1", "ens4-0/x@2".
 *
 *     netmap:eth0   {1     -3      /xR     @2         @conf:slots=512
 *     name          pipe   rings   flags   memory id  options
 *
 * This file turns the text into a PortSpec and back, and a PortSpec into the fields of netmap's REGISTER
 * request. It is the only parser of port names; opening the port is the work of lib/port.ts, so two names on
 * a command line are both read before either is opened. The grammar with examples is docs/port-names.md;
 * where it is stricter or wider than netmap's is in docs/netmap-differences.md.
 */

import { existsSync } from "node:fs";
import {
  NETMAP_MAX_RINGS,
  NETMAP_REQ_IFNAMSIZ,
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
import { NmError } from "./errors.js";

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

/** One end of a pipe. `{` in a name is the master's side, `}` the slave's; data flows both ways. */
export interface PipeEnd {
  readonly parent: string;
  readonly id: string;
  readonly side: "master" | "slave";
}

/** What `@name:key=value` asks for, under netmap's own names. */
export interface PortOptions {
  /** Use the memory of this other port, which is written in the printed form of its name. */
  readonly share?: { readonly port: string };
  /** Use a file as memory; the numbers size its pools, 0 leaves the size to netmap. */
  readonly extmem?: {
    readonly file: string;
    readonly if_num?: number;
    readonly if_size?: number;
    readonly ring_num?: number;
    readonly ring_size?: number;
    readonly buf_num?: number;
    readonly buf_size?: number;
  };
  /** How many rings, and how many slots in each; 0 leaves the number to netmap. */
  readonly conf?: {
    readonly tx_rings?: number;
    readonly rx_rings?: number;
    readonly host_tx_rings?: number;
    readonly host_rx_rings?: number;
    readonly tx_slots?: number;
    readonly rx_slots?: number;
  };
  /** Start packets this many bytes into their buffers; `bits` is the width of a slot's offset field. */
  readonly offset?: { readonly initial: number; readonly bits?: number };
  /** Which driver of the embedded engine opens the interface. netmap itself has no such option. */
  readonly driver?: { readonly name: string };
}

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

const longestName = NETMAP_REQ_IFNAMSIZ - 1;
const longestInterface = 15;
const largestRing = 4094;
const largestMemId = 0xffff;

/** For places where a separator may have been meant as part of an interface's name. */
const quoteAdvice = `put an interface's name in quotes: netmap:"NAME"`;

/**
 * Reads a port spec, for example `vale1:10`, `netmap:eth0-3/x@2`, `pipe0}1` or `eth0@conf:slots=512`.
 *
 * @throws {NmError} PORT_SYNTAX, which says where the text is wrong, what was expected and what would do
 */
export function parsePort(text: string, { interfaceExists = isInterface }: ReadOptions = {}): PortSpec {
  const cursor = new Cursor(text, interfaceExists);
  refuseControlCharacters(cursor);

  if (cursor.skip("tap:")) return readTap(cursor);
  const { name, pipe, device } = readName(cursor);
  if (device === "tap") return tapPort(cursor, name);

  const isNull = device === "null";
  const { mode, ring } = isNull ? refuseRings(cursor) : readRings(cursor);
  const { flags, memId } = readFlagsAndMemory(cursor, isNull);
  const kind = isNull ? "null" : kindOf(name, pipe, mode, flags);
  const options = readOptions(cursor, kind);

  // netmap opens a null port only in a region that the request names. Region 1 always exists.
  const needsMemory = isNull && memId === 0 && !options.share && !options.extmem;
  return { kind, name, pipe, mode, ring, flags, memId: needsMemory ? 1 : memId, options };
}

/** Prints a spec in its one canonical form, which needs no shell quoting unless a name does. */
export function formatPort(spec: PortSpec, { interfaceExists = isInterface }: ReadOptions = {}): string {
  if (spec.kind === "tap") return `tap:${spec.name}`;

  const rest = formatRings(spec) + formatFlags(spec.flags) + formatMemId(spec.memId) + formatOptions(spec);
  if (spec.kind === "null") return `null${rest}`;

  const taken = (last: string) => existingInterface(last + rest, interfaceExists) !== null;
  return formatName(spec.name, spec.pipe, taken) + rest;
}

/**
 * What to put into a REGISTER request for this port. The options `share`, `extmem`, `offset` and `driver` are
 * no fields of it; whoever sends the request adds them.
 *
 * @throws {NmError} PORT_IS_TAP, because a tap device is not opened through netmap
 */
export function portRequest(spec: PortSpec): PortRequest {
  if (spec.kind === "tap") throw new NmError("PORT_IS_TAP", { port: formatPort(spec), name: spec.name });

  const { conf = {} } = spec.options;
  return {
    name: spec.name,
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

/** What is wrong at one place of the text. */
interface Fault {
  readonly expected: string;
  /** A whole spec that would work: what was read so far, completed. */
  readonly form: string;
  /** Where, if not where the cursor stands. */
  readonly at?: number;
  /** What stands there, if more than one character. */
  readonly found?: string;
  /** What else the user may have meant, after "or". */
  readonly or?: string;
}

/** A place in the text that moves from left to right. */
class Cursor {
  constructor(
    readonly text: string,
    readonly interfaceExists: (name: string) => boolean,
    public at = 0,
    /** The text that errors quote, where `text` is only its beginning. */
    readonly whole = text,
  ) {}

  /** The character under the cursor, or "" at the end. */
  get next(): string {
    return this.character(this.at);
  }

  character(at: number): string {
    const code = this.text.codePointAt(at);
    return code === undefined ? "" : String.fromCodePoint(code);
  }

  /** Moves past `expected` if it stands here. */
  skip(expected: string): boolean {
    const found = this.text.startsWith(expected, this.at);
    if (found) this.at += expected.length;
    return found;
  }

  /** Moves past what a sticky pattern matches here, which may be nothing, and gives it. */
  take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const [found] = pattern.exec(this.text) ?? [""];
    this.at += found.length;
    return found;
  }

  before(at = this.at): string {
    return this.text.slice(0, at);
  }

  fail(fault: Fault): never {
    const position = fault.at ?? this.at;
    const found = printable(fault.found ?? this.character(position));
    const reason =
      found === ""
        ? `${fault.expected} is missing${lastWord(this.before(position))}`
        : `found "${found}" at position ${position}, expected ${fault.expected}`;
    const hint = `write it as ${fault.form}${fault.or ? `, or ${fault.or}` : ""}`;
    const text = printable(this.whole);
    throw new NmError("PORT_SYNTAX", { text, reason, position, found, expected: fault.expected, hint });
  }
}

/** What a missing thing is missing after: the last word or sign. */
function lastWord(before: string): string {
  const [, word] = /(\w+|\W)$/u.exec(before.slice(-longestName)) ?? [];
  return word === undefined ? "" : ` after "${word}"`;
}

/** Text that can be shown on a terminal: control characters and broken UTF-16 are escaped. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** A request cannot hold broken UTF-16 or a zero byte, and no interface name holds the others. */
function refuseControlCharacters(cursor: Cursor): void {
  const at = cursor.text.search(/[\p{Cc}\p{Cs}]/u);
  if (at !== -1) cursor.fail({ at, expected: "a printable character", form: "netmap:NAME" });
}

function isInterface(name: string): boolean {
  return existsSync(`/sys/class/net/${name}`);
}

// --- Names ---------------------------------------------------------------------------------------------

interface Name {
  readonly name: string;
  readonly pipe: PipeEnd | null;
  /** Whether the text names a netmap port, or one of the two words that pkt-gen understands without "netmap:". */
  readonly device: "netmap" | "null" | "tap";
}

function readName(cursor: Cursor): Name {
  const prefixed = cursor.skip("netmap:");
  const start = cursor.at;
  const vale = cursor.take(/val\w*:/y);
  const quoted = cursor.next === '"';
  const base = vale + (quoted ? readQuoted(cursor, "NAME") : readPlain(cursor));

  if (base === vale) refuseEmptyName(cursor, vale);
  if (!prefixed && !quoted && vale === "") refuseUnknownPrefix(cursor, base);
  checkLength(cursor, base, start);

  const pipe = readPipe(cursor, base, start);
  const name = pipe ? pipeName(pipe) : base;
  const device =
    prefixed || quoted || pipe ? "netmap" : base === "null" ? base : isTap(base) ? "tap" : "netmap";
  return { name, pipe, device };
}

function isTap(base: string): boolean {
  return /^tap\d+$/.test(base);
}

/** Reads a name that is written without quotes: an interface's, or up to the first separator. */
function readPlain(cursor: Cursor): string {
  const existing = existingInterface(cursor.text.slice(cursor.at), cursor.interfaceExists);
  if (existing !== null) {
    cursor.at += existing.length;
    return existing;
  }
  return cursor.take(/(?:[^-*^/@{}<>]|[<>](?!\w))*/y);
}

/**
 * The longest beginning of `text` that holds a separator, ends before one, and is the name of an interface.
 * Names with braces do not count: netmap takes a brace in a request for a pipe, whatever was meant.
 */
function existingInterface(text: string, interfaceExists: (name: string) => boolean): string | null {
  const longest = Math.min(text.length, longestInterface);
  for (let length = longest; length > 1; length--) {
    const name = text.slice(0, length);
    const ends = /^(?:$|[-*^/@{}<>])/.test(text.slice(length));
    if (ends && /[-*^@<>]/.test(name) && !/[/{}]/.test(name) && interfaceExists(name)) return name;
  }
  return null;
}

/** Reads a text in double quotes, in which two of them stand for one. */
function readQuoted(cursor: Cursor, sample: string): string {
  const start = cursor.at;
  const quoted = cursor.take(/"[^"]*(?:""[^"]*)*"/y);
  if (quoted === "") {
    const form = `${cursor.before()}"${sample}"`;
    cursor.fail({ at: cursor.text.length, expected: "a closing quote", form });
  }
  if (quoted === '""')
    cursor.fail({ at: start + 1, expected: "a name", form: `${cursor.before(start)}${sample}` });
  return quoted.slice(1, -1).replaceAll('""', '"');
}

function refuseEmptyName(cursor: Cursor, vale: string): never {
  const expected = vale ? "a port name" : cursor.at ? "an interface name" : "a port name";
  cursor.fail({ expected, form: cursor.at ? `${cursor.before()}NAME` : "netmap:NAME" });
}

/** A name without "netmap:" may hold no colon, so that a mistyped prefix is not taken for an interface. */
function refuseUnknownPrefix(cursor: Cursor, base: string): void {
  const start = cursor.at - base.length;
  if (base === "netmap" && !"{}<>".includes(cursor.next || " ")) {
    cursor.fail({ expected: '":" and an interface name', form: `${cursor.before()}:NAME` });
  }
  const colon = base.indexOf(":");
  if (colon === -1 || base.startsWith("vale")) return;

  const found = base.slice(0, colon + 1);
  const expected = '"netmap:", "valeX:" or "tap:"';
  cursor.fail({ at: start, found, expected, form: `${cursor.before(start)}netmap:NAME` });
}

/** Checks an interface name, or both parts of a VALE port's name, against what netmap has room for. */
function checkLength(cursor: Cursor, base: string, start: number): void {
  if (/[{}]/.test(base)) {
    const form = `${cursor.before(start)}"NAME"`;
    cursor.fail({ at: start, found: base, expected: 'a name without "{" and "}"', form });
  }
  if (isVale(base)) {
    checkVale(cursor, base, start);
  } else if (bytes(base) > longestInterface) {
    const expected = `an interface name of at most ${longestInterface} characters`;
    cursor.fail({ at: start, found: base, expected, form: `${cursor.before(start)}NAME` });
  }
}

/**
 * netmap's kernel half takes every name that begins with "val" for a VALE port and then refuses those without
 * a colon. We give the others back: only "vale" insists on the colon, "valX:1" may have one.
 */
function isVale(name: string): boolean {
  return name.startsWith("vale") || /^val\w*:/.test(name);
}

function checkVale(cursor: Cursor, base: string, start: number): void {
  const [valeSwitch = ""] = /^\w*/.exec(base) ?? [];
  const port = base.slice(valeSwitch.length + 1);
  const before = cursor.before(start);

  if (base[valeSwitch.length] !== ":") {
    const at = start + valeSwitch.length;
    cursor.fail({ at, expected: '":" and a port name', form: `${before}${valeSwitch}:NAME` });
  }
  if (valeSwitch.length > longestInterface) {
    const expected = `a switch name of at most ${longestInterface} characters`;
    const form = `${before}${valeSwitch.slice(0, longestInterface)}:NAME`;
    cursor.fail({ at: start, found: valeSwitch, expected, form });
  }
  if (bytes(port) > longestInterface) {
    const expected = `a port name of at most ${longestInterface} characters`;
    const at = start + valeSwitch.length + 1;
    cursor.fail({ at, found: port, expected, form: `${before}${valeSwitch}:NAME` });
  }
}

function readPipe(cursor: Cursor, parent: string, start: number): PipeEnd | null {
  const brace = cursor.take(/[{}<>]/y);
  if (brace === "") return null;

  const idStart = cursor.at;
  const id = cursor.take(/\w+/y);
  if (id === "") cursor.fail({ expected: "a pipe id", form: `${cursor.before()}1` });
  if (!/^[-*^/@]?$/.test(cursor.next)) {
    const expected = 'a letter, digit or "_" of the pipe id';
    cursor.fail({ expected, form: cursor.before(), or: quoteAdvice });
  }

  const pipe: PipeEnd = { parent, id, side: "{<".includes(brace) ? "master" : "slave" };
  const name = pipeName(pipe);
  if (bytes(name) > longestName) {
    const expected = `at most ${longestName} characters`;
    cursor.fail({ at: start, found: name, expected, form: `${cursor.before(idStart)}1` });
  }
  return pipe;
}

function pipeName({ parent, id, side }: PipeEnd): string {
  return parent + (side === "master" ? "{" : "}") + id;
}

/** netmap counts bytes where we say characters; they differ outside ASCII only. */
function bytes(name: string): number {
  return Buffer.byteLength(name);
}

function readTap(cursor: Cursor): PortSpec {
  const name = cursor.take(/[^/:\s]*/y);
  if (name === "") cursor.fail({ expected: "the name of a tap device", form: "tap:NAME" });
  if (bytes(name) > longestInterface || name === "." || name === "..") {
    const expected = `the name of a tap device, at most ${longestInterface} characters`;
    cursor.fail({ at: cursor.at - name.length, found: name, expected, form: "tap:NAME" });
  }
  return tapPort(cursor, name);
}

/** A tap has no rings, flags or memory to choose: it is read and written one packet at a time. */
function tapPort(cursor: Cursor, name: string): PortSpec {
  if (cursor.next !== "") {
    const or = `netmap:${name} for the interface's rings`;
    cursor.fail({ expected: "nothing after a tap device", form: `tap:${name}`, or });
  }
  return { kind: "tap", name, pipe: null, mode: "all_nic", ring: null, flags: [], memId: 0, options: {} };
}

/** In the order in which netmap looks a name up. */
function kindOf(name: string, pipe: PipeEnd | null, mode: PortMode, flags: readonly PortFlag[]): PortKind {
  if (flags.some(isMonitorFlag)) return "monitor";
  if (pipe) return "pipe";
  if (isVale(name)) return "vale";
  return mode === "sw" || mode === "one_sw" ? "host" : "nic";
}

/**
 * Prints a name so that it is read back as that name. `taken` tells whether its last part, with what follows,
 * would be read as another interface: ring 1 of eth0 where the machine has an interface "eth0-1".
 */
function formatName(name: string, pipe: PipeEnd | null, taken = (_last: string) => false): string {
  const base = pipe ? pipe.parent : name;
  const suffix = pipe ? pipeName({ ...pipe, parent: "" }) : "";
  const colon = isVale(base) ? base.indexOf(":") + 1 : 0;
  const last = base.slice(colon);
  const prefix = base.startsWith("vale") ? "" : "netmap:";
  const quotes = /[-*^/@,"]|[<>]\w/.test(last) || taken(last + suffix);
  return prefix + base.slice(0, colon) + (quotes ? quote(last) : last) + suffix;
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

// --- Rings, flags, memory ------------------------------------------------------------------------------

interface Rings {
  readonly mode: PortMode;
  readonly ring: number | null;
}

function readRings(cursor: Cursor): Rings {
  const start = cursor.at;
  if (cursor.skip("*")) return { mode: "nic_sw", ring: null };
  if (cursor.skip("^")) {
    if (!/^\d/.test(cursor.next)) return { mode: "sw", ring: null };
    return { mode: "one_sw", ring: readRing(cursor) };
  }
  if (!cursor.skip("-")) return { mode: "all_nic", ring: null };
  if (/^\d?$/.test(cursor.next)) return { mode: "one_nic", ring: readRing(cursor) };

  const expected = `a ring number (0 to ${largestRing})`;
  cursor.fail({ expected, form: `${cursor.before(start)}-0`, or: quoteAdvice });
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
    cursor.fail({ at, ...(found && { found }), expected: `${what} (${min} to ${max})`, form });
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
    cursor.fail({ expected: '"/" and flags, "@" or the end', form: cursor.before(), or: quoteAdvice });
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
  const start = cursor.at;
  cursor.skip("@");
  const memId = readNumber(cursor, "a memory id", 1, largestMemId);
  if (already !== 0 && memId !== already) {
    const found = cursor.text.slice(start + 1, cursor.at);
    const expected = `no second memory id after ${already}`;
    cursor.fail({ at: start + 1, found, expected, form: cursor.before(start) });
  }
  return memId;
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

// --- Options -------------------------------------------------------------------------------------------

/** The numbers a key takes, or what its text must be. */
type Value = { readonly min: number; readonly max: number } | "port" | "file" | "word";

interface OptionRow {
  /** The key that a value directly after the option's name belongs to: `@conf=4`. */
  readonly shorthand: string;
  readonly mandatory?: string;
  readonly keys: Readonly<Record<string, Value>>;
}

const uint32 = { min: 0, max: 0xffff_ffff };
const ringCount = { min: 0, max: NETMAP_MAX_RINGS };

const optionTable: Readonly<Record<keyof PortOptions, OptionRow>> = {
  share: { shorthand: "port", mandatory: "port", keys: { port: "port" } },
  extmem: {
    shorthand: "file",
    mandatory: "file",
    keys: {
      file: "file",
      if_num: uint32,
      if_size: uint32,
      ring_num: uint32,
      ring_size: uint32,
      buf_num: uint32,
      buf_size: uint32,
    },
  },
  conf: {
    shorthand: "rings",
    keys: {
      rings: ringCount,
      host_rings: ringCount,
      slots: uint32,
      tx_rings: ringCount,
      rx_rings: ringCount,
      host_tx_rings: ringCount,
      host_rx_rings: ringCount,
      tx_slots: uint32,
      rx_slots: uint32,
    },
  },
  offset: {
    shorthand: "initial",
    mandatory: "initial",
    keys: { initial: uint32, bits: { min: 0, max: 64 } },
  },
  driver: { shorthand: "name", mandatory: "name", keys: { name: "word" } },
};
const optionNames = Object.keys(optionTable) as (keyof PortOptions)[];

/** Keys of `conf` that set both directions. */
const bothDirections = {
  rings: ["tx_rings", "rx_rings"],
  host_rings: ["host_tx_rings", "host_rx_rings"],
  slots: ["tx_slots", "rx_slots"],
} as const;

type Values = Record<string, string | number>;

/** An option while it is read. */
interface Reading {
  readonly name: keyof PortOptions;
  /** The spec up to the option, which works without it. */
  readonly before: string;
  readonly row: OptionRow;
  readonly values: Values;
}

function readOptions(cursor: Cursor, kind: PortKind): PortOptions {
  const options: Partial<Record<keyof PortOptions, Values>> = {};
  while (cursor.next === "@") {
    const before = cursor.before();
    cursor.skip("@");
    const name = readOptionName(cursor, before, kind, options);
    const values = readOptionBody(cursor, { name, before, row: optionTable[name], values: {} });
    options[name] = name === "conf" ? { ...options.conf, ...perDirection(values) } : values;
  }
  if (options.conf && Object.keys(options.conf).length === 0) delete options.conf;

  // The table's keys, kinds of value and mandatory keys are those of PortOptions.
  return options as PortOptions;
}

function readOptionName(cursor: Cursor, before: string, kind: PortKind, given: object): keyof PortOptions {
  const at = cursor.at;
  const found = cursor.take(/[^@=:]*/y);
  const name = optionNames.find((option) => option === found);
  if (name === undefined) {
    const memory = Object.keys(given).length === 0 ? `a memory id (1 to ${largestMemId}) or ` : "";
    const expected = `${memory}an option (${optionNames.join(", ")})`;
    cursor.fail({ at, ...(found && { found }), expected, form: before + sampleOption("conf") });
  }
  if (name === "driver" && kind !== "nic" && kind !== "host") {
    cursor.fail({
      at,
      found,
      expected: "an option of this port, which is no network interface",
      form: before,
    });
  }
  // netmap refuses a second option of one kind, except that more geometry adds to the first.
  if (name in given && name !== "conf") {
    cursor.fail({ at, found, expected: `no second option "${name}"`, form: before });
  }
  return name;
}

function readOptionBody(cursor: Cursor, option: Reading): Values {
  const { name, row, values } = option;
  const form = option.before + sampleOption(name);

  if (cursor.skip("=")) {
    values[row.shorthand] = readValue(cursor, option, row.shorthand);
    if (cursor.next === ",") {
      const expected = `"@" or the end; several keys are written after "@${name}:"`;
      cursor.fail({ expected, form: cursor.before() });
    }
  } else if (!cursor.skip(":")) {
    cursor.fail({ expected: '":" and a key, or "=" and a value', form });
  } else if (!/^@?$/.test(cursor.next)) {
    do readKey(cursor, option);
    while (cursor.skip(","));
  }

  if (row.mandatory && !(row.mandatory in values)) {
    cursor.fail({ expected: `the key "${row.mandatory}" of the option "${name}"`, found: "", form });
  }
  return values;
}

function readKey(cursor: Cursor, option: Reading): void {
  const { name, row, values } = option;
  const at = cursor.at;
  const form = option.before + sampleOption(name);
  const written = cursor.take(/[^=,@]*/y);
  const key = written.replaceAll("-", "_");

  if (!Object.hasOwn(row.keys, key)) {
    const expected = `a key of the option "${name}" (${Object.keys(row.keys).join(", ")})`;
    cursor.fail({ at, ...(written && { found: written }), expected, form });
  }
  if (key in values) {
    cursor.fail({ at, found: written, expected: `a key that has no value yet`, form });
  }
  if (!cursor.skip("=")) {
    cursor.fail({ expected: '"=" and a value', form: option.before + sampleOption(name, key) });
  }
  values[key] = readValue(cursor, option, key);
}

/** Reads a value up to the next "," or "@"; one that holds them is written in double quotes. */
function readValue(cursor: Cursor, option: Reading, key: string): string | number {
  const kind = option.row.keys[key] as Value;
  if (kind === "port") return readSharedPort(cursor, option);

  const at = cursor.at;
  const quoted = cursor.next === '"';
  const found = quoted ? readQuoted(cursor, sampleValue(kind)) : cursor.take(/[^,@]*/y);
  const form = (value?: number) => option.before + sampleOption(option.name, key, value);
  const fault = { at, ...(found && { found }), form: form() };

  if (!/^[,@]?$/.test(cursor.next)) cursor.fail({ expected: '",", "@" or the end', form: form() });
  if (kind === "file") return found || cursor.fail({ ...fault, expected: "a file" });
  if (kind === "word") {
    const expected = 'a name of letters, digits, "_" and "-"';
    return /^[\w-]+$/.test(found) ? found : cursor.fail({ ...fault, expected });
  }

  const number = Number(found);
  if (/^\d+$/.test(found) && number >= kind.min && number <= kind.max) return number;
  const expected = `a number (${kind.min} to ${kind.max})`;
  cursor.fail({ ...fault, expected, form: form(number > kind.max ? kind.max : undefined) });
}

/** Reads the name of another port. As in netmap, what follows the name has no meaning here. */
function readSharedPort(cursor: Cursor, option: Reading): string {
  const start = cursor.at;
  cursor.take(/(?:"[^"]*"|[^,@])*/y);
  const value = new Cursor(cursor.before(), cursor.interfaceExists, start, cursor.text);
  const { name, pipe, device } = readName(value);
  if (device !== "netmap") {
    const form = option.before + sampleOption(option.name);
    value.fail({ at: start, found: name, expected: "a port that has memory", form });
  }
  return formatName(name, pipe);
}

/** `rings`, `host_rings` and `slots` set both directions first; the keys of one direction then override. */
function perDirection(values: Values): Values {
  const result: Values = {};
  for (const [key, directions] of Object.entries(bothDirections)) {
    for (const direction of directions) {
      const value = values[direction] ?? values[key];
      if (value !== undefined) result[direction] = value;
    }
  }
  return result;
}

function sampleValue(kind: Value): string {
  if (kind === "port") return "vale0:1";
  if (kind === "file") return "FILE";
  if (kind === "word") return "NAME";
  return String(Math.max(kind.min, 1));
}

/** An option as it could be written, with this value for this key. */
function sampleOption(name: keyof PortOptions, key = optionTable[name].shorthand, value?: number): string {
  const { keys, mandatory = key } = optionTable[name];
  const sample = value ?? sampleValue(keys[key] as Value);
  const first = mandatory === key ? "" : `${mandatory}=${sampleValue(keys[mandatory] as Value)},`;
  return `@${name}:${first}${key}=${sample}`;
}

function formatOptions({ options }: PortSpec): string {
  return optionNames.map((name) => formatOption(name, options[name])).join("");
}

function formatOption(name: keyof PortOptions, values: Readonly<Values> | undefined): string {
  if (values === undefined) return "";
  const shown = name === "conf" ? bothAtOnce(values) : values;
  const keys = Object.keys(optionTable[name].keys).filter((key) => shown[key] !== undefined);
  return `@${name}:${keys.map((key) => `${key}=${formatValue(name, key, shown)}`).join(",")}`;
}

/** The inverse of perDirection: one key where both directions are the same. */
function bothAtOnce(values: Readonly<Values>): Values {
  const result: Values = { ...values };
  for (const [key, [tx, rx]] of Object.entries(bothDirections)) {
    if (values[tx] === undefined || values[tx] !== values[rx]) continue;
    result[key] = values[tx];
    delete result[tx];
    delete result[rx];
  }
  return result;
}

function formatValue(name: keyof PortOptions, key: string, values: Readonly<Values>): string {
  const text = String(values[key]);
  const quotes = optionTable[name].keys[key] === "file" && /^"|[,@]/.test(text);
  return quotes ? quote(text) : text;
}
