/**
 * Reads the addresses of the packets to generate, as pkt-gen's -s, -d, -S and -D take them.
 *
 *   10.0.0.1                        one address, port 1234
 *   10.0.0.1:53                     one address and port
 *   10.0.0.1:1000-10.0.0.9:1999     9 addresses, 1000 ports
 *
 * A text that says anything else gives nothing; the command has the words for that.
 */

import { isIPv4 } from "node:net";
import type { Endpoint } from "./traffic.js";

/** netmap's, which packets have where none is asked for. */
const usualPort = 1234;

/** An address and its port, or two of each with a dash between them, in either order. */
export function readEndpoint(text: string): Endpoint | undefined {
  const dash = text.indexOf("-");
  const first = readOne(dash === -1 ? text : text.slice(0, dash), usualPort);
  const last = dash === -1 || !first ? first : readOne(text.slice(dash + 1), first.port);
  if (!first || !last) return undefined;
  return {
    firstAddress: Math.min(first.address, last.address),
    lastAddress: Math.max(first.address, last.address),
    firstPort: Math.min(first.port, last.port),
    lastPort: Math.max(first.port, last.port),
  };
}

function readOne(text: string, portWhenMissing: number): { address: number; port: number } | undefined {
  const [address = "", portText, ...more] = text.split(":");
  const port = portText === undefined ? portWhenMissing : readPortNumber(portText);
  if (!isIPv4(address) || port === undefined || more.length > 0) return undefined;
  return { address: address.split(".").reduce((number, part) => number * 256 + Number(part), 0), port };
}

/** netmap reads a leading 0 as octal. Nobody means that, so it is refused. */
function readPortNumber(text: string): number | undefined {
  if (!/^(0|[1-9]\d*|0x[\da-f]+)$/i.test(text)) return undefined;
  const port = Number(text);
  return port <= 0xffff ? port : undefined;
}

/** Six bytes in hexadecimal with colons between them. */
export function readMac(text: string): Uint8Array | undefined {
  if (!/^[\da-f]{1,2}(:[\da-f]{1,2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(":"), (byte) => Number.parseInt(byte, 16));
}
