/** What vale-ctl prints of switches: netmap's lines, columns for people, and objects for programs. */

import { formatDuration } from "../duration.js";
import { type CounterName, counterMeanings, type DropReason, dropCounters } from "../layout.js";
import { type Programs, programOf, programs } from "../open-ports.js";
import { type Column, columnWidths, grouped, type Output, scaled, table } from "../output.js";
import type { KernelPort, KernelSwitch } from "./kernel-switches.js";
import { policyFields, policyWords } from "./policy.js";
import type { SwitchPort } from "./port-table.js";
import type { Listing, NamedSwitch, Station, Switch } from "./switches.js";
import { type DeadWorker, endWords } from "./workers.js";

const reasons = Object.keys(dropCounters) as DropReason[];

/** netmap's listing: a line for each port. */
export function printPlain(out: Output, switches: readonly (NamedSwitch | KernelSwitch)[]): void {
  const lines = switches.flatMap(({ index, ports }) =>
    ports.map(({ fullName, place }) => `${fullName} bridge_idx ${index} port_idx ${place}`),
  );
  if (lines.length > 0) out.print(lines.join("\n"));
}

/** How much a port moved in a second, where it was seen twice. */
export interface Rates {
  readonly sent: number;
  readonly received: number;
}
export type RatesOf = (port: SwitchPort) => Rates | undefined;

const right = (heading: string): Column => ({ heading, align: "right" });

const noSwitches =
  "There are no switches. Opening a port makes one, for example: nm pkt-gen -i vale0:a -f rx";

function portCount({ length }: readonly unknown[]): string {
  return length === 1 ? "1 port" : `${length} ports`;
}

const kindWords: Readonly<Partial<Record<SwitchPort["kind"], string>>> = {
  vale: "opened",
  persistent: "persistent",
  host: "host stack",
};

export function printListing(out: Output, listing: Listing, ratesOf?: RatesOf): void {
  out.print(listingLines(out, listing, ratesOf).join("\n"));
}

/** All lines, so that they can be written at once: a pipe takes each write by itself. */
function listingLines(out: Output, { switches, loose, dead }: Listing, ratesOf?: RatesOf): string[] {
  const lines: string[] = [];
  for (const worker of dead) {
    lines.push(
      out.paint.bold(
        `${worker.port} is attached no longer: its worker, process ${worker.pid}, ${endWords(worker)}`,
      ),
      "  attach it again, or detach it to forget it; the interface is the host's meanwhile",
    );
  }
  if (dead.length > 0 && switches.length + loose.length > 0) lines.push("");
  if (switches.length + loose.length + dead.length === 0) return [noSwitches];
  const users = programs();
  for (const [i, vale] of switches.entries()) {
    if (i > 0) lines.push("");
    const ageing = vale.ageingSeconds === 0 ? "" : `, stations forgotten after ${vale.ageingSeconds} s`;
    lines.push(`${out.paint.bold(vale.name)}, ${portCount(vale.ports)}${ageing}`);
    lines.push(...portLines(out, vale.ports, users, ratesOf));
  }
  if (loose.length === 0) return lines;
  if (switches.length > 0) lines.push("");
  lines.push(`${out.paint.bold("on no switch")}; nm vale-ctl attach vale0:NAME puts one there`);
  return [...lines, ...portLines(out, loose, users, ratesOf)];
}

/** What the kernel module tells, which is who is there. */
export function printKernelListing(out: Output, switches: readonly KernelSwitch[]): void {
  if (switches.length === 0) {
    out.print(noSwitches);
    return;
  }
  for (const [i, { name, ports }] of switches.entries()) {
    if (i > 0) out.print();
    out.print(`${out.paint.bold(name)}, ${portCount(ports)}`);
    out.table(
      [{ heading: "  port" }, { heading: "kind" }, right("rings"), right("slots"), right("memory")],
      ports.map(({ name: port, kind, info }) => [
        `  ${port}`,
        kindWords[kind] ?? kind,
        info === undefined ? "" : ringWords(info),
        info === undefined ? "" : info.txSlots,
        info === undefined ? "" : `region ${info.memId}`,
      ]),
    );
  }
  out.print();
  out.print("The kernel module does not tell who has its ports open, what passed and what was lost.");
}

function portLines(
  out: Output,
  ports: readonly SwitchPort[],
  users: Programs,
  ratesOf: RatesOf | undefined,
): string[] {
  const columns: readonly (Column & { readonly of: (port: SwitchPort) => string })[] = [
    { heading: "  port", of: ({ name }) => `  ${name}` },
    { heading: "kind", of: kindOf },
    { ...right("rings"), of: ringWords },
    { ...right("MACs"), of: ({ stations }) => String(stations) },
    { ...right("sent"), of: (port) => amount(port.sentPackets, ratesOf?.(port)?.sent) },
    { ...right("received"), of: (port) => amount(port.receivedPackets, ratesOf?.(port)?.received) },
    // Columns that would be empty stay away, so that what is left fits on a line.
    ...(ports.some(({ hasLost }) => hasLost) ? [{ heading: "lost", of: lostWords }] : []),
    ...(ports.some(({ isTold }) => isTold)
      ? [{ heading: "told", of: ({ policy }: SwitchPort) => policyWords(policy) }]
      : []),
    { heading: "open in", of: ({ pids }) => openWords(pids, users) },
  ];
  const rows = ports.map((port) => columns.map(({ of }) => of(port)));
  fit(columns, rows, out.width);
  return table(columns, rows, out.paint);
}

/** Shortens the last column, a command line, until each row fits. */
function fit(columns: readonly Column[], rows: string[][], width: number): void {
  const last = columns.length - 1;
  if (rows.every((row) => (row[last]?.length ?? 0) <= 12)) return;
  const others = columnWidths(columns, rows).slice(0, -1);
  const room = Math.max(12, width - others.reduce((sum, column) => sum + column + 2, 0));
  for (const row of rows) {
    const text = row[last] ?? "";
    if (text.length > room) row[last] = `${text.slice(0, room - 1)}…`;
  }
}

function kindOf({ kind, leadsTo, driver }: SwitchPort): string {
  if (leadsTo) return `joins ${leadsTo}`;
  return kind === "interface" && driver ? driver : (kindWords[kind] ?? kind);
}

function ringWords({ txRings, rxRings }: Pick<SwitchPort, "txRings" | "rxRings">): string {
  return txRings === rxRings ? String(txRings) : `${txRings}/${rxRings}`;
}

function amount(packets: number, perSecond: number | undefined): string {
  const total = grouped(packets);
  return perSecond === undefined ? total : `${total} (${scaled(perSecond)}pps)`;
}

/** "full 12, no_destination 3": what it lost as a sender, and what was lost on the way to it. */
function lostWords(port: SwitchPort): string {
  return Object.entries(dropsOf(port))
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${reason} ${grouped(count)}`)
    .join(", ");
}

/** Lost by reason, on either side of the port. A packet that found its receiver full is counted at both ports. */
export function dropsOf({ sent, received }: SwitchPort): Record<DropReason, number> {
  const record = {} as Record<DropReason, number>;
  for (const reason of reasons) {
    const counter: CounterName = dropCounters[reason];
    record[reason] = sent[counter] + received[counter];
  }
  return record;
}

function openWords(pids: readonly number[], users: Programs): string {
  if (pids.length === 0) return "nobody";
  const [first = 0, ...more] = new Set(pids);
  const others = more.length > 0 ? ` and ${more.length} more` : "";
  return `${first}${others} ${users(first) ?? ""}`.trim();
}

export function deadFields({ port, pid, status, log }: DeadWorker) {
  return { port, pid, status: status ?? null, log };
}

/** One switch as --json prints it. */
export function switchFields({ name, index, ageingSeconds, ports }: Switch, ratesOf?: RatesOf) {
  const users = programs();
  return {
    name,
    index,
    ageing_seconds: ageingSeconds,
    ports: ports.map((port) => portFields(port, ratesOf?.(port), users)),
  };
}

export function portFields(port: SwitchPort, rates?: Rates, users: Programs = programOf) {
  return {
    port: port.fullName,
    index: port.place,
    kind: port.kind,
    mem_id: port.memId,
    tx_rings: port.txRings,
    rx_rings: port.rxRings,
    tx_slots: port.txSlots,
    rx_slots: port.rxSlots,
    header_bytes: port.headerLength,
    macs: port.stations,
    joins: port.leadsTo ?? null,
    driver: port.driver ?? null,
    processes: [...new Set(port.pids)].map((pid) => ({ pid, command: users(pid) ?? null })),
    ...policyFields(port.policy),
    sent: countedFields(port.sent, rates?.sent),
    received: countedFields(port.received, rates?.received),
  };
}

/** The same of the kernel module's, in which null is what it does not tell. */
export function kernelSwitchFields({ name, index, ports }: KernelSwitch) {
  return { name, index, ageing_seconds: null, ports: ports.map(kernelPortFields) };
}

function kernelPortFields({ fullName, place, kind, info, headerLength }: KernelPort) {
  return {
    port: fullName,
    index: place,
    kind,
    mem_id: info?.memId ?? null,
    tx_rings: info?.txRings ?? null,
    rx_rings: info?.rxRings ?? null,
    tx_slots: info?.txSlots ?? null,
    rx_slots: info?.rxSlots ?? null,
    header_bytes: headerLength ?? null,
    macs: null,
    joins: null,
    driver: null,
    processes: null,
    full: null,
    rate_pps: null,
    rate_bps: null,
    mac_limit: null,
    group: null,
    mirror: null,
    sent: null,
    received: null,
  };
}

function countedFields(counted: SwitchPort["sent"], pps: number | undefined) {
  const { packets, bytes, syncs, held_back } = counted;
  const drops = Object.fromEntries(reasons.map((reason) => [reason, counted[dropCounters[reason]]]));
  return { packets, bytes, syncs, held_back, drops, ...(pps !== undefined && { pps }) };
}

export function stationFields({ mac, port, ageSeconds, moves, isPinned }: Station) {
  return { mac, port, age_seconds: ageSeconds, moves, pinned: isPinned };
}

export function printStations(out: Output, stations: readonly Station[]): void {
  if (stations.length === 0) {
    out.print("No stations are known there. A switch learns them from what they send.");
    return;
  }
  out.table(
    [{ heading: "MAC" }, { heading: "port" }, right("heard"), right("moves"), { heading: "" }],
    stations.map(({ mac, port, ageSeconds, moves, isPinned }) => [
      mac,
      port,
      ageSeconds === 0 ? "now" : `${formatDuration(ageSeconds * 1e9)} ago`,
      moves,
      isPinned ? "pinned" : "",
    ]),
  );
}

/** What a port counted, a line for each number that is not 0. */
export function printCounters(out: Output, port: SwitchPort): void {
  const rows = (Object.keys(counterMeanings) as CounterName[])
    .filter((name) => port.sent[name] !== 0 || port.received[name] !== 0)
    .map((name) => [name, grouped(port.sent[name]), grouped(port.received[name]), counterMeanings[name]]);
  out.print(out.paint.bold(port.fullName));
  out.table(
    [{ heading: "  counter" }, right("sent"), right("received"), { heading: "meaning" }],
    rows.map(([name, ...rest]) => [`  ${name}`, ...rest.map(String)]),
  );
}
