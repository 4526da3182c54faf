/**
 * What a command prints on stdout, and how numbers and tables look there.
 *
 * Whoever reads stdout may go away (`nm ... | head`). That is a success: the rest is thrown away and
 * `closed` fires, so that a long run can end. Any other failure to write is kept for main to report.
 */

import type { Writable } from "node:stream";
import type { ChalkInstance } from "chalk";

export class Output {
  readonly #closed = new AbortController();
  #failure: NodeJS.ErrnoException | undefined;

  /** `paint` colours words for people, or leaves them alone where nobody would see the colour. */
  constructor(
    readonly stream: Writable & { isTTY?: boolean; columns?: number },
    readonly paint: ChalkInstance,
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

  get isTTY(): boolean {
    return this.stream.isTTY === true;
  }

  /** Prints a line, or several, for people. */
  print(text = ""): void {
    if (!this.closed.aborted) this.stream.write(`${text}\n`);
  }

  /** Prints one object on a line of its own, for programs. */
  json(object: { readonly type: string } & Record<string, unknown>): void {
    this.print(JSON.stringify(object));
  }

  /** Waits until everything printed has been handed to the system; gives what went wrong, if anything. */
  async flush(): Promise<NodeJS.ErrnoException | undefined> {
    if (!this.closed.aborted) await new Promise<void>((done) => this.stream.write("", () => done()));
    return this.#failure;
  }
}
