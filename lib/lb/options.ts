/** What can be said to a load balancer on the command line. */

import { joinWaitOption } from "../card-wait.js";
import { backendOption, driverOption, type Options, verboseOption } from "../command.js";
import { type FlowHash, flowHashes } from "../layout.js";

export const lbOptions = {
  interface: {
    type: "string",
    alias: "i",
    value: "PORT",
    demandOption: true,
    group: "From where to where",
    describe: "Spread the packets of this port",
  },
  pipes: {
    type: "string",
    alias: "p",
    value: "[PREFIX:]N",
    array: true,
    group: "From where to where",
    describe:
      "Spread them over N pipes, PREFIX}0 and so on, 2 named after the port by default; more groups get all packets too, " +
      "one after the other",
  },
  hash: {
    type: "string",
    choices: Object.keys(flowHashes) as FlowHash[],
    default: "flow",
    group: "From where to where",
    describe:
      "What makes a flow: addresses and ports of the innermost IP packet; addresses of the outermost; or what netmap's lb takes",
  },
  duration: {
    type: "string",
    value: "TIME",
    group: "From where to where",
    describe: "End after this time, for example 10s or 2m; by default when it is stopped",
  },

  extraBuffers: {
    type: "number",
    alias: "B",
    value: "N",
    default: 0,
    max: 2 ** 32 - 1,
    group: "How",
    describe: "Keep up to N packets that have no room in their pipe, instead of dropping them",
  },
  batch: {
    type: "number",
    alias: "b",
    value: "SLOTS",
    default: 2048,
    min: 1,
    max: 2 ** 32 - 1,
    group: "How",
    describe: "Look for room and for new packets after at most this many slots of a ring",
  },
  wait: { ...joinWaitOption, group: "How" },
  busy: {
    type: "boolean",
    alias: "W",
    group: "How",
    describe: "Never sleep: look for packets all the time",
  },
  backend: { ...backendOption, group: "How" },
  driver: { ...driverOption, group: "How" },

  stderrStats: {
    type: "number",
    alias: "s",
    value: "SECONDS",
    integer: false,
    default: 0,
    max: 86_400,
    group: "Output",
    describe: "Print netmap's statistics on stderr this often, where lb sends them to syslog; 0 for never",
  },
  stats: {
    type: "number",
    alias: "o",
    value: "SECONDS",
    integer: false,
    max: 86_400,
    group: "Output",
    describe:
      "Print netmap's statistics, JSON lines, this often, 0 for never; by default 0. With --json this is how often it reports, 1 by default",
  },
  verbose: verboseOption,
} as const satisfies Options;
