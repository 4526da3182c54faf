/**
 * What a command prints on stdout, and how numbers and tables look there.
 *
 * Whoever reads stdout may go away (`nm ... | head`). That is a success: the rest is thrown away and
 * `closed` fires, so that a long run can end. Any other failure to write is kept for main to report.
 */

import type { Writable } from "node:stream";

/** Names the version of the JSON lines, schema/output.schema.json, in every summary. */
export const schemaVersion = "netmap-tools/1";

/** A stream for people or programs, such as process.stdout. */
type Stream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

const colours = ["bold", "dim", "cyan", "green", "yellow", "red"] as const;

/** Colours words for people. Where nobody would see the colour it gives the words back. */
export type Paint = Readonly<Record<(typeof colours)[number], (text: string) => string>>;

export class Output {
  readonly #closed = new AbortController();
  #failure: NodeJS.ErrnoException | undefined;

  constructor(
    readonly stream: Stream,
    readonly paint: Paint = plain,
  ) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") this.#failure ??= error;
      this.#closed.abort();
    });
  }

  /** Fires when nothing more can be written. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** True where people read along, as they do on a terminal. */
  get isTTY(): boolean {
    return this.stream.isTTY === true;
  }

  /** How many letters fit on a line. Lines longer than 100 are hard to read, so it is never more. */
  get width(): number {
    const columns = this.stream.columns ?? (Number(process.env.COLUMNS) || 80);
    return Math.max(40, Math.min(columns, 100));
  }

  /** Prints a line, or several, for people. */
  print(text = ""): void {
    if (!this.closed.aborted) this.stream.write(`${text}\n`);
  }

  /** Prints one object on a line of its own, for programs. Counters may be bigints. */
  json(object: { readonly type: string } & Readonly<Record<string, unknown>>): void {
    this.print(JSON.stringify(object, (_, value) => (typeof value === "bigint" ? Number(value) : value)));
  }

  /** Prints the JSON line that ends a run: what it came to, and by which version of the schema. */
  summary(fields: Readonly<Record<string, unknown>>): void {
    this.json({ type: "summary", schema: schemaVersion, ...fields });
  }

  /** Prints aligned columns; see `table`. */
  table(columns: readonly Column[], rows: readonly (readonly (string | number)[])[]): void {
    this.print(table(columns, rows, this.paint).join("\n"));
  }

  /** Waits until everything printed has been handed to the system; gives what went wrong, if anything. */
  async flush(): Promise<NodeJS.ErrnoException | undefined> {
    if (!this.closed.aborted) await new Promise<void>((done) => this.stream.write("", () => done()));
    return this.#failure;
  }
}

const plain = Object.fromEntries(colours.map((name) => [name, (text: string) => text])) as Paint;

/** Colours on a terminal, unless NO_COLOR is set. chalk is loaded only there. */
export async function paintFor(stream: Stream): Promise<Paint> {
  if (!stream.isTTY || process.env.NO_COLOR) return plain;
  return (await import("chalk")).default;
}

/** A heading; numbers go under the right end of theirs, words under the left. */
export interface Column {
  readonly heading: string;
  readonly align?: "left" | "right";
}

/** How many letters each column needs. */
export function columnWidths(
  columns: readonly Column[],
  rows: readonly (readonly (string | number)[])[],
): number[] {
  const widths = columns.map(({ heading }) => heading.length);
  for (const row of rows) {
    for (let i = 0; i < widths.length; i++) {
      widths[i] = Math.max(widths[i] ?? 0, String(row[i] ?? "").length);
    }
  }
  return widths;
}

/** Lines of aligned columns with two spaces between them, and headings in bold. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly (string | number)[])[],
  paint: Paint = plain,
): string[] {
  const widths = columnWidths(columns, rows);
  const last = columns.length - 1;
  const align = (cell: string, i: number) => {
    if (columns[i]?.align === "right") return cell.padStart(widths[i] ?? 0);
    return i === last ? cell : cell.padEnd(widths[i] ?? 0);
  };
  // In a table of thousands of rows most cells are as the one above: those are not made again.
  const above = columns.map(() => "");
  const aligned = above.map(align);
  const line = (cells: readonly (string | number)[]) => {
    for (let i = 0; i <= last; i++) {
      const cell = String(cells[i] ?? "");
      if (cell === above[i]) continue;
      above[i] = cell;
      aligned[i] = align(cell, i);
    }
    return aligned.join("  ").trimEnd();
  };

  return [paint.bold(line(columns.map(({ heading }) => heading))), ...rows.map(line)];
}

/** A whole number with commas. What JavaScript has for it loads tables of all languages first, as long as a short command takes. */
export function grouped(value: number): string {
  if (Math.abs(value) < 1000) return String(value);
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

const units = ["", "K", "M", "G", "T"] as const;

/**
 * A number as netmap prints it: "999.000 ", "1.000 K". The unit is the last letter, so that `${scaled(n)}pps`
 * reads "1.000 Kpps". With `raw`, which is -N, it is the whole number: "302197585 ".
 */
export function scaled(value: number, { raw = false } = {}): string {
  if (raw) return `${value.toFixed(0)} `;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(3)} ${units[unit]}`;
}
