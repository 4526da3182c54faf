#!/usr/bin/env node
/** pkt-gen: nm pkt-gen under the name that netmap users know. */

import { main } from "../lib/main.js";

await main(["pkt-gen", ...process.argv.slice(2)]);
