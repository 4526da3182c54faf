#!/usr/bin/env node
/** nm-lb: nm lb under the name that netmap users know. */

import start = require("./start.js");

start(["lb", ...process.argv.slice(2)]);
