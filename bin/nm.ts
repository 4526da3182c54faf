#!/usr/bin/env node
/** nm. The version is answered before anything else is loaded. */

import start = require("./start.js");

const words = process.argv.slice(2);
if (words[0] === "--version") {
  process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => process.exit(code === "EPIPE" ? 0 : 1));
  process.stdout.write(`${require("../../package.json").version}\n`);
} else {
  start(words);
}
