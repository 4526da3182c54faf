#!/usr/bin/env node
/** vale-ctl: nm vale-ctl under the name that netmap users know. */

import start = require("./start.js");

start(["vale-ctl", ...process.argv.slice(2)]);
