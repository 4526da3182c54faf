/**
 * Builds the native addon, build/Release/nm.node, with node-gyp and without any download.
 *
 *   node scripts/build-native.mjs           builds what is stale
 *   node scripts/build-native.mjs --fresh   builds everything
 *
 * `npm ci` builds what is stale too: the first `npx nm` in a clone makes npm install the package once more.
 *
 * node-gyp fetches Node's headers unless it is told where they are. An installed Node nearly always has
 * its own beside it, so those are used; where they are missing, node-gyp does what it does by default.
 */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const fresh = process.argv.includes("--fresh");

if (existsSync(join(root, "binding.gyp"))) process.exitCode = build();

function build() {
  const configured = existsSync(join(root, "build", "Makefile"));
  const steps = fresh || !configured ? ["rebuild"] : ["configure", "build"];
  const gyp = nodeGyp();
  const options = ["--jobs", "max", "--loglevel", "warn", ...headers()];
  for (const step of steps) {
    const run = spawnSync(gyp.program, [...gyp.args, step, ...options], { cwd: root, stdio: "inherit" });
    if (run.error) {
      console.error(`Cannot build the native addon: ${run.error.message}`);
      return 1;
    }
    if (run.status !== 0) return run.status ?? 1;
  }
  return 0;
}

/** npm tells its scripts where its own node-gyp is. Outside npm it lies beside the npm that Node came with. */
function nodeGyp() {
  const bundled = join(prefix(), "lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js");
  const script = [process.env.npm_config_node_gyp, bundled].find((path) => path && existsSync(path));
  return script ? { program: process.execPath, args: [script] } : { program: "node-gyp", args: [] };
}

function headers() {
  const include = join(prefix(), "include", "node");
  const complete = ["node_api.h", "common.gypi"].every((name) => existsSync(join(include, name)));
  return complete ? [`--nodedir=${prefix()}`] : [];
}

function prefix() {
  return dirname(dirname(process.execPath));
}
