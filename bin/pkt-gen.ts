#!/usr/bin/env node
/** pkt-gen: nm pkt-gen under the name that netmap users know. */

import start = require("./start.js");

start(["pkt-gen", ...process.argv.slice(2)]);
