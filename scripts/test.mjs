/**
 * Runs the tests: those of the native core under the sanitizers, then those in TypeScript.
 *
 *   node scripts/test.mjs              everything
 *   node scripts/test.mjs command man  the TypeScript tests whose path contains one of the words
 *
 * The list comes from test/ and not from dist/, where a deleted test would still lie.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const wanted = process.argv.slice(2);

process.exitCode = (wanted.length > 0 ? 0 : testNative()) || testTypeScript();

function testNative() {
  if (!existsSync(join(root, "native", "Makefile"))) return 0;
  return run("make", [
    "--silent",
    "--output-sync",
    `--jobs=${availableParallelism()}`,
    "-C",
    "native",
    "check",
  ]);
}

function testTypeScript() {
  const files = readdirSync(join(root, "test"), { recursive: true })
    .filter((path) => path.endsWith(".test.ts"))
    .filter((path) => wanted.length === 0 || wanted.some((word) => path.includes(word)))
    .map((path) => join("dist", "test", path.replace(/\.ts$/, ".js")))
    .sort();
  // Without names node would look for tests of its own.
  if (files.length === 0) throw new Error(`No path of a test in test/ contains ${wanted.join(" or ")}`);
  // Processors that need more time than others are kept for one file's processes.
  const concurrency = Number(process.env.NM_TEST_PATIENCE ?? 1) > 1 ? 1 : 2;
  const options = [`--test-concurrency=${concurrency}`, "--test-reporter=spec"];
  return run(process.execPath, ["--test", ...options, ...files]);
}

function run(program, args) {
  const { error, status } = spawnSync(program, args, { cwd: root, stdio: "inherit" });
  if (error) throw error;
  return status ?? 1;
}
