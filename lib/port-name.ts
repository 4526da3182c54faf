/**
 * The name in a port spec: an interface, a port of a VALE switch, or one end of a pipe.
 *
 * netmap sends it to its kernel half as it stands, and that half tells the kinds apart again, so names that it
 * would take for something else, or cut off, are refused here. Rings, flags and the rest are port-spec.ts.
 */

import { NETMAP_REQ_IFNAMSIZ } from "./abi.js";
import { type Cursor, quoteAdvice } from "./port-cursor.js";

/** What a request and the operating system have room for, in bytes, without the zero at the end. */
const longestName = NETMAP_REQ_IFNAMSIZ - 1;
export const longestInterface = 15;

/** One end of a pipe. `{` in a name is the master's side, `}` the slave's; data flows both ways. */
export interface PipeEnd {
  readonly parent: string;
  readonly id: string;
  readonly side: "master" | "slave";
}

export interface Name {
  readonly name: string;
  readonly pipe: PipeEnd | null;
  /** Whether the text names a netmap port, or one of the two words that pkt-gen understands without "netmap:". */
  readonly device: "netmap" | "null" | "tap";
}

export function readName(cursor: Cursor): Name {
  const prefixed = cursor.skip("netmap:");
  const start = cursor.at;
  const vale = cursor.take(/val\w*:/y);
  checkSwitch(cursor, vale.slice(0, -1), start);
  const quoted = cursor.next === '"';
  const bare = !prefixed && vale === "";
  const base =
    vale + (quoted ? readQuoted(cursor, `${cursor.before() || "netmap:"}NAME`) : readPlain(cursor, bare));

  if (base === "") refuseEmptyName(cursor);
  if (bare && !quoted) refuseUnknownPrefix(cursor, base);
  checkName(cursor, base, start);

  const pipe = readPipe(cursor, base, start);
  const name = pipe ? pipeName(pipe) : base;
  const device = prefixed || quoted || pipe ? "netmap" : deviceOf(base);
  return { name, pipe, device };
}

function deviceOf(bareName: string): Name["device"] {
  if (bareName === "null") return "null";
  return /^tap\d+$/.test(bareName) ? "tap" : "netmap";
}

/**
 * Reads a name that is written without quotes: an interface's, or up to the first separator. A null port comes before an
 * interface "null@5", which can be quoted, as a null port cannot. `bare` says that the text has no prefix.
 */
function readPlain(cursor: Cursor, bare: boolean): string {
  const rest = cursor.text.slice(cursor.at);
  const isNull = bare && /^null(?:$|[/@])/.test(rest);
  const existing = isNull ? null : existingInterface(rest, cursor.interfaceExists);
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
export function existingInterface(text: string, interfaceExists: (name: string) => boolean): string | null {
  const longest = Math.min(text.length, longestInterface);
  for (let length = longest; length > 1; length--) {
    const name = text.slice(0, length);
    const ends = /^(?:$|[-*^/@{}<>])/.test(text.slice(length));
    if (ends && /[-*^@<>]/.test(name) && !/[/{}]/.test(name) && interfaceExists(name)) return name;
  }
  return null;
}

/** Reads a text in double quotes, in which two of them stand for one. `form` is a spec that would work. */
export function readQuoted(cursor: Cursor, form: string): string {
  const start = cursor.at;
  const quoted = cursor.take(/"[^"]*(?:""[^"]*)*"/y);
  if (quoted === "") cursor.fail({ at: cursor.text.length, found: "", expected: "a closing quote", form });
  if (quoted === '""') cursor.fail({ at: start + 1, expected: "something between the quotes", form });
  return quoted.slice(1, -1).replaceAll('""', '"');
}

function refuseEmptyName(cursor: Cursor): never {
  const expected = cursor.at === 0 ? "a port name" : "an interface name";
  cursor.fail({ expected, form: `${cursor.before() || "netmap:"}NAME` });
}

/** A name without "netmap:" may hold no colon, so that a mistyped prefix is not taken for an interface. */
function refuseUnknownPrefix(cursor: Cursor, base: string): void {
  const start = cursor.at - base.length;
  if (base === "netmap" && !"{}<>".includes(cursor.next || " ")) {
    cursor.fail({ expected: '":" and an interface name', form: `${cursor.before()}:NAME` });
  }
  const colon = base.indexOf(":");
  if (colon === -1 || isVale(base)) return;

  const found = base.slice(0, colon + 1);
  const name = base.slice(colon + 1);
  const form = `netmap:${/^(?!val)\w{1,15}$/.test(name) ? name : "NAME"}`;
  cursor.fail({
    at: start,
    found,
    expected: '"netmap:", "valeX:" or "tap:"',
    form: cursor.before(start) + form,
  });
}

/** Checks an interface name, or both parts of a VALE port's name, against what netmap has room for. */
function checkName(cursor: Cursor, base: string, start: number): void {
  if (isTapName(base)) {
    const expected = 'an interface, whose name has no ":", or tap: before the quotes';
    cursor.fail({ at: 0, found: cursor.text, expected, form: `${tapPrefix}NAME` });
  }
  const form = `${cursor.before(start) || "netmap:"}NAME`;
  if (/[{}]/.test(base)) {
    cursor.fail({ at: start, found: base, expected: 'a name without "{" and "}"', form });
  }
  if (isVale(base)) {
    checkVale(cursor, base, start);
  } else if (bytes(base) > longestInterface) {
    const expected = `an interface name of at most ${longestInterface} characters`;
    cursor.fail({ at: start, found: base, expected, form });
  }
}

/** Whatever it is typed for, netmap's kernel half takes a name that begins with these letters for a VALE port. */
export function isVale(name: string): boolean {
  return name.startsWith("val");
}

function checkVale(cursor: Cursor, base: string, start: number): void {
  const [valeSwitch = ""] = /^\w*/.exec(base) ?? [];
  checkSwitch(cursor, valeSwitch, start);

  const openingQuote = cursor.text[start] === '"' ? 1 : 0;
  const end = start + openingQuote + valeSwitch.length;
  const form = `${cursor.before(start)}${valeSwitch}:NAME`;
  if (base[valeSwitch.length] !== ":") {
    const ended = end >= cursor.text.length;
    const expected = ended ? '":" and a port name' : 'a letter, digit or "_" of the switch name, or ":"';
    cursor.fail({ at: end, expected, form });
  }

  const port = base.slice(valeSwitch.length + 1);
  if (port === "") cursor.fail({ at: end + 1, expected: "a port name", form });
  if (bytes(port) > longestInterface) {
    const expected = `a port name of at most ${longestInterface} characters`;
    cursor.fail({ at: end + 1, found: port, expected, form });
  }
}

function checkSwitch(cursor: Cursor, name: string, start: number): void {
  if (name.length <= longestInterface) return;
  const expected = `a switch name of at most ${longestInterface} characters`;
  const form = `${cursor.before(start)}${name.slice(0, longestInterface)}:NAME`;
  cursor.fail({ at: start, found: name, expected, form });
}

function readPipe(cursor: Cursor, parent: string, start: number): PipeEnd | null {
  const brace = cursor.take(/[{}<>]/y);
  if (brace === "") return null;

  const idStart = cursor.at;
  const id = cursor.take(/\w+/y);
  if (id === "") cursor.fail({ expected: "a pipe id", form: `${cursor.before()}1` });
  const pipe: PipeEnd = { parent, id, side: "{<".includes(brace) ? "master" : "slave" };
  const name = pipeName(pipe);
  if (bytes(name) > longestName) {
    const expected = `at most ${longestName} characters`;
    cursor.fail({ at: start, found: name, expected, form: `${cursor.before(idStart)}1` });
  }
  if (!/^[-*^/@]?$/.test(cursor.next)) {
    const expected = 'a letter, digit or "_" of the pipe id';
    const advice = "<>".includes(brace) ? quoteAdvice(cursor) : undefined;
    cursor.fail({ expected, form: cursor.before(), or: advice });
  }
  return pipe;
}

function pipeName({ parent, id, side }: PipeEnd): string {
  return parent + (side === "master" ? "{" : "}") + id;
}

/** netmap counts bytes where we say characters; they differ outside ASCII only. */
export function bytes(name: string): number {
  return Buffer.byteLength(name);
}

/**
 * Prints a name so that it is read back as that name. `taken` tells whether its last part, with what follows,
 * would be read as another interface: ring 1 of eth0 where the machine has an interface "eth0-1".
 */
export function formatName(name: string, pipe: PipeEnd | null, taken = (_last: string) => false): string {
  const base = pipe ? pipe.parent : name;
  const suffix = pipe ? pipeName({ ...pipe, parent: "" }) : "";
  const colon = isVale(base) ? base.indexOf(":") + 1 : 0;
  const last = base.slice(colon);
  const prefix = base.startsWith("vale") ? "" : "netmap:";
  const quotes = /[-*^/@<>,"]/.test(last) || taken(last + suffix);
  return prefix + base.slice(0, colon) + (quotes ? quote(last) : last) + suffix;
}

/** What a request calls a tap device, and its name in a spec begins with. */
export const tapPrefix = "tap:";

export function isTapName(name: string): boolean {
  return name.startsWith(tapPrefix);
}

/**
 * Reads the name of a tap device after "tap:". Written without quotes it ends at "/" or "@" only, so that tap:vm-1 is the
 * device vm-1; behind quotes there may be a ring: tap:"vm-1"-0.
 */
export function readTapName(cursor: Cursor): { readonly name: string; readonly quoted: boolean } {
  const start = cursor.at;
  const form = `${cursor.before()}NAME`;
  const quoted = cursor.next === '"';
  const name = quoted ? readQuoted(cursor, form) : cursor.take(/[^/@:\s]*/y);
  if (name === "") cursor.fail({ expected: "the name of a tap device", form });
  if (bytes(name) > longestInterface || name === "." || name === "..") {
    const expected = `the name of a tap device, at most ${longestInterface} characters`;
    cursor.fail({ at: start, found: name, expected, form });
  }
  // The kernel puts a number for "%d", and whoever reads a request takes a brace for a pipe's.
  const odd = /[/:\s%{}]/.exec(name);
  if (odd) {
    const expected = 'the name of a tap device, without "/", ":", "%", "{", "}" and spaces';
    cursor.fail({ at: start, found: name, expected, form });
  }
  return { name, quoted };
}

/** Prints the name of a tap device so that it is read back, with what follows it. */
export function formatTapName(name: string, rest: string): string {
  return tapPrefix + (/[@",]/.test(name) || rest.startsWith("-") ? quote(name) : name);
}

export function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
