/**
 * Reads what a bridge is to join: pairs of ports as netmap's bridge takes them, and patches.
 *
 *   vale0:a<->vale1:b     both directions
 *   vale0:a->vale1:b      one
 */

import { NmError } from "../errors.js";
import { formatPort, type PortSpec, parsePort } from "../port-spec.js";

/** What arrives at one port leaves by the other. */
export interface Direction {
  readonly from: PortSpec;
  readonly to: PortSpec;
}

/** Names of ports that were given, as netmap's bridge takes them. */
export interface Ends {
  readonly ports: readonly string[];
  /** With one port: send what arrives back where it came from, and not to its host stack. */
  readonly loopback: boolean;
}

/** "vale0:a -> vale1:b" */
export function formatDirection({ from, to }: Direction): string {
  return `${formatPort(from)} -> ${formatPort(to)}`;
}

/** All directions of some patches. */
export function readPatches(texts: readonly string[]): Direction[] {
  const directions = texts.flatMap(readPatch);
  const sources = directions.map(({ from }) => formatPort(from));
  const twice = sources.find((source, i) => sources.indexOf(source) !== i);
  if (twice !== undefined) throw new NmError("PATCH_SOURCE_TWICE", { port: twice });
  return directions;
}

/**
 * Whether a word is a patch, and no port. An arrow follows the name of a port, so that the brace of a pipe that was
 * written as "<" or ">" is none.
 */
export function isPatch(text: string): boolean {
  return text.includes("->");
}

function readPatch(text: string): Direction[] {
  const arrow = text.includes("<->") ? "<->" : "->";
  const names = text.split(arrow).map((name) => name.trim());
  const [left = "", right = ""] = names;
  if (names.length !== 2) {
    const reason = names.length < 2 ? "it has no arrow" : `it has more than one ${arrow}`;
    throw new NmError("PATCH_SYNTAX", { text, reason });
  }
  if (left === "" || right === "") {
    const side = left === "" ? "before" : "after";
    throw new NmError("PATCH_SYNTAX", { text, reason: `a port is missing ${side} ${arrow}` });
  }
  const there = { from: parsePort(left), to: parsePort(right) };
  return arrow === "->" ? [there] : both(there);
}

/** Two ports, or one and its host stack, or one and itself. */
export function readEnds({ ports, loopback }: Ends): Direction[] {
  const [first = "", second = first] = ports;
  const [left, right] = [parsePort(first), parsePort(second)];
  if (formatPort(left) !== formatPort(right)) return both({ from: left, to: right });
  if (loopback) return [{ from: left, to: right }];
  if (left.kind !== "nic" || left.mode !== "all_nic") {
    throw new NmError("BRIDGE_ONE_PORT", { port: formatPort(left) });
  }
  return both({ from: parsePort(`${formatPort(left)}^`), to: right });
}

function both({ from, to }: Direction): Direction[] {
  return [
    { from, to },
    { from: to, to: from },
  ];
}

/** Ports by their printed names, each once, in the order in which they come. */
export function portsOf(directions: readonly Direction[]): Map<string, PortSpec> {
  return new Map(directions.flatMap(({ from, to }) => [from, to]).map((spec) => [formatPort(spec), spec]));
}
