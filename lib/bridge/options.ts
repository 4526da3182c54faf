/** What can be said to a bridge on the command line. */

import { joinWaitOption } from "../card-wait.js";
import { backendOption, driverOption, type Options, verboseOption } from "../command.js";
import { rotationOptions } from "../rotation.js";

export const bridgeOptions = {
  interface: {
    type: "string",
    alias: "i",
    value: "PORT",
    array: true,
    group: "What to join",
    describe:
      "A port, as netmap's bridge takes it, twice; or once, for a network interface and its host stack",
  },
  loopback: {
    type: "boolean",
    alias: "L",
    group: "What to join",
    describe: "With one port: send what arrives back to where it came from, instead of to the host stack",
  },
  wait: { ...joinWaitOption, group: "What to join" },
  duration: {
    type: "string",
    value: "TIME",
    group: "What to join",
    describe: "End after this time, for example 10s or 2m; by default when it is stopped",
  },

  filter: {
    type: "string",
    value: "EXPR",
    array: true,
    group: "What passes",
    describe: "Pass only packets that match, as in tcpdump: 'udp port 53'; needs libpcap",
  },
  rate: {
    type: "string",
    value: "RATE",
    array: true,
    group: "What passes",
    describe:
      "Pass at most so much, and let the rest wait: 10k packets a second, 100Mbps, or 1Gbps-wire with framing",
  },
  loss: {
    type: "string",
    value: "MODEL",
    array: true,
    group: "What passes",
    describe: "Lose packets at random: 0.01 of them, ber,1e-6 of their bits, or burst,0.01,5 in bursts of 5",
  },
  delay: {
    type: "string",
    value: "MODEL",
    array: true,
    group: "What passes",
    describe: "Pass packets later: 10ms, uniform,1ms,5ms or exp,1ms,5ms; they stay in order",
  },
  drop: {
    type: "string",
    value: "N",
    array: true,
    group: "What passes",
    describe: "Lose every Nth packet",
  },
  seed: {
    type: "number",
    max: Number.MAX_SAFE_INTEGER,
    group: "What passes",
    describe: "Make random losses and delays the same in each run; by default each run has others",
  },
  mirror: {
    type: "string",
    value: "PORT",
    group: "What passes",
    describe: "Send a copy of each packet that passes to this port too, as far as it has room",
  },

  capture: {
    type: "string",
    value: "FILE",
    group: "What is kept",
    describe: "Write each packet that passes to this file too: pcap where it ends in .pcap, else pcapng",
  },
  ...rotationOptions("What is kept"),

  burst: {
    type: "number",
    alias: "b",
    value: "SLOTS",
    min: 1,
    max: 8192,
    group: "How",
    describe:
      "Move at most this many slots of a ring before the others have their turn, by default 1024, with the kernel module 256",
  },
  copy: {
    type: "boolean",
    alias: "c",
    group: "How",
    describe: "Copy packets also where buffers could change places",
  },
  threads: {
    type: "number",
    default: 1,
    min: 1,
    max: 1024,
    group: "How",
    describe: "Share the rings of the ports among this many threads",
  },
  backend: { ...backendOption, group: "How" },
  driver: { ...driverOption, group: "How" },

  stats: {
    type: "number",
    value: "SECONDS",
    integer: false,
    max: 86_400,
    group: "Output",
    describe: "Report what passed this often, 0 for only at the end; by default 0, with --json every second",
  },
  verbose: verboseOption,
} as const satisfies Options;
