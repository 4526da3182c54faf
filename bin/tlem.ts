#!/usr/bin/env node
/** tlem: nm tlem under the name that netmap users know. */

import start = require("./start.js");

start(["tlem", ...process.argv.slice(2)]);
