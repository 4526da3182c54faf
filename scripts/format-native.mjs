/**
 * Runs clang-format over native/ and test/conformance/.
 *
 *   node scripts/format-native.mjs           fails and shows what is formatted otherwise
 *   node scripts/format-native.mjs --write   formats it
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { clangFormatPath } from "clang-format-node";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const sources = ["native", "test/conformance"]
  .filter((directory) => existsSync(join(root, directory)))
  .flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true }).map((path) => join(directory, path)),
  )
  .filter((path) => /\.(c|cc|h)$/.test(path));

if (sources.length > 0) {
  const mode = process.argv.includes("--write") ? ["-i"] : ["--dry-run", "--Werror"];
  const run = spawnSync(clangFormatPath, ["--style=file", ...mode, ...sources], {
    cwd: root,
    stdio: "inherit",
  });
  if (run.error) throw run.error;
  process.exitCode = run.status ?? 1;
}
