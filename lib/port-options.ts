/**
 * The options in a port spec, `@name:key=value,key=value`: what each may hold, reading them, printing them.
 *
 * Numbers are read strictly. netmap takes letters for 0 and cuts off upper bits, and then opens something else
 * than was asked for.
 */

import { NETMAP_MAX_RINGS } from "./abi.js";
import { Cursor } from "./port-cursor.js";
import {
  formatName,
  formatTapName,
  quote,
  readName,
  readQuoted,
  readTapName,
  tapPrefix,
} from "./port-name.js";

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

/** Reads all options up to the end. An interface has one that other ports have not. */
export function readOptions(cursor: Cursor, isInterface: boolean): PortOptions {
  const options: Partial<Record<keyof PortOptions, Values>> = {};
  while (cursor.next === "@") {
    const before = cursor.before();
    cursor.skip("@");
    const name = readOptionName(cursor, before, isInterface, options);
    const values = readOptionBody(cursor, { name, before, row: optionTable[name], values: {} });
    options[name] = name === "conf" ? { ...options.conf, ...perDirection(values) } : values;
  }
  if (options.conf && Object.keys(options.conf).length === 0) delete options.conf;

  // The table's keys, kinds of value and mandatory keys are those of PortOptions.
  return options as PortOptions;
}

function readOptionName(
  cursor: Cursor,
  before: string,
  isInterface: boolean,
  given: object,
): keyof PortOptions {
  const at = cursor.at;
  const found = cursor.take(/[^@=:]*/y);
  const name = optionNames.find((option) => option === found);
  if (name === undefined) {
    const isFirst = Object.keys(given).length === 0;
    const memory = isFirst ? "a memory id or " : "";
    const order = /^\d+$/.test(found) ? "; a memory id stands before the options" : "";
    const expected = `${memory}an option (${optionNames.join(", ")})${order}`;
    const form = isFirst ? before + sampleOption("conf") : before;
    cursor.fail({ at, found: found || undefined, expected, form });
  }
  if (name === "driver" && !isInterface) {
    const expected = "another option, because only network interfaces have drivers";
    cursor.fail({ at, found, expected, form: before });
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
    cursor.fail({ at, found: written || undefined, expected, form });
  }
  if (key in values) {
    cursor.fail({ at, found: written, expected: "a key that has no value yet", form });
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
  const form = option.before + sampleOption(option.name, key);
  const quoted = cursor.next === '"';
  const found = quoted ? readQuoted(cursor, form) : cursor.take(/[^,@]*/y);
  const fault = { at, found: found || undefined, form };

  if (!/^[,@]?$/.test(cursor.next)) cursor.fail({ expected: '",", "@" or the end', form });
  if (kind === "file") return found || cursor.fail({ ...fault, expected: "a file" });
  if (kind === "word") {
    const expected = 'a name of letters, digits, "_" and "-"';
    return /^[\w-]+$/.test(found) ? found : cursor.fail({ ...fault, expected });
  }

  const number = Number(found);
  if (/^\d+$/.test(found) && number >= kind.min && number <= kind.max) return number;
  const nearest = option.before + sampleOption(option.name, key, number > kind.max ? kind.max : undefined);
  cursor.fail({ ...fault, expected: `a number (${kind.min} to ${kind.max})`, form: nearest });
}

/** Reads the name of another port. As in netmap, what follows the name has no meaning here. */
function readSharedPort(cursor: Cursor, option: Reading): string {
  const start = cursor.at;
  cursor.take(/(?:netmap:)?(?:val\w*:)?(?:"[^"]*(?:""[^"]*)*")?[^,@]*/y);
  const value = new Cursor(cursor.before(), cursor.interfaceExists, start, cursor.text);
  if (value.skip(tapPrefix)) return formatTapName(readTapName(value).name, "");
  const { name, pipe, device } = readName(value);
  if (device === "tap") return formatTapName(name, "");
  if (device === "null") {
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

export function formatOptions(options: PortOptions): string {
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
