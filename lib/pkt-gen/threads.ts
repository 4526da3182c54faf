/**
 * How the work is spread: pkt-gen's options about threads, processors and the geometry of the port.
 */

import { type Arguments, backendOption, driverOption, type Options } from "../command.js";
import { frameLimits } from "../layout.js";
import type { Port } from "../port.js";
import type { PortSpec } from "../port-spec.js";
import { allowedProcessors } from "../processors.js";
import type { FunctionName } from "./functions.js";
import { badValue, type Form } from "./values.js";

const usualBurst = 512;
/** Requests of a ping wait for one another, unless several are asked for. */
const usualPingBurst = 1;

export const threadOptions = {
  burst: {
    type: "number",
    alias: "b",
    value: "SLOTS",
    default: 0,
    max: 2 ** 32 - 1,
    group: "Port and threads",
    describe:
      `Move at most this many slots of a ring at once, or send so many requests together; 0 for ${usualBurst}, ` +
      `of ping ${usualPingBurst}`,
  },
  threads: {
    type: "number",
    alias: "p",
    default: 1,
    min: 1,
    max: 1024,
    group: "Port and threads",
    describe: "Use this many threads, each with a ring of its own; they share count and rate",
  },
  cpu: {
    type: "number",
    alias: "a",
    group: "Port and threads",
    describe: "Keep the first thread on this processor, the second on the next, and so on",
  },
  cpus: {
    type: "number",
    alias: "c",
    value: "CPUS",
    default: 0,
    group: "Port and threads",
    describe: "Keep threads on so many processors, from that of -a or the first one on; 0 for all",
  },
  geometry: {
    type: "string",
    alias: "C",
    value: "SLOTS",
    group: "Port and threads",
    describe:
      "Ask for slots and rings as TXSLOTS[,RXSLOTS[,TXRINGS[,RXRINGS]]]; @conf:... in the name does the same",
  },
  backend: { ...backendOption, group: "Port and threads" },
  driver: { ...driverOption, group: "Port and threads" },
} as const satisfies Options;

type Args = Arguments<Record<never, never>, typeof threadOptions>;

const geometryForm: Form = ["one to four numbers with , between", "1024,1024,2,2"];

/** @throws {NmError} OPTION_VALUE */
export function burstOf({ burst, function: name }: Pick<Args, "burst"> & { function: FunctionName }): number {
  if (name !== "ping") return burst || usualBurst;
  if (burst > frameLimits.largestPingBurst) {
    throw badValue("burst", String(burst), [`at most ${frameLimits.largestPingBurst} requests`, "16"]);
  }
  return burst || usualPingBurst;
}

/** As netmap has it: one number of slots, or of rings, is for both directions. It replaces @conf. */
export function withGeometry(spec: PortSpec, { geometry: text }: Args): PortSpec {
  if (text === undefined) return spec;
  if (!/^\d{1,9}(,\d{1,9}){0,3}$/.test(text)) throw badValue("geometry", text, geometryForm);
  const [txSlots = 0, rxSlots = txSlots, txRings = 0, rxRings = txRings] = text.split(",").map(Number);
  const conf = { tx_slots: txSlots, rx_slots: rxSlots, tx_rings: txRings, rx_rings: rxRings };
  return { ...spec, options: { ...spec.options, conf } };
}

/** A port that somebody has open keeps its slots and rings. */
export function tellGeometry({ geometry }: Args, name: string, spec: PortSpec, port: Port): void {
  if (geometry === undefined) return;
  const { txSlots, rxSlots, txRings, rxRings } = port.granted;
  const { tx_slots, rx_slots, tx_rings, rx_rings } = spec.options.conf ?? {};
  const asked = [tx_slots || txSlots, rx_slots || rxSlots, tx_rings || txRings, rx_rings || rxRings].join();
  const granted = [txSlots, rxSlots, txRings, rxRings].join();
  if (asked === granted) return;
  process.stderr.write(`-C ${geometry} has no effect: ${name} exists and has ${granted}\n`);
}

/** The processors that threads go to in turn; none to let them go anywhere. */
export function processorsFrom({ cpu, cpus }: Pick<Args, "cpu" | "cpus">): readonly number[] {
  const allowed = allowedProcessors();
  if (cpus > allowed.length) {
    throw badValue("cpus", String(cpus), [`at most the ${allowed.length} that this process may use`, "0"]);
  }
  if (cpu === undefined && cpus === 0) return [];
  const first = cpu === undefined ? 0 : allowed.indexOf(cpu);
  if (first === -1) {
    const form: Form = [`a processor that this process may use: ${allowed.join(", ")}`, String(allowed[0])];
    throw badValue("cpu", String(cpu), form);
  }
  return [...allowed.slice(first), ...allowed.slice(0, first)].slice(0, cpus || allowed.length);
}
