#!/usr/bin/env node
/** nmreplay: nm nmreplay under the name that netmap users know. */

import start = require("./start.js");

start(["nmreplay", ...process.argv.slice(2)]);
