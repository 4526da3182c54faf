/**
 * What a bridge prints: for people netmap's lines and a table, for programs JSON.
 */

import { countsTogether } from "../counts.js";
import type { LaneCounts } from "../forwarder.js";
import type { Drops } from "../loop-group.js";
import { type Column, type Output, scaled } from "../output.js";
import { dropsIn, dropWords } from "../report/drops.js";
import { figures, type Passed } from "../report/passed.js";
import { tell } from "../report/text.js";

/** What one direction did in a while. */
export interface DirectionReport {
  readonly from: string;
  readonly to: string;
  readonly counts: LaneCounts;
}

/** What a port dropped by itself in a while: packets that had no room in it, or nowhere to go from it. */
export interface PortReport {
  readonly port: string;
  readonly drops: Drops;
}

export interface BridgeReport {
  readonly seconds: number;
  readonly directions: readonly DirectionReport[];
  readonly ports: readonly PortReport[];
}

/** The bridge that is reported, as it begins. */
export interface BridgeSubject {
  readonly backend: string;
  readonly drivers: readonly string[];
  readonly directions: readonly { readonly from: string; readonly to: string; readonly zeroCopy: boolean }[];
  /** Names of ports with their receive rings. */
  readonly ports: ReadonlyMap<string, number>;
}

export interface BridgePrinter {
  begin(waitSeconds: number): void;
  ready(): void;
  interval(report: BridgeReport): void;
  end(report: BridgeReport): void;
}

export function textPrinter(out: Output, subject: BridgeSubject): BridgePrinter {
  const { directions, ports } = subject;
  return {
    begin(wait_s) {
      for (const { from, to, zeroCopy } of directions.filter(isFirstOfPair)) {
        const which = directions.length > 2 ? `, ${from} ${to}` : "";
        tell(`------- zerocopy ${zeroCopy ? "" : "NOT "}supported${which}`);
      }
      if (wait_s > 0) tell(`Wait ${wait_s} secs for link to come up...`);
    },
    ready() {
      const rings = (name: string) => `${name} 0x0/${ports.get(name)}`;
      for (const { from, to } of directions.filter(isFirstOfPair)) {
        const arrow = isTwoWay({ from, to }, directions) ? "<->" : "->";
        tell(`Ready to go, ${rings(from)} ${arrow} ${rings(to)}.`);
      }
    },
    interval(report) {
      for (const { from, to, counts } of report.directions) {
        const { packets, bytes } = counts;
        const bits = (bytes * 8) / report.seconds;
        const lost = dropWords(dropsIn(counts));
        tell(
          `${from} -> ${to} ${scaled(packets / report.seconds)}pps (${scaled(packets)}pkts ${scaled(bits)}bps)` +
            (lost === "" ? "" : `, dropped ${lost}`),
        );
      }
    },
    end(report) {
      out.table(
        columns,
        report.directions.map((one) => row(one, report.seconds)),
      );
      for (const line of remarks(report)) out.print(line);
    },
  };

  /** Of two directions between the same ports only the first is told. */
  function isFirstOfPair(one: { from: string; to: string }, place: number): boolean {
    const back = directions.findIndex(({ from, to }) => from === one.to && to === one.from);
    return back === -1 || back >= place;
  }
}

function isTwoWay(one: { from: string; to: string }, all: readonly { from: string; to: string }[]): boolean {
  return one.from !== one.to && all.some(({ from, to }) => from === one.to && to === one.from);
}

const columns: readonly Column[] = [
  { heading: "from" },
  { heading: "to" },
  { heading: "packets", align: "right" },
  { heading: "bytes", align: "right" },
  { heading: "Mpps", align: "right" },
  { heading: "bytes copied", align: "right" },
  { heading: "dropped", align: "right" },
];

function row({ from, to, counts }: DirectionReport, seconds: number): (string | number)[] {
  const number = (value: number) => value.toLocaleString("en-US");
  const mpps = (counts.packets / Math.max(seconds, 1e-6) / 1e6).toFixed(3);
  const dropped = Object.values(dropsIn(counts)).reduce((sum, count) => sum + count, 0);
  return [
    from,
    to,
    number(counts.packets),
    number(counts.bytes),
    mpps,
    number(counts.copied_bytes),
    number(dropped),
  ];
}

/** What does not fit into the table: reasons of drops, copies that were made, drops of the ports themselves. */
function remarks({ directions, ports }: BridgeReport): string[] {
  const lines: string[] = [];
  for (const { from, to, counts } of directions) {
    const lost = dropWords(dropsIn(counts));
    if (lost !== "") lines.push(`Dropped from ${from} to ${to}: ${lost}.`);
    const { mirrored, mirror_drops_full, captured, capture_drops_full } = counts;
    if (mirrored + mirror_drops_full > 0) {
      lines.push(`Mirrored from ${from}: ${mirrored}, no room for ${mirror_drops_full}.`);
    }
    if (captured + capture_drops_full > 0) {
      lines.push(`Captured from ${from}: ${captured}, no room for ${capture_drops_full}.`);
    }
  }
  for (const { port, drops } of ports) {
    const lost = dropWords(drops);
    if (lost !== "") lines.push(`Dropped by ${port} itself: ${lost}.`);
  }
  return lines;
}

export function jsonPrinter(out: Output, { backend, drivers }: BridgeSubject): BridgePrinter {
  return {
    begin() {},
    ready() {},
    interval(report) {
      out.json({ type: "report", backend, ...fields(report) });
    },
    end(report) {
      out.summary({ backend, drivers, ...fields(report) });
    },
  };
}

function fields({ seconds, directions, ports }: BridgeReport) {
  const passed = (counts: readonly LaneCounts[]): Passed => ({
    packets: sumOf(counts.map(({ packets }) => packets)),
    bytes: sumOf(counts.map(({ bytes }) => bytes)),
    events: 0,
    seconds,
  });
  const drops = countsTogether([
    ...directions.map(({ counts }) => dropsIn(counts)),
    ...ports.map((port) => port.drops),
  ]);
  return {
    ...figures(passed(directions.map(({ counts }) => counts))),
    drops,
    directions: directions.map(({ from, to, counts }) => ({
      ...{ from, to },
      ...figures(passed([counts])),
      ...otherCounts(counts),
      drops: dropsIn(counts),
    })),
    ports: ports.map(({ port, drops: own }) => ({ port, drops: own })),
  };
}

function otherCounts({
  copied_bytes,
  held_back,
  mirrored,
  mirror_drops_full,
  captured,
  capture_drops_full,
}: LaneCounts) {
  return { copied_bytes, held_back, mirrored, mirror_drops_full, captured, capture_drops_full };
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
