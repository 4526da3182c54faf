/** What can be said to a capture on the command line. */

import { backendOption, driverOption, type Options, verboseOption } from "../command.js";
import { type CaptureKind, captureKinds } from "../layout.js";
import { rotationOptions } from "../rotation.js";

export const dumpOptions = {
  interface: {
    type: "string",
    alias: "i",
    value: "PORT",
    array: true,
    demandOption: true,
    group: "What to capture",
    describe: "Watch this port, or several",
  },
  take: {
    type: "boolean",
    group: "What to capture",
    describe:
      "Open the port itself and take its packets, also where somebody has it open or it is a network card",
  },
  count: {
    type: "number",
    alias: "c",
    default: 0,
    group: "What to capture",
    describe: "End after this many packets, 0 for no end",
  },
  duration: {
    type: "string",
    value: "TIME",
    group: "What to capture",
    describe: "End after this time, for example 10s or 2m",
  },
  snaplen: {
    type: "number",
    alias: "s",
    value: "BYTES",
    default: 0,
    max: 262_144,
    group: "What to capture",
    describe: "Keep at most so many bytes of each packet, 0 for all",
  },

  write: {
    type: "string",
    alias: "w",
    value: "FILE",
    default: "-",
    group: "Where to",
    describe: "Write to this file, - for standard output",
  },
  format: {
    type: "string",
    choices: Object.keys(captureKinds) as CaptureKind[],
    group: "Where to",
    describe: "Write this format; by default pcap where FILE ends in .pcap, else pcapng",
  },
  ...rotationOptions("Where to"),

  stats: {
    type: "number",
    value: "SECONDS",
    integer: false,
    max: 86_400,
    group: "Output",
    describe:
      "Report what was captured this often, 0 for only at the end; by default 0, with --json every second",
  },
  backend: { ...backendOption, group: "Output" },
  driver: { ...driverOption, group: "Output" },
  verbose: verboseOption,
} as const satisfies Options;
