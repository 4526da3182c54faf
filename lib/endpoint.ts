/**
 * Reads the addresses of the packets to generate, as pkt-gen's -s, -d, -S and -D take them.
 *
 *   10.0.0.1                          one address, port 1234
 *   10.0.0.1:53                       one address and port
 *   10.0.0.1:1000-10.0.0.9:1999       9 addresses, 1000 ports
 *   fd00::1                           the same for IPv6, where a port needs brackets
 *   [fd00::1]:53-[fd00::9]:63
 *   3@fd00::-fd00:0:0:ff::            of an IPv6 address one group of 16 bits is walked, by default the last, 7
 */

import { isIPv4, isIPv6 } from "node:net";
import { longName } from "./command.js";
import { NmError } from "./errors.js";
import type { Endpoint, Family } from "./traffic.js";

/** netmap's, which packets have where none is asked for. */
const usualPort = 1234;

/** The group of an IPv6 address that a range walks where none is named. */
const usualGroup = 7;

/** One side of a range. */
interface One {
  /** The IPv4 address, or the group of the IPv6 address. */
  readonly value: number;
  readonly port: number;
  readonly group: number;
  /** The 8 groups of an IPv6 address. */
  readonly groups: readonly number[];
}

/**
 * An address and its port, or two of each with a dash between them, in either order.
 *
 * @throws {NmError} ADDRESS_SYNTAX, which says where the text of option `name` is wrong
 */
export function readEndpoint(name: string, text: string, family: Family): Endpoint {
  const reader = new Reader(name, text, family);
  const dash = text.indexOf("-");
  const end = dash === -1 ? text.length : dash;
  const first = reader.one(0, end);
  const last = dash === -1 ? first : reader.one(dash + 1, text.length, first);
  return {
    firstAddress: Math.min(first.value, last.value),
    lastAddress: Math.max(first.value, last.value),
    firstPort: Math.min(first.port, last.port),
    lastPort: Math.max(first.port, last.port),
    ...(family === 6 && { group: first.group, address: bytesOf(first.groups) }),
  };
}

class Reader {
  readonly #name: string;
  readonly #text: string;
  readonly #family: Family;

  constructor(name: string, text: string, family: Family) {
    this.#name = name;
    this.#text = text;
    this.#family = family;
  }

  /** What stands from `start` to `end`. Of the second side, what is missing is as in the first. */
  one(start: number, end: number, before?: One): One {
    return this.#family === 4 ? this.#ipv4(start, end, before) : this.#ipv6(start, end, before);
  }

  #ipv4(start: number, end: number, before?: One): One {
    const colon = this.#find(":", start, end);
    const address = this.#text.slice(start, colon);
    if (!isIPv4(address)) {
      const hint = isIPv6(this.#text.slice(start, end)) ? " (-6 makes packets IPv6)" : "";
      this.#fail(start, colon, `an IPv4 address${hint}`);
    }
    const value = address.split(".").reduce((number, part) => number * 256 + Number(part), 0);
    return { value, port: this.#port(colon, end, before), group: usualGroup, groups: [] };
  }

  #ipv6(start: number, end: number, before?: One): One {
    const at = this.#find("@", start, end);
    const named = at < end;
    const group = named ? this.#group(start, at) : (before?.group ?? usualGroup);
    if (before && group !== before.group) {
      this.#fail(start, at, `group ${before.group}, as in the first address`);
    }

    const from = named ? at + 1 : start;
    const bracket = this.#text[from] === "[";
    const begin = bracket ? from + 1 : from;
    const close = bracket ? this.#find("]", begin, end) : end;
    if (bracket && close === end) this.#fail(end, end, 'the "]" after the address');
    const groups = groupsOf(this.#text.slice(begin, close));
    if (groups === undefined) {
      const hint = isIPv4(this.#text.slice(begin, close)) ? " (-6 is for those)" : "";
      this.#fail(begin, close, `an IPv6 address${hint}`);
    }
    if (before?.groups.some((value, i) => i !== group && value !== groups[i])) {
      this.#fail(begin, close, `an address that differs from the first in group ${group} only`);
    }
    const port = this.#port(bracket ? close + 1 : end, end, before);
    return { value: groups[group] ?? 0, port, group, groups };
  }

  #group(start: number, end: number): number {
    const text = this.#text.slice(start, end);
    if (!/^[0-7]$/.test(text)) this.#fail(start, end, "the group of the address to walk, 0 to 7");
    return Number(text);
  }

  /** From the colon on. netmap reads a leading 0 as octal. Nobody means that, so it is refused. */
  #port(colon: number, end: number, before?: One): number {
    if (colon >= end) return before?.port ?? usualPort;
    if (this.#text[colon] !== ":") this.#fail(colon, end, 'a ":" and a port');
    const text = this.#text.slice(colon + 1, end);
    const port = /^(0|[1-9]\d*|0x[\da-f]+)$/i.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
    if (port > 0xffff) this.#fail(colon + 1, end, "a port from 0 to 65535");
    return port;
  }

  #find(sign: string, start: number, end: number): number {
    const at = this.#text.indexOf(sign, start);
    return at === -1 || at > end ? end : at;
  }

  #fail(position: number, end: number, expected: string): never {
    const option = longName(this.#name);
    const sample = this.#family === 4 ? "10.0.0.1:1000-10.0.0.9:1999" : "[fd00::1]:1000-[fd00::9]:1999";
    throw new NmError("ADDRESS_SYNTAX", {
      option,
      text: this.#text,
      position,
      found: this.#text.slice(position, end),
      expected,
      example: `${option} ${sample}`,
    });
  }
}

/** The 4 bytes of an IPv4 address, or the 16 of an IPv6 address; nothing where the text is neither. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  const groups = groupsOf(text);
  return groups && bytesOf(groups);
}

/** The 8 groups of an IPv6 address; nothing where the text is none. A zone has no place in a packet. */
function groupsOf(text: string): number[] | undefined {
  if (!isIPv6(text) || text.includes("%")) return undefined;
  // The last two groups may be written as an IPv4 address.
  const plain = text.replace(/\d+\.\d+\.\d+\.\d+$/, (address) => {
    const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = [], tail = []] = plain
    .split("::")
    .map((part) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16))));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0);
  return [...head, ...zeros, ...tail];
}

function bytesOf(groups: readonly number[]): Uint8Array {
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** Six bytes in hexadecimal with colons between them. */
export function readMac(text: string): Uint8Array | undefined {
  if (!/^[\da-f]{1,2}(:[\da-f]{1,2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(":"), (byte) => Number.parseInt(byte, 16));
}

/** "02:00:00:00:00:01", as readMac reads it. */
export function formatMac(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
