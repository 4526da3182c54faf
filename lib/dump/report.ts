/** What a capture tells people and programs. What it captured is in its file. */

import type { CaptureCounts } from "../capturer.js";
import { type Drops, dropsField, uncounted } from "../loop-group.js";
import { type Output, scaled } from "../output.js";
import type { RecorderFigures } from "../recorder.js";
import { figures } from "../report/passed.js";
import { tell } from "../report/text.js";
import type { Watched } from "./watch.js";

export interface DumpReport {
  readonly seconds: number;
  readonly ports: readonly { readonly name: string; readonly counts: CaptureCounts; readonly drops: Drops }[];
  readonly file: RecorderFigures;
}

export interface DumpPrinter {
  begin(): void;
  interval(report: DumpReport): void;
  end(report: DumpReport): void;
}

/** For people. Standard output may be the capture, so all of it goes to stderr then. */
export function textPrinter(out: Output, watched: readonly Watched[], path: string): DumpPrinter {
  const print = (text: string) => {
    if (path === "-") process.stderr.write(`${text}\n`);
    else out.print(text);
  };
  return {
    begin() {
      for (const { name, how } of watched) {
        tell(
          how === "watched"
            ? `Watching ${name}: copies of what it receives and sends; its user notices nothing.`
            : `Opened ${name}: what arrives there is taken.`,
        );
      }
    },
    interval({ seconds, ports, file }) {
      const packets = sum(ports.map(({ counts }) => counts.packets));
      const lost = lostWords(ports.map(({ drops }) => drops));
      tell(
        `${scaled(packets / seconds)}pps (${scaled(packets)}pkts, ${scaled(file.bytes)}B written)` +
          (lost === "" ? "" : `, dropped ${lost}`),
      );
    },
    end({ seconds, ports, file }) {
      for (const { name, counts, drops } of ports) {
        const filtered = counts.filtered > 0 ? `, ${counts.filtered} others filtered out` : "";
        const lost = lostWords([drops]);
        print(
          `${counts.packets} packets captured of ${name}, ${counts.bytes} bytes${filtered}, ` +
            `in ${seconds.toFixed(2)} seconds; dropped: ${lost === "" ? "none" : lost}.`,
        );
      }
      if (file.discarded > 0) print(`${file.discarded} packets could not be written.`);
      if (path !== "-") print(`${file.bytes} bytes in ${file.files === 1 ? path : `${file.files} files`}.`);
    },
  };
}

export function jsonPrinter(out: Output, backend: string): DumpPrinter {
  const fields = ({ seconds, ports, file }: DumpReport) => {
    const packets = sum(ports.map(({ counts }) => counts.packets));
    const bytes = sum(ports.map(({ counts }) => counts.bytes));
    return {
      backend,
      ...figures({ packets, bytes, seconds, events: 0 }),
      drops: dropsField(together(ports.map(({ drops }) => drops))),
      captures: ports.map(({ name, counts, drops }) => ({ port: name, ...counts, drops: dropsField(drops) })),
      written: { bytes: file.bytes, files: file.files, discarded: file.discarded },
    };
  };
  return {
    begin() {},
    interval: (report) => out.json({ type: "report", ...fields(report) }),
    end: (report) => out.summary(fields(report)),
  };
}

function lostWords(drops: readonly Drops[]): string {
  return Object.entries(together(drops))
    .map(([reason, count]) => `${count} ${reason}`)
    .join(", ");
}

function together(all: readonly Drops[]): Drops {
  if (all.every((one) => one === uncounted)) return uncounted;
  const drops: Record<string, number> = {};
  for (const [reason, count] of all.flatMap((one) => Object.entries(one))) {
    drops[reason] = (drops[reason] ?? 0) + count;
  }
  return drops;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
