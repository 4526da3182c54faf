/**
 * What every switch and port has counted, in OpenMetrics text.
 *
 * Names are those of the JSON output with their path joined: what `nm vale-ctl list --json` has as sent.packets of a port is
 * nm_port_sent_packets_total. Numbers are read when somebody asks, from shared memory, and nothing is kept in between.
 */

import { Counter, Gauge, Registry } from "prom-client";
import type { Place } from "./control.js";
import type { SwitchPort } from "./vale-ctl/port-table.js";
import { portFields } from "./vale-ctl/report.js";
import { type Listing, listOtherPorts, listSwitches } from "./vale-ctl/switches.js";

export const contentType = Registry.OPENMETRICS_CONTENT_TYPE;

/** The text of all metrics of a namespace. */
export function metricsText(place: Place = {}): Promise<string> {
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  fill(registry, listSwitches(place), listOtherPorts(place));
  return registry.metrics();
}

type Fields = ReturnType<typeof portFields>;
type Figures = Fields["sent"];

const sides = ["sent", "received"] as const;
const sums = {
  packets: "Packets",
  bytes: "Bytes of packets, without CRC,",
  syncs: "Times that rings were synced",
  held_back: "Syncs that left packets in the ring, for want of room at a port that loses none,",
} as const satisfies Partial<Record<keyof Figures, string>>;

const states = {
  macs: "Stations that are known behind the port",
  tx_rings: "Transmit rings of the port",
  rx_rings: "Receive rings of the port",
} as const satisfies Partial<Record<keyof Fields, string>>;

function fill(
  registry: Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>,
  { switches, loose, dead }: Listing,
  others: readonly SwitchPort[],
): void {
  const registers = [registry];
  const gauge = (name: string, help: string, labelNames: string[]) =>
    new Gauge({ name, help, labelNames, registers });
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter({ name, help, labelNames, registers });

  const ports = gauge("nm_switch_ports", "Ports on the switch", ["switch"]);
  const ageing = gauge(
    "nm_switch_ageing_seconds",
    "After how many seconds the switch forgets silent stations, 0 for never",
    ["switch"],
  );
  for (const vale of switches) {
    ports.set({ switch: vale.name }, vale.ports.length);
    ageing.set({ switch: vale.name }, vale.ageingSeconds);
  }

  const onSwitches = switches.flatMap((vale) => vale.ports);
  const workers = gauge(
    "nm_worker_up",
    "1 while a worker brings the packets of the interface that is attached there, 0 after it ended by itself",
    ["port"],
  );
  for (const { kind, fullName } of onSwitches) if (kind === "interface") workers.set({ port: fullName }, 1);
  for (const { port } of dead) workers.set({ port }, 0);

  const all = [...onSwitches, ...loose, ...others].map(described);
  const labels = ["port", "kind"];
  const processes = gauge("nm_port_processes", "Processes that have the port open", labels);
  for (const { fields, label } of all) processes.set(label, fields.processes.length);
  for (const [name, help] of Object.entries(states)) {
    const metric = gauge(`nm_port_${name}`, help, labels);
    for (const { fields, label } of all) metric.set(label, fields[name as keyof typeof states]);
  }
  for (const side of sides) {
    const how = side === "sent" ? "that the port sent" : "that the port received";
    for (const [name, help] of Object.entries(sums)) {
      const metric = counter(`nm_port_${side}_${name}_total`, `${help} ${how}`, labels);
      for (const { fields, label } of all) metric.inc(label, fields[side][name as keyof typeof sums]);
    }
    const lost = side === "sent" ? "of those that the port sent" : "on their way to the port";
    const drops = counter(`nm_port_${side}_drops_total`, `Packets lost ${lost}, by reason`, [
      ...labels,
      "reason",
    ]);
    for (const { fields, label } of all) {
      for (const [reason, count] of Object.entries(fields[side].drops))
        drops.inc({ ...label, reason }, count);
    }
  }
}

function described(port: SwitchPort) {
  const fields = portFields(port);
  return { fields, label: { port: fields.port, kind: fields.kind } };
}
