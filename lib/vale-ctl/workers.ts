/**
 * Workers of attached interfaces that ended without having been asked to. Their logs, which detaching takes away, tell of it
 * (native/device/worker_log.h).
 */

import { readdirSync, readFileSync } from "node:fs";

export interface DeadWorker {
  /** "vale0:eth0" */
  readonly port: string;
  readonly pid: number;
  /** The status that it ended with; undefined: it was killed, or crashed. */
  readonly status: string | undefined;
  readonly log: string;
}

const prefix = "attached.";

/** `attached` are the ports that are on switches. */
export function deadWorkers(directory: string, attached: ReadonlySet<string>): DeadWorker[] {
  return readdirSync(directory)
    .filter((file) => file.startsWith(prefix) && !attached.has(file.slice(prefix.length)))
    .map((file) => readLog(`${directory}/${file}`, file.slice(prefix.length)))
    .filter((worker) => worker !== undefined)
    .filter(({ pid }) => !isWorker(pid));
}

interface LogLine {
  readonly pid?: number;
  readonly msg?: string;
  readonly status?: string;
}

function readLog(log: string, port: string): DeadWorker | undefined {
  try {
    const line = readFileSync(log, "utf8").trimEnd().split("\n").at(-1) ?? "";
    const { pid = 0, msg, status } = JSON.parse(line) as LogLine;
    return { port, pid, status: msg === "ended" ? status : undefined, log };
  } catch {
    // Detached meanwhile, or not a log.
    return undefined;
  }
}

/** One that has its interface and not yet its port, or the other way round, is alive. */
function isWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("nm-switch-worke");
  } catch {
    return false;
  }
}

/** "was killed, or it crashed" */
export function endWords({ status }: DeadWorker): string {
  return status === undefined
    ? "was killed, or it crashed"
    : `ended by itself (${status.replaceAll("_", " ")})`;
}
