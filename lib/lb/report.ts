/**
 * What a load balancer prints: for people a table, for programs our JSON lines, and for those who read netmap's lb its
 * statistics.
 */

import type { BalancerCounts } from "../balancer.js";
import type { Drops } from "../loop-group.js";
import type { Column, Output } from "../output.js";
import { figures, type Passed } from "../report/passed.js";
import { tell } from "../report/text.js";

/** What happened in a while, and since the start. Numbers of what waits, or is free, are of its end. */
export interface LbReport {
  readonly seconds: number;
  readonly counts: BalancerCounts;
  readonly total: BalancerCounts;
  /** Packets that the input dropped by itself, before they could be spread. */
  readonly inputDrops: Drops;
  /** The process that reads each output. */
  readonly consumers: readonly (number | undefined)[];
}

/** The load balancer that is reported, as it begins. */
export interface LbSubject {
  readonly backend: string;
  readonly driver: string;
  readonly input: string;
  readonly outputs: readonly { readonly name: string; readonly consumer: string; readonly group: number }[];
  readonly extraBuffers: number;
  readonly askedBuffers: number;
}

/** Somebody opened the end of a pipe, or closed it. `waiting` are the slots that nobody has taken. */
export interface ConsumerChange {
  readonly port: string;
  readonly pid: number;
  readonly state: "opened" | "closed";
  readonly waiting: number;
}

export interface LbPrinter {
  begin(waitSeconds: number): void;
  ready(): void;
  consumer(change: ConsumerChange): void;
  interval(report: LbReport): void;
  end(report: LbReport): void;
}

export function textPrinter(out: Output, subject: LbSubject): LbPrinter {
  const { input, outputs, extraBuffers, askedBuffers } = subject;
  return {
    begin(wait_s) {
      for (const { name, consumer } of outputs) tell(`${name}: packets for who opens ${consumer}`);
      if (extraBuffers < askedBuffers)
        tell(`obtained ${extraBuffers} extra buffers, ${askedBuffers} were asked for`);
      if (wait_s > 0) tell(`Wait ${wait_s} secs for link to come up...`);
    },
    ready() {
      tell(`Ready to go, ${input} -> ${outputs.length} pipes.`);
    },
    consumer({ port, pid, state, waiting }) {
      const left = waiting > 0 ? `, ${waiting} slots wait for the next one` : "";
      tell(
        state === "opened" ? `${port} opened by process ${pid}` : `${port} closed, was process ${pid}${left}`,
      );
    },
    interval(report) {
      for (const line of netmapLines(subject, report, Date.now())) out.print(line);
    },
    end({ total: counts, inputDrops, seconds }) {
      out.table(
        columns,
        outputs.map(({ consumer }, i) => row(consumer, counts.outputs[i], seconds)),
      );
      for (const line of remarks(counts, inputDrops, input)) out.print(line);
      const { forwarded, dropped } = sums(counts);
      out.print(`${forwarded} packets forwarded.  ${dropped} packets dropped. Total ${forwarded + dropped}`);
    },
  };
}

type OutputCounts = BalancerCounts["outputs"][number];

const columns: readonly Column[] = [
  { heading: "pipe" },
  { heading: "packets", align: "right" },
  { heading: "bytes", align: "right" },
  { heading: "Mpps", align: "right" },
  { heading: "dropped", align: "right" },
  { heading: "slots waiting", align: "right" },
];

function row(consumer: string, counts: OutputCounts | undefined, seconds: number): (string | number)[] {
  if (!counts) return [consumer];
  const number = (value: number) => value.toLocaleString("en-US");
  const mpps = (counts.packets / Math.max(seconds, 1e-6) / 1e6).toFixed(3);
  const { packets, bytes, drops_full, waiting, queued } = counts;
  return [consumer, number(packets), number(bytes), mpps, number(drops_full), number(waiting + queued)];
}

/** What does not fit into the table. */
function remarks({ own }: BalancerCounts, inputDrops: Drops, input: string): string[] {
  const lines = [`Received ${own.received} packets of ${input}, ${own.non_ip} of them not IP.`];
  if (own.strayed > 0) {
    lines.push(
      `${own.strayed} fragments came before the first of their datagram, and went by their addresses.`,
    );
  }
  if (own.drops_too_long > 0) lines.push(`${own.drops_too_long} packets were longer than a ring.`);
  const lost = Object.entries(inputDrops).map(([reason, count]) => `${count} ${reason}`);
  if (lost.length > 0) lines.push(`Dropped by ${input} itself: ${lost.join(", ")}.`);
  return lines;
}

/** What netmap's lb prints, key by key. Mbps are of 10^6 bits, where netmap divides by 2^20. */
export function netmapLines({ input, outputs }: LbSubject, report: LbReport, now_ms: number): string[] {
  const { counts, total, seconds } = report;
  const ts = (now_ms / 1000).toFixed(6);
  const passed = counts.outputs.map(passedOf);
  const lines = outputs.map(({ name }, i) => {
    const { packets = 0, drops_full = 0, queued = 0 } = total.outputs[i] ?? {};
    return (
      `{"ts":${ts},"interface":${JSON.stringify(name)},"output_ring":${i},` +
      `"packets_forwarded":${packets},"packets_dropped":${drops_full},` +
      `${rates(passed[i] ?? nothing, seconds)},"overflow_queue_size":${queued}}`
    );
  });
  const { received, non_ip, free_buffers } = total.own;
  const { forwarded, dropped } = sums(total);
  lines.push(
    `{"ts":${ts},"interface":${JSON.stringify(input)},"output_ring":null,"packets_received":${received},` +
      `"packets_forwarded":${forwarded},"packets_dropped":${dropped},"non_ip_packets":${non_ip},` +
      `${rates(passed.reduce(plus, nothing), seconds)},"free_buffer_slots":${free_buffers}}`,
  );
  return lines;
}

const nothing = { packets: 0, bytes: 0, lost: 0, lostBytes: 0 };
type OutputPassed = typeof nothing;

function passedOf({ packets, bytes, drops_full, dropped_bytes }: OutputCounts): OutputPassed {
  return { packets, bytes, lost: drops_full, lostBytes: dropped_bytes };
}

function plus(a: OutputPassed, b: OutputPassed): OutputPassed {
  return {
    packets: a.packets + b.packets,
    bytes: a.bytes + b.bytes,
    lost: a.lost + b.lost,
    lostBytes: a.lostBytes + b.lostBytes,
  };
}

function rates({ packets, bytes, lost, lostBytes }: OutputPassed, seconds: number): string {
  const rate = (value: number, unit: number) => (value / Math.max(seconds, 1e-6) / unit).toFixed(4);
  return (
    `"data_forward_rate_Mbps":${rate(bytes * 8, 1e6)},"data_drop_rate_Mbps":${rate(lostBytes * 8, 1e6)},` +
    `"packet_forward_rate_kpps":${rate(packets, 1e3)},"packet_drop_rate_kpps":${rate(lost, 1e3)}`
  );
}

/** Over all outputs, so that a packet counts once in each group. */
function sums({ outputs }: BalancerCounts): { forwarded: number; dropped: number } {
  const { packets, lost } = outputs.map(passedOf).reduce(plus, nothing);
  return { forwarded: packets, dropped: lost };
}

export function jsonPrinter(out: Output, subject: LbSubject): LbPrinter {
  const { backend, driver, input } = subject;
  return {
    begin() {},
    ready() {},
    consumer: (change) => out.json({ type: "consumer", ...change }),
    interval: (report) =>
      out.json({ type: "report", backend, driver, port: input, ...fields(subject, report) }),
    end: (report) =>
      out.summary({ backend, driver, port: input, ...fields(subject, { ...report, counts: report.total }) }),
  };
}

function fields({ outputs }: LbSubject, { seconds, counts, inputDrops, consumers }: LbReport) {
  const { received, received_bytes, non_ip, strayed, drops_too_long, free_buffers } = counts.own;
  const passed = (packets: number, bytes: number): Passed => ({ packets, bytes, seconds, events: 0 });
  const { forwarded, dropped } = sums(counts);
  return {
    ...figures(passed(received, received_bytes)),
    drops: {
      ...inputDrops,
      ...reasons({ full: dropped + (inputDrops.full ?? 0), too_long: drops_too_long }),
    },
    forwarded,
    ...{ non_ip, strayed, free_buffers },
    outputs: outputs.map(({ name, consumer, group }, i) => {
      const { packets, bytes, drops_full, queued, waiting, taken } = counts.outputs[i] as OutputCounts;
      return {
        ...{ port: name, consumer, group, pid: consumers[i] ?? null },
        ...figures(passed(packets, bytes)),
        ...{ taken_slots: taken, waiting_slots: waiting, queued_slots: queued },
        drops: reasons({ full: drops_full }),
      };
    }),
  };
}

function reasons(drops: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(drops).filter(([, count]) => count > 0));
}
