/**
 * What vale-ctl can do, each thing once: by a word, `attach vale0:eth0`, or by netmap's letter, `-a vale0:eth0`.
 *
 * An action changes something, or looks something up, and says what it did; what is said goes to people or to programs.
 */

import { chooseBackend, type Place, portInfo } from "../control.js";
import { NmError } from "../errors.js";
import type { NativeCreated } from "../native.js";
import { readNumber } from "../number.js";
import type { Output } from "../output.js";
import { parsePort } from "../port-spec.js";
import { findKernelSwitch, type KernelSwitch, listKernelSwitches } from "./kernel-switches.js";
import { changedPolicy, type PolicyWords, policyFields, policyWords } from "./policy.js";
import {
  deadFields,
  kernelSwitchFields,
  portFields,
  printCounters,
  printKernelListing,
  printListing,
  printPlain,
  printStations,
  type RatesOf,
  stationFields,
  switchFields,
} from "./report.js";
import {
  attach,
  create,
  destroy,
  detach,
  findNames,
  findPort,
  findSwitch,
  flushStations,
  type Listing,
  listNames,
  listStations,
  listSwitches,
  type Polling,
  pinStation,
  setAgeing,
  setPolicy,
  setPolling,
  splitName,
  unpinStation,
} from "./switches.js";
import { endWords } from "./workers.js";

/** What an action may need beside its operands. */
export interface ActionOptions extends PolicyWords {
  readonly host: boolean;
  readonly config: string | undefined;
  readonly memory: string | undefined;
  readonly off: boolean;
  readonly verbose: number;
}

export interface World {
  readonly out: Output;
  readonly json: boolean;
  readonly place: Place;
}

export interface Action {
  /** How its operands are written. */
  readonly takes: string;
  readonly operands: readonly [least: number, most: number];
  readonly run: (operands: readonly string[], options: ActionOptions, world: World) => void;
}

export const actions = {
  list: {
    takes: "[SWITCH]",
    operands: [0, 1],
    run: ([name], _, { out, json, place }) => {
      if (chooseBackend(place) === "kernel") {
        const switches = name === undefined ? listKernelSwitches() : [findKernelSwitch(name)];
        if (json) printKernelJson(out, switches);
        else printKernelListing(out, switches);
        return;
      }
      const listing = listed(name, place);
      if (json) printListingJson(out, listing);
      else printListing(out, listing);
    },
  },
  attach: {
    takes: "SWITCH:PORT",
    operands: [1, 1],
    run: ([name = ""], { host, memory, verbose }, { out, json, place }) => {
      splitName(name);
      const index = attach(name, host, memory === undefined ? 0 : memoryId(memory, place), place);
      if (json) out.json({ type: "change", change: "attach", subject: name, index });
      else if (verbose > 0) out.print(`port_index: ${index}`);
    },
  },
  detach: {
    takes: "SWITCH:PORT",
    operands: [1, 1],
    run: ([name = ""], { verbose }, { out, json, place }) => {
      splitName(name);
      const was = detach(name, place);
      if (typeof was === "object") {
        if (json) out.json({ type: "dead_worker", ...deadFields(was) });
        else out.print(`${name} was attached no longer: its worker, process ${was.pid}, ${endWords(was)}.`);
      } else if (json) out.json({ type: "change", change: "detach", subject: name, index: was });
      else if (verbose > 0) out.print(`port_index: ${was}`);
    },
  },
  create: {
    takes: "NAME",
    operands: [1, 1],
    run: ([name = ""], { config, memory, verbose }, { out, json, place }) => {
      const geometry = config === undefined ? {} : readGeometry(config);
      const memId = memory === undefined ? 0 : memoryId(memory, place);
      const created = create(name, { ...geometry, memId }, place);
      if (json) out.json({ type: "change", change: "create", subject: name, ...geometryFields(created) });
      else if (verbose > 0) printGeometry(out, created, "rx_ring:");
    },
  },
  destroy: {
    takes: "NAME",
    operands: [1, 1],
    run: ([name = ""], _, { out, json, place }) => {
      destroy(name, place);
      if (json) out.json({ type: "change", change: "destroy", subject: name });
    },
  },
  info: {
    takes: "PORT",
    operands: [1, 1],
    run: ([name = ""], _, { out, json, place }) => {
      const info = portInfo(name, place);
      if (json) {
        out.json({ type: "port_info", port: name, memory_bytes: info.memSize, ...geometryFields(info) });
        return;
      }
      out.print(`memsize:    ${info.memSize}`);
      printGeometry(out, info, "rx_rings");
    },
  },
  stats: {
    takes: "SWITCH[:PORT]",
    operands: [1, 1],
    run: ([name = ""], _, { out, json, place }) => {
      const ports = name.includes(":") ? [findPort(name, place)] : findSwitch(name, place).ports;
      for (const [i, port] of ports.entries()) {
        if (json) {
          out.json({ type: "switch_port", ...portFields(port) });
          continue;
        }
        if (i > 0) out.print();
        printCounters(out, port);
      }
    },
  },
  macs: {
    takes: "SWITCH[:PORT]",
    operands: [1, 1],
    run: ([name = ""], _, { out, json, place }) => {
      const [vale, port] = name.includes(":") ? splitName(name) : [name, ""];
      if (port !== "") findPort(name, place);
      const known = listStations(vale, place).filter((station) => port === "" || station.port === name);
      if (json) for (const station of known) out.json({ type: "station", ...stationFields(station) });
      else printStations(out, known);
    },
  },
  flush: {
    takes: "SWITCH[:PORT]",
    operands: [1, 1],
    run: ([name = ""], _, { out, json, place }) => {
      const stations = flushStations(name, place);
      if (json) out.json({ type: "change", change: "flush", subject: name, stations });
      else out.print(`Forgot ${stations} station${stations === 1 ? "" : "s"}.`);
    },
  },
  pin: {
    takes: "SWITCH:PORT MAC",
    operands: [2, 2],
    run: ([name = "", mac = ""], _, { out, json, place }) => {
      splitName(name);
      pinStation(name, mac, place);
      if (json) out.json({ type: "change", change: "pin", subject: name, mac });
    },
  },
  unpin: {
    takes: "SWITCH MAC",
    operands: [2, 2],
    run: ([name = "", mac = ""], _, { out, json, place }) => {
      unpinStation(name, mac, place);
      if (json) out.json({ type: "change", change: "unpin", subject: name, mac });
    },
  },
  age: {
    takes: "SWITCH SECONDS",
    operands: [2, 2],
    run: ([name = "", text = ""], _, { out, json, place }) => {
      const seconds = readNumber(text);
      if (!seconds?.whole || seconds.value < 0 || seconds.value > 0xffffffff) {
        const expected = "a whole number of seconds, 0 for never";
        throw new NmError("ARGUMENT_VALUE", { argument: "SECONDS", text, expected, command: "vale-ctl" });
      }
      setAgeing(name, seconds.value, place);
      if (json) out.json({ type: "change", change: "age", subject: name, ageing_seconds: seconds.value });
    },
  },
  set: {
    takes: "SWITCH:PORT",
    operands: [1, 1],
    run: ([name = ""], words, { out, json, place }) => {
      const policy = changedPolicy(findPort(name, place).policy, {
        ...words,
        mirror: words.mirror && mirrorName(name, words.mirror),
      });
      setPolicy(name, policy, place);
      if (json) out.json({ type: "change", change: "set", subject: name, ...policyFields(policy) });
      else out.print(`${name}: ${policyWords(policy) || "nothing special"}`);
    },
  },
  poll: {
    takes: "SWITCH:INTERFACE",
    operands: [1, 1],
    run: ([name = ""], { config, off }, { out, json, place }) => {
      splitName(name);
      setPolling(name, off ? undefined : readPolling(config), place);
      if (json) out.json({ type: "change", change: off ? "unpoll" : "poll", subject: name });
    },
  },
} as const satisfies Record<string, Action>;

export type ActionName = keyof typeof actions;

/** netmap's listing without arguments. */
export function listPlainly({ out, json, place }: World): void {
  if (chooseBackend(place) === "kernel") {
    const switches = listKernelSwitches();
    if (json) printKernelJson(out, switches);
    else printPlain(out, switches);
    return;
  }
  if (json) printListingJson(out, listSwitches(place));
  else printPlain(out, listNames(place));
}

/** netmap's -l: where a port is. 255 stands for a port that is not on the switch. */
export function locate(name: string, { out, json, place }: World): void {
  const [vale] = splitName(name);
  const { index, ports } =
    chooseBackend(place) === "kernel" ? findKernelSwitch(vale) : findNames(vale, place);
  const found = ports.find(({ fullName }) => fullName === name)?.place;
  if (json) {
    out.json({ type: "place", port: name, switch_index: index, index: found ?? null });
    return;
  }
  out.print(`bridge_idx: ${index}`);
  out.print(`port_idx:   ${found ?? 255}`);
}

/** All that there is, or one switch. */
export function listed(name: string | undefined, place: Place): Listing {
  return name === undefined
    ? listSwitches(place)
    : { switches: [findSwitch(name, place)], loose: [], dead: [] };
}

export function printListingJson(out: Output, { switches, loose, dead }: Listing, ratesOf?: RatesOf): void {
  for (const vale of switches) out.json({ type: "switch", ...switchFields(vale, ratesOf) });
  for (const port of loose) out.json({ type: "switch_port", ...portFields(port, ratesOf?.(port)) });
  for (const worker of dead) out.json({ type: "dead_worker", ...deadFields(worker) });
}

function printKernelJson(out: Output, switches: readonly KernelSwitch[]): void {
  for (const vale of switches) out.json({ type: "switch", ...kernelSwitchFields(vale) });
}

type Geometry = Pick<NativeCreated, "txSlots" | "rxSlots" | "txRings" | "rxRings" | "memId">;

function geometryFields({ txSlots, rxSlots, txRings, rxRings, memId }: Geometry) {
  return { tx_slots: txSlots, rx_slots: rxSlots, tx_rings: txRings, rx_rings: rxRings, mem_id: memId };
}

/** In netmap's form, in which the words for the receive rings are not always the same. */
function printGeometry(
  out: Output,
  { txSlots, rxSlots, txRings, rxRings, memId }: Geometry,
  rx: string,
): void {
  out.print(`tx_slots:   ${txSlots}`);
  out.print(`rx_slots:   ${rxSlots}`);
  out.print(`tx_rings:   ${txRings}`);
  out.print(`${rx.padEnd(12)}${rxRings}`);
  out.print(`mem_id:     ${memId}`);
}

/** netmap's -C for new ports: slots; or slots of each direction, and rings, likewise. */
export function readGeometry(text: string): Partial<NativeCreated> {
  const numbers = text.split(",").map((word) => readNumber(word));
  const [txSlots = 0, rxSlots = txSlots, txRings = 0, rxRings = txRings] = numbers.map(
    (number) => number?.value ?? 0,
  );
  if (numbers.length > 4 || numbers.some((number) => !number?.whole || number.value < 0)) {
    throw new NmError("OPTION_VALUE", {
      option: "--config",
      text,
      expected: "SLOTS, TXSLOTS,RXSLOTS, TXSLOTS,RXSLOTS,RINGS or TXSLOTS,RXSLOTS,TXRINGS,RXRINGS",
      example: "--config 512,512,2,2",
    });
  }
  return { txSlots, rxSlots, txRings, rxRings };
}

/** netmap's -C for polling: whether each ring has a processor of its own, the first one, and how many. */
function readPolling(text: string | undefined): Polling {
  const numbers = (text ?? "0,0").split(",").map((word) => readNumber(word));
  const [each = 0, firstCpu = 0, cpus = 1] = numbers.map((number) => number?.value ?? 0);
  if (
    numbers.length < 2 ||
    numbers.length > 3 ||
    numbers.some((number) => !number?.whole || number.value < 0)
  ) {
    throw new NmError("OPTION_VALUE", {
      option: "--config",
      text: text ?? "",
      expected: "0,CPU for one processor, or 1,FIRSTCPU,CPUS for one of each ring",
      example: "--config 0,1",
    });
  }
  return { eachRing: each !== 0, firstCpu, cpus };
}

/** A region by its number, or by a port that lies in it. */
function memoryId(text: string, place: Place): number {
  const number = readNumber(text);
  if (number?.whole && number.value > 0 && number.value <= 0xffff) return number.value;
  return portInfo(parsePort(text), place).memId;
}

/** The mirror may be written with its switch, which is the port's. */
function mirrorName(port: string, mirror: string): string {
  const [vale] = splitName(port);
  return mirror.startsWith(`${vale}:`) ? mirror.slice(vale.length + 1) : mirror;
}
