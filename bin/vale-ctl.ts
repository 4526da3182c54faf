#!/usr/bin/env node
/** vale-ctl: nm vale-ctl under the name that netmap users know. */

import { main } from "../lib/main.js";

await main(["vale-ctl", ...process.argv.slice(2)]);
