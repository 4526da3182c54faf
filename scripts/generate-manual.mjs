/**
 * Prints the manual pages in man/ from the built commands.
 *
 *   node scripts/generate-manual.mjs           writes the pages that differ, removes those of no command
 *   node scripts/generate-manual.mjs --check   writes nothing; fails and names the pages that are stale
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { loadCommands } from "../dist/commands/index.js";
import { manualPages } from "../dist/lib/manual.js";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const check = process.argv.includes("--check");

mkdirSync(join(root, "man"), { recursive: true });
const pages = manualPages(await loadCommands());
const present = readdirSync(join(root, "man")).map((name) => `man/${name}`);

for (const path of new Set([...pages.keys(), ...present])) {
  const text = pages.get(path);
  const file = join(root, path);
  const current = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (current === text) continue;
  if (check) {
    console.error(`${path} is stale: run npm run generate`);
    process.exitCode = 1;
  } else if (text === undefined) {
    rmSync(file);
    console.error(`removed ${path}`);
  } else {
    writeFileSync(file, text);
    console.error(`wrote ${path}`);
  }
}
