/** Who has which port open in a namespace. */

import { existsSync, readFileSync } from "node:fs";
import { named } from "./counts.js";
import { type CounterName, counterMeanings, type OpenPortKind, openPortKinds } from "./layout.js";
import { type NativeOpenPort, native } from "./native.js";

export interface OpenPort {
  readonly pid: number;
  /** The command line, shortened. */
  readonly program: string;
  readonly name: string;
  readonly kind: OpenPortKind;
  readonly txRings: number;
  readonly rxRings: number;
  readonly sent: Readonly<Record<CounterName, number>>;
  readonly received: Readonly<Record<CounterName, number>>;
}

/** One for each descriptor. Empty where the namespace cannot be read: that is for others to say. */
export function listOpenPorts(namespace: string): OpenPort[] {
  // Looking must not make the namespace.
  if (!existsSync(namespace)) return [];
  const listed = native().openPorts(namespace);
  return typeof listed === "number" ? [] : listed.map(openPort);
}

function openPort({ pid, name, kind, txRings, rxRings, sent, received }: NativeOpenPort): OpenPort {
  return {
    pid,
    program: programOf(pid)?.slice(0, 60) ?? "a program",
    name,
    kind: kindOf(kind),
    txRings,
    rxRings,
    sent: named(counterMeanings, sent),
    received: named(counterMeanings, received),
  };
}

const kinds = Object.keys(openPortKinds) as OpenPortKind[];

/** The kind of this number. */
export function kindOf(number: number): OpenPortKind {
  return kinds[number] ?? "free";
}

export type Programs = (pid: number) => string | undefined;

/** programOf for many ports, which few programs have open: each is looked at once. */
export function programs(): Programs {
  const known = new Map<number, string | undefined>();
  return (pid) => {
    if (!known.has(pid)) known.set(pid, programOf(pid));
    return known.get(pid);
  };
}

/** "nm pkt-gen -i vale1:a" of "/usr/bin/node /usr/bin/nm pkt-gen -i vale1:a"; undefined where the process is gone. */
export function programOf(pid: number): string | undefined {
  let words: string[];
  try {
    words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").filter(Boolean);
  } catch {
    return undefined;
  }
  const own = words.findIndex((word) => /\/nm(\.js)?$/.test(word));
  const shown = own === -1 ? words : ["nm", ...words.slice(own + 1)];
  return shown.join(" ") || undefined;
}
