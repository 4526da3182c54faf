/**
 * port: explain a port name, and tell what the machine has under it.
 *
 * How a name is read is lib/port-spec.ts; this file finds the words for what came out. Nothing is opened.
 */

import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { command } from "../lib/command.js";
import { namespaceDirectory, type PortInfo, portInfo } from "../lib/control.js";
import { type ErrorCode, NmError } from "../lib/errors.js";
import { isTapName, isVale, tapPrefix } from "../lib/port-name.js";
import {
  formatPort,
  otherEnd,
  type PortFlag,
  type PortMode,
  type PortSpec,
  parsePort,
} from "../lib/port-spec.js";

export default command({
  name: "port",
  summary: "Explain a port name and show what the machine has under it",
  details:
    "Reads SPEC as every other command would and says what it means: the kind of port, the rings that would be " +
    "opened, flags, memory and options, and the one form in which nm prints it. Where the port exists, it " +
    "says what it is. Nothing is opened.",

  positionals: {
    spec: {
      type: "string",
      demandOption: true,
      describe: "A port, for example vale1:10, eth0-3/x or pipe0{1",
    },
  },

  examples: [
    ["nm port vale1:10", "A port of a VALE switch"],
    ["nm port 'netmap:pipe0<1' --json", "The master's side of a pipe, for a program"],
    ["nm port eth0-0/xR@2", "One ring of a network interface, with flags and a memory region"],
  ],

  run({ spec: text, json }, { out }) {
    const spec = parsePort(text);
    if (json) {
      const info = openPortInfo(spec);
      out.json({ ...specLine(text, spec), ...(info && { open: infoLine(info) }) });
      return;
    }
    const rows = [...specRows(spec), ...machineRows(spec)];
    const width = Math.max(...rows.map(([label]) => label.length));
    for (const [label, value] of rows) out.print(`${out.paint.bold(label.padEnd(width))}  ${value}`);
  },
});

function specLine(text: string, spec: PortSpec) {
  const { kind, name, pipe, mode, ring, flags, memId, options } = spec;
  const canonical = formatPort(spec);
  return {
    type: "port_spec",
    spec: text,
    canonical,
    kind,
    name,
    pipe,
    mode,
    ring,
    flags,
    mem_id: memId,
    options,
  };
}

type Row = readonly [label: string, value: string];

function specRows(spec: PortSpec): Row[] {
  const rows: Row[] = [
    ["port", formatPort(spec)],
    ["is", kindWords(spec)],
  ];
  if (spec.kind === "pipe" && spec.pipe) rows.push(["peer", otherEnd(spec.pipe)]);
  return [
    ...rows,
    ["opens", ringWords(spec)],
    ["flags", spec.flags.map((flag) => flagWords[flag]).join(", ") || "none"],
    ["memory", memoryWords(spec)],
    ["options", optionWords(spec)],
  ];
}

function kindWords(spec: PortSpec): string {
  switch (spec.kind) {
    case "nic":
      return `network interface "${spec.name}"`;
    case "host":
      return `the host stack's side of network interface "${spec.name}"`;
    case "vale":
    case "pipe":
      return nameWords(spec);
    case "monitor":
      return `monitor of ${nameWords(spec)}, seeing ${monitorWords(spec.flags)}`;
    case "null":
      return "null port: rings in memory, through which no packet passes";
    case "tap":
      return tapWords(spec.name);
  }
}

function tapWords(device: string): string {
  return `tap device "${device}": what is sent the host receives on it, what the host sends there arrives`;
}

function nameWords({ name, pipe }: PortSpec): string {
  if (isTapName(name)) return `tap device "${name.slice(tapPrefix.length)}"`;
  if (pipe) return `${pipe.side} side of pipe "${pipe.id}" of port "${pipe.parent}"`;
  if (!isVale(name)) return `network interface "${name}"`;
  const colon = name.indexOf(":");
  return `port "${name.slice(colon + 1)}" of VALE switch "${name.slice(0, colon)}"`;
}

function monitorWords(flags: readonly PortFlag[]): string {
  // netmap's zero-copy monitors see both directions, whatever was asked for.
  const zeroCopy = flags.includes("zcopy_mon");
  const both = zeroCopy || flags.includes("monitor_tx") === flags.includes("monitor_rx");
  const what = both ? "all packets" : flags.includes("monitor_tx") ? "what it sends" : "what it receives";
  return zeroCopy ? `${what} without copying` : `copies of ${what}`;
}

const modeWords: Readonly<Record<PortMode, string>> = {
  all_nic: "all hardware rings",
  sw: "all host rings",
  nic_sw: "all hardware and host rings",
  one_nic: "hardware ring",
  one_sw: "host ring",
  null: "all rings",
};

function ringWords(spec: PortSpec): string {
  const { kind, mode, ring, flags } = spec;
  const rings = isInterface(spec) ? modeWords[mode] : modeWords[mode].replace("hardware ", "");
  return rings + (ring === null ? "" : ` ${ring}`) + (kind === "monitor" ? "" : directionWords(flags));
}

function directionWords(flags: readonly PortFlag[]): string {
  const [receive, transmit] = [flags.includes("rx_rings_only"), flags.includes("tx_rings_only")];
  if (receive === transmit) return ", both directions";
  return receive ? ", receive only" : ", transmit only";
}

function isInterface({ kind, name, pipe }: PortSpec): boolean {
  return kind !== "null" && !pipe && !isVale(name) && !isTapName(name);
}

const flagWords: Readonly<Record<PortFlag, string>> = {
  exclusive: "exclusive (x)",
  zcopy_mon: "zero-copy monitor (z)",
  monitor_tx: "monitor transmit (t)",
  monitor_rx: "monitor receive (r)",
  rx_rings_only: "receive rings only (R)",
  tx_rings_only: "transmit rings only (T)",
};

function memoryWords({ memId, options, pipe }: PortSpec): string {
  const sources = [
    memId && `region ${memId}`,
    options.share && `the region of ${options.share.port}`,
    options.extmem && `file ${options.extmem.file}`,
  ].filter(Boolean);
  if (sources.length > 0) return sources.join(", ");
  return pipe ? `the region of "${pipe.parent}"` : "the default region for this kind of port";
}

function optionWords({ options }: PortSpec): string {
  const words = Object.entries(options).map(([name, values]) => {
    const pairs = Object.entries(values as object).map(([key, value]) => `${key} ${value}`);
    return `${name} (${pairs.join(", ")})`;
  });
  return words.join(", ") || "none";
}

/** What the machine has under the name. */
function machineRows(spec: PortSpec): Row[] {
  if (spec.kind === "tap") return [["machine", interfaceWords(spec.name) ?? "made when the port is opened"]];
  if (isInterface(spec))
    return [["machine", interfaceWords(spec.name) ?? "no network interface of this name"]];
  const info = openPortInfo(spec);
  if (info === undefined) return [];
  return [["now", info === null ? "nobody has it open" : infoWords(info)]];
}

/** What a software port is like that some program has open; null when none has, undefined for what is none. */
function openPortInfo(spec: PortSpec): PortInfo | null | undefined {
  if (spec.kind !== "vale" && spec.kind !== "pipe") return undefined;
  // Looking must not make the namespace.
  if (!existsSync(namespaceDirectory())) return null;
  try {
    return portInfo(spec);
  } catch (error) {
    if (error instanceof NmError && absent.includes(error.code)) return null;
    throw error;
  }
}

const absent: readonly ErrorCode[] = ["PORT_NOT_FOUND", "PIPE_NOT_FOUND"];

function infoLine({ txRings, rxRings, txSlots, rxSlots, memId }: PortInfo) {
  return { tx_rings: txRings, rx_rings: rxRings, tx_slots: txSlots, rx_slots: rxSlots, mem_id: memId };
}

function infoWords({ txRings, rxRings, txSlots, rxSlots, memId }: PortInfo): string {
  return `open, transmit rings ${txRings} of ${txSlots} slots, receive rings ${rxRings} of ${rxSlots}, memory region ${memId}`;
}

/** Nothing where there is no such interface. */
function interfaceWords(name: string): string | undefined {
  const directory = `/sys/class/net/${name}`;
  if (/\/|^\.\.?$/.test(name) || !existsSync(`${directory}/queues`)) return undefined;

  const attribute = (file: string) => readFileSync(`${directory}/${file}`, "utf8").trim();
  const queues = readdirSync(`${directory}/queues`);
  const count = (direction: string) => queues.filter((queue) => queue.startsWith(direction)).length;
  return [
    attribute("operstate") === "down" ? "a network interface, down" : "a network interface, up",
    `MTU ${attribute("mtu")}`,
    `address ${attribute("address")}`,
    `driver ${driverOf(directory) ?? "in software"}`,
    `transmit queues ${count("tx")}`,
    `receive queues ${count("rx")}`,
  ].join(", ");
}

/** The kernel's driver for the device of an interface, which only hardware has. */
function driverOf(directory: string): string | null {
  const link = `${directory}/device/driver`;
  return existsSync(link) ? basename(readlinkSync(link)) : null;
}
