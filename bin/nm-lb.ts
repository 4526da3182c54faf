#!/usr/bin/env node
/** nm-lb: nm lb under the name that netmap users know. */

import { main } from "../lib/main.js";

await main(["lb", ...process.argv.slice(2)]);
