/** All options of pkt-gen, in the order of its --help. What each group of them means is in the file that it comes from. */

import { startWaitOption } from "../card-wait.js";
import { type Arguments, intervalOption, type Options, verboseOption } from "../command.js";
import { dryRunOptions } from "./dry-run.js";
import { frameOptions } from "./frames.js";
import { functionNames } from "./functions.js";
import { headerOptions } from "./header.js";
import { measureOptions } from "./measures.js";
import { maskOptions } from "./option-mask.js";
import { rateOptions } from "./rates.js";
import { threadOptions } from "./threads.js";

/** Of who waits for packets. */
export const receivingOptions = {
  idle: {
    type: "boolean",
    alias: "W",
    group: "Receiving",
    describe: "End after a second without packets, once there were some",
  },
} as const satisfies Options;

export const options = {
  interface: {
    type: "string",
    alias: "i",
    value: "PORT",
    demandOption: true,
    group: "What to do",
    describe: 'Open this port, for example vale1:a, pipe{1 or eth0; "nm port" explains names',
  },
  function: {
    type: "string",
    alias: "f",
    value: "FUNCTION",
    choices: functionNames,
    default: "rx",
    group: "What to do",
    describe:
      "Send packets (tx) or receive them (rx), ask (ping) and answer (pong), number packets (txseq) and check " +
      "the numbers (rxseq)",
  },
  count: {
    type: "number",
    alias: "n",
    default: 0,
    group: "What to do",
    describe: "End after this many packets, or requests of a ping, 0 for no end",
  },
  duration: {
    type: "string",
    value: "TIME",
    group: "What to do",
    describe: "End after this time, for example 500ms, 10s or 2m",
  },
  wait: { ...startWaitOption, group: "What to do" },

  ...frameOptions,
  ...maskOptions,
  ...rateOptions,

  ...receivingOptions,
  ...measureOptions,

  ...headerOptions,
  ...threadOptions,

  interval: { ...intervalOption, group: "Output" },
  ...dryRunOptions,
  live: {
    type: "boolean",
    group: "Output",
    describe:
      "On a terminal, show the rate in a line that is written over, with the course of the last rates",
  },
  dump: { type: "boolean", alias: "X", group: "Output", describe: "Print all bytes of every packet" },
  plainNumbers: {
    type: "boolean",
    alias: "N",
    group: "Output",
    describe: "Print whole numbers instead of 1.234 M",
  },
  framing: {
    type: "boolean",
    alias: "B",
    group: "Output",
    describe: "Count preamble, gap and CRC in the bandwidth, 24 bytes a packet",
  },
  average: {
    type: "boolean",
    alias: "A",
    group: "Output",
    describe: "Add average and standard deviation of the last 15 rates",
  },
  verbose: verboseOption,
} as const satisfies Options;

export type PktGenArguments = Arguments<Record<never, never>, typeof options>;
