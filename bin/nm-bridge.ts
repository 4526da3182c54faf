#!/usr/bin/env node
/** nm-bridge: nm bridge under the name that netmap users know. */

import start = require("./start.js");

start(["bridge", ...process.argv.slice(2)]);
