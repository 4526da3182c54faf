/** The log: JSON lines on stderr, for whoever has to find out afterwards what happened. */

import { createRequire } from "node:module";
import type { Logger } from "pino";
import { NmError } from "./errors.js";

const levels = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;

/** Refuses a level that NM_LOG cannot have, before anything is done. */
export function checkLogLevel(): void {
  const text = process.env.NM_LOG;
  if (!text || (levels as readonly string[]).includes(text)) return;
  const expected = `one of ${levels.join(", ")}`;
  throw new NmError("OPTION_VALUE", { option: "NM_LOG", text, expected, example: "NM_LOG=info" });
}

/** Each --verbose adds a level to "warn"; NM_LOG overrules it. */
export function createLog(verbose: number): Logger {
  // Most runs log nothing, so pino is loaded by the first that does, without making it wait for a promise.
  const { pino } = createRequire(import.meta.url)("pino") as typeof import("pino");
  const usual = levels[Math.min(levels.indexOf("warn") + verbose, levels.length - 1)] ?? "warn";
  const level = process.env.NM_LOG || usual;
  return pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));
}
