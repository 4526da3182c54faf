/**
 * A file of tlem's options of links, which may change while it runs:
 *
 *   # a bad day
 *   -B 10M
 *   -L 0.02                  an option as it is on the command line,
 *   delay uniform,5ms,20ms   or its name
 *   delay 5ms                twice: the second is for the other direction
 *
 * What the file says of an option replaces what the command line says of it.
 */

import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { systemReason } from "../capture.js";
import { longName } from "../command.js";
import { NmError } from "../errors.js";
import { type ModelWords, modelOptions } from "./options.js";

/** How often is looked whether the file has changed. */
const lookPeriod_ms = 100;

const names = Object.keys(modelOptions) as (keyof ModelWords)[];

/** What the command line and the file say together. @throws {NmError} CONFIG_UNREADABLE, CONFIG_LINE */
export function withConfig(words: ModelWords, path: string): ModelWords {
  const found = new Map<keyof ModelWords, string[]>();
  for (const [i, line] of readText(path).split("\n").entries()) {
    const text = line.replace(/#.*/, "").trim();
    if (text === "") continue;
    const [word = "", value = ""] = /^(\S+)\s+(.*)$/.exec(text)?.slice(1) ?? [text];
    const name = names.find((one) => spellings(one).includes(word));
    if (name === undefined) {
      const known = names.map((one) => longName(one).slice(2)).join(", ");
      throw new NmError("CONFIG_LINE", { path, line: i + 1, found: word, expected: `one of ${known}` });
    }
    if (value === "") {
      throw new NmError("CONFIG_LINE", { path, line: i + 1, found: word, expected: `a value after ${word}` });
    }
    found.set(name, [...(found.get(name) ?? []), value]);
  }
  return { ...words, ...Object.fromEntries(found) };
}

/** Calls `changed` each time the file may have changed, until the returned function is called. */
export function watchConfig(path: string, changed: () => void): () => void {
  // Looking again and again sees every kind of change: also another file that is moved here, as editors do it.
  const look = () => changed();
  watchFile(path, { interval: lookPeriod_ms }, look);
  return () => unwatchFile(path, look);
}

/** -B, --bandwidth, bandwidth */
function spellings(name: keyof ModelWords): string[] {
  return [`-${modelOptions[name].alias}`, longName(name), longName(name).slice(2)];
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = systemReason((error as NodeJS.ErrnoException).errno ?? 0);
    throw new NmError("CONFIG_UNREADABLE", { path, reason });
  }
}
