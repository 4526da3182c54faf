/** What tlem prints: for people a line for each direction and a table at the end, for programs JSON. */

import { countsTogether } from "../counts.js";
import { formatDuration } from "../duration.js";
import type { Histogram } from "../histogram.js";
import type { LinkCounts } from "../link.js";
import { type Drops, dropsField } from "../loop-group.js";
import { type Column, type Output, scaled } from "../output.js";
import { dropsIn, dropWords } from "../report/drops.js";
import { elapsed, figures, type Passed } from "../report/passed.js";
import { tell } from "../report/text.js";

/** What one direction did in a while. Lateness is that of all packets so far. */
export interface DirectionReport {
  readonly from: string;
  readonly to: string;
  readonly passed: Passed;
  readonly counts: LinkCounts;
  readonly lateness: Histogram;
}

export interface LinkReport {
  readonly seconds: number;
  readonly directions: readonly DirectionReport[];
  /** What ports dropped by themselves: packets that had no room in them, or nowhere to go from them. */
  readonly ports: readonly { readonly port: string; readonly drops: Drops }[];
}

export interface LinkPrinter {
  begin(waitSeconds: number): void;
  ready(): void;
  /** The links were changed, or could not be. */
  tell(text: string): void;
  interval(report: LinkReport): void;
  end(report: LinkReport): void;
}

export function textPrinter(out: Output, [left, right]: readonly [string, string]): LinkPrinter {
  return {
    begin(wait_s) {
      if (wait_s > 0) tell(`Wait ${wait_s} secs for link to come up...`);
    },
    ready() {
      tell(`Ready to go, ${left} <-> ${right}.`);
    },
    tell,
    interval({ directions }) {
      for (const { from, to, passed, counts } of directions) {
        const { packets, bytes } = passed;
        const lost = dropWords(dropsIn(counts));
        tell(
          `${from} -> ${to} ${scaled(packets / elapsed(passed))}pps (${scaled(packets)}pkts ` +
            `${scaled((bytes * 8) / elapsed(passed))}bps), ${counts.under_way} under way` +
            (lost === "" ? "" : `, dropped ${lost}`),
        );
      }
    },
    end({ directions, ports }) {
      out.table(columns, directions.map(row));
      for (const { from, to, counts } of directions) {
        const lost = dropWords(dropsIn(counts));
        if (lost !== "") out.print(`Dropped from ${from} to ${to}: ${lost}.`);
        if (counts.held > 0) out.print(`Held back from ${from} to ${to}: ${counts.held}.`);
      }
      for (const { port, drops } of ports) {
        const lost = dropWords(drops);
        if (lost !== "") out.print(`Dropped by ${port} itself: ${lost}.`);
      }
    },
  };
}

const columns: readonly Column[] = [
  { heading: "from" },
  { heading: "to" },
  { heading: "received", align: "right" },
  { heading: "sent", align: "right" },
  { heading: "bytes", align: "right" },
  { heading: "dropped", align: "right" },
  { heading: "late 50%", align: "right" },
  { heading: "99%", align: "right" },
  { heading: "max", align: "right" },
];

function row({ from, to, passed, counts, lateness }: DirectionReport): (string | number)[] {
  const number = (value: number) => value.toLocaleString("en-US");
  const { p50, p99, max } = lateness.percentiles();
  const times = lateness.count === 0 ? ["", "", ""] : [p50, p99, max].map(formatDuration);
  const dropped = Object.values(dropsIn(counts)).reduce((sum, count) => sum + count, 0);
  return [
    from,
    to,
    number(counts.received),
    number(passed.packets),
    number(passed.bytes),
    number(dropped),
    ...times,
  ];
}

export function jsonPrinter(
  out: Output,
  { backend, drivers }: { backend: string; drivers: readonly string[] },
): LinkPrinter {
  return {
    begin() {},
    ready() {},
    tell(text) {
      process.stderr.write(`${text}\n`);
    },
    interval(report) {
      out.json({ type: "report", backend, ...fields(report) });
    },
    end(report) {
      out.summary({ backend, drivers, ...fields(report) });
    },
  };
}

function fields({ seconds, directions, ports }: LinkReport) {
  const all = directions.map(({ passed }) => passed);
  const sum = (of: (passed: Passed) => number) => all.reduce((total, passed) => total + of(passed), 0);
  const drops = countsTogether([
    ...directions.map(({ counts }) => dropsIn(counts)),
    ...ports.map((port) => port.drops),
  ]);
  return {
    function: "link",
    ...figures({
      packets: sum(({ packets }) => packets),
      bytes: sum(({ bytes }) => bytes),
      events: 0,
      seconds,
    }),
    drops,
    directions: directions.map(({ from, to, passed, counts, lateness }) => {
      const { received, received_bytes, held, under_way, queued_bytes } = counts;
      return {
        ...{ from, to },
        ...figures(passed),
        ...{ received, received_bytes, held, under_way, queued_bytes },
        drops: dropsIn(counts),
        ...(lateness.count > 0 && { lateness_ns: lateness.percentiles() }),
      };
    }),
    ports: ports.map(({ port, drops: own }) => ({ port, drops: dropsField(own) })),
  };
}
