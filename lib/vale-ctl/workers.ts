/**
 * Workers of attached interfaces that ended without having been asked to. Their logs, which detaching takes away, tell of it
 * (native/device/worker_log.h).
 */

import { readFileSync } from "node:fs";
import { workerLog } from "../layout.js";
import { native } from "../native.js";

export interface DeadWorker {
  /** "vale0:eth0" */
  readonly port: string;
  readonly pid: number;
  /** The status that it ended with; undefined: it was killed, or crashed. */
  readonly status: string | undefined;
  readonly log: string;
}

/** `isAttached`: whether that port is on a switch. */
export function deadWorkers(directory: string, isAttached: (port: string) => boolean): DeadWorker[] {
  const ports = native().workerLogs(directory);
  if (typeof ports === "number") return [];
  return ports
    .filter((port) => !isAttached(port))
    .map((port) => deadWorker(directory, port))
    .filter((worker) => worker !== undefined);
}

/** The one that brought the packets of "vale0:eth0", if it is no more. */
export function deadWorker(directory: string, port: string): DeadWorker | undefined {
  const worker = readLog(`${directory}/${workerLog.prefix}${port}`, port);
  return worker && !isWorker(worker.pid) ? worker : undefined;
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
    // The kernel keeps no more than 15 letters. A zombie is dead: some containers' first process is slow to notice.
    const [, name, state] = /\((.*)\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return name === workerLog.process.slice(0, 15) && state !== "Z";
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
