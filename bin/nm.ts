#!/usr/bin/env node
/** nm. The version is answered before anything else is loaded. */

import { packageVersion } from "../lib/package.js";

const words = process.argv.slice(2);
if (words[0] === "--version") {
  process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => process.exit(code === "EPIPE" ? 0 : 1));
  process.stdout.write(`${packageVersion()}\n`);
} else {
  const { main } = await import("../lib/main.js");
  await main(words);
}
