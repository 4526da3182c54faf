#!/usr/bin/env node
/** tlem: nm tlem under the name that netmap users know. */

import { main } from "../lib/main.js";

await main(["tlem", ...process.argv.slice(2)]);
