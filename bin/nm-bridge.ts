#!/usr/bin/env node
/** nm-bridge: nm bridge under the name that netmap users know. */

import { main } from "../lib/main.js";

await main(["bridge", ...process.argv.slice(2)]);
