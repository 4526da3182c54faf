/** Another run of nm pkt-gen, in a process of its own, that reports as JSON. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { exitStatus, NmError } from "./errors.js";
import type { Drops } from "./loop-group.js";
import type { figures } from "./report/passed.js";
import type { Verdict } from "./report/verdict.js";

/** As a JSON line has them. */
export type Figures = ReturnType<typeof figures>;

/** What a run came to, from its summary. */
export interface Outcome {
  readonly figures: Figures;
  readonly drops: Drops;
  /** Of a receiver with --verify. */
  readonly verify?: Verdict | undefined;
}

const program = fileURLToPath(new URL("../bin/nm.js", import.meta.url));

export class PktGenProcess {
  /** What passed in the last interval. */
  latest: Figures = { packets: 0, bytes: 0, seconds: 0, pps: 0, bps: 0, bps_wire: 0 };
  /** Fulfilled by the first report, which needs an open port; or by the end. */
  readonly opened: Promise<unknown>;
  /** Rejects when the run failed. An expectation that did not hold is no failure. */
  readonly ended: Promise<Outcome>;
  readonly #child: ChildProcess;

  /** Starts it. A signal to this program's process group does not reach it. */
  constructor(words: readonly string[], environment: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, [program, "pkt-gen", ...words, "--json"], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#child = child;

    let last: Line = { type: "none" };
    let complaint = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      complaint += text;
    });
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (text) => {
      last = JSON.parse(text);
      if (last.type === "report") this.latest = pick(last);
    });

    this.ended = new Promise((done, failed) => {
      child.on("error", failed);
      child.on("close", (status, signal) => {
        if (last.type === "summary" && (status === 0 || status === exitStatus.expectationFailed)) {
          const { drops = {}, verify } = last;
          done({ figures: pick(last), drops, verify });
        } else {
          const reason =
            last.message ?? (complaint.trim() || `it ended with ${signal ?? `status ${status}`}`);
          failed(
            new NmError("PROGRAM_FAILED", { command: words.join(" "), reason, hint: last.hint ?? null }),
          );
        }
      });
    });
    // Whoever waits for the end hears of a failure then; it must not be a fault of the program until then.
    this.ended.catch(() => {});
    this.opened = Promise.race([new Promise((done) => lines.once("line", done)), this.ended]);
    this.opened.catch(() => {});
  }

  /** Asks it to end, with its figures. One that is still starting would end without them, so it may finish that. */
  stop(): void {
    const interrupt = () => this.#child.kill("SIGINT");
    this.opened.then(interrupt, interrupt);
  }

  /** Ends it now. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

type Line = { type: string; message?: string; hint?: string | null } & Partial<Figures> &
  Partial<Pick<Outcome, "drops" | "verify">>;

function pick({ packets = 0, bytes = 0, seconds = 0, pps = 0, bps = 0, bps_wire = 0 }: Line): Figures {
  return { packets, bytes, seconds, pps, bps, bps_wire };
}
