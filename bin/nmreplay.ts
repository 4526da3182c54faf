#!/usr/bin/env node
/** nmreplay: nm nmreplay under the name that netmap users know. */

import { main } from "../lib/main.js";

await main(["nmreplay", ...process.argv.slice(2)]);
