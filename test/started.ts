/** Runs of nm that a test starts, watches and stops. */

import { spawn } from "node:child_process";
import type { TestContext } from "node:test";
import { openPort } from "../lib/index.js";
import { patience, programFile, type Run } from "./run.js";

/** The longest that a run may take before it is killed, and its status is null. */
const longest_ms = 30_000;

export interface Started {
  readonly pid: number;
  readonly ended: Promise<Run>;
  /** Waits until the run has printed this on stdout or stderr; rejects when it ends without. */
  printed(pattern: RegExp): Promise<void>;
  /** Closes the test's end of the run's stdout. */
  closeStdout(): void;
  signal(name: NodeJS.Signals): void;
}

/** In a namespace directory, and in a network namespace if one is named. */
export function starting(namespace: string, network?: string) {
  return (...words: string[]): Started => {
    const line = [process.execPath, programFile("nm"), ...words];
    const within = network === undefined ? [] : ["ip", "netns", "exec", network];
    return startLine([...within, ...line], { NM_DIR: namespace });
  };
}

/** Any program, with these variables beside the test's own; undefined takes one away. */
export function startLine(
  line: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Started {
  const [program, ...args] = line;
  const child = spawn(program as string, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: longest_ms * patience,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  const watchers = new Set<() => void>();
  const look = () => {
    for (const watcher of watchers) watcher();
  };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
    look();
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
    look();
  });
  const ended = new Promise<Run>((done, failed) => {
    child.on("error", failed);
    child.on("close", (status) => done({ status, stdout, stderr }));
  });

  return {
    pid: child.pid ?? 0,
    ended,
    printed: (pattern) =>
      new Promise((done, failed) => {
        const watcher = () => {
          if (!pattern.test(stdout) && !pattern.test(stderr)) return;
          watchers.delete(watcher);
          done();
        };
        watchers.add(watcher);
        watcher();
        ended.then(() => failed(new Error(`${pattern} was not printed, but:\n${stdout}${stderr}`)), failed);
      }),
    closeStdout: () => child.stdout.destroy(),
    signal: (name) => child.kill(name),
  };
}

/**
 * Runs `nm pkt-gen -f tx`, or another -f, with these words on one end of a pipe. Gives what came out of the other, and the run.
 * `options` are the pipe's, as in its name.
 */
export async function framesOf(
  t: Pick<TestContext, "after">,
  { namespace, options = "" }: { namespace: string; options?: string },
  ...words: string[]
): Promise<{ frames: Buffer[]; run: Run }> {
  const port = openPort(`frames}1${options}`, { namespace });
  t.after(() => port.close());
  const send = words.includes("-f") ? [] : ["-f", "tx"];
  const sender = starting(namespace)("pkt-gen", "-i", "frames{1", ...send, ...words);

  const frames: Buffer[] = [];
  const parts: Buffer[] = [];
  const take = () => {
    port.sync();
    for (const ring of port.rxRings) {
      ring.drain((payload, slot) => {
        parts.push(Buffer.from(payload));
        if (!slot.more) frames.push(Buffer.concat(parts.splice(0)));
      });
    }
    port.sync();
  };
  const timer = setInterval(take, 5);
  const run = await sender.ended;
  clearInterval(timer);
  take();
  port.close();
  return { frames, run };
}
