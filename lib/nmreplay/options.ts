/** nmreplay's options, in the order of its help. Those with a letter are netmap's. */

import { startWaitOption } from "../card-wait.js";
import {
  type Arguments,
  backendOption,
  driverOption,
  intervalOption,
  type Options,
  verboseOption,
} from "../command.js";

export const options = {
  file: {
    type: "string",
    alias: "f",
    value: "FILE",
    demandOption: true,
    group: "What to send",
    describe: "Send this capture: pcap or pcapng, also compressed with gzip or zstd; - is standard input",
  },
  interface: {
    type: "string",
    alias: "i",
    value: "PORT",
    array: true,
    group: "What to send",
    describe: "Send by this port, for example vale1:a, pipe{1 or eth0; with --split, given twice",
  },
  loop: {
    type: "number",
    default: 1,
    max: Number.MAX_SAFE_INTEGER,
    group: "What to send",
    describe: "Play the capture so many times, without a seam; 0 for ever",
  },
  limit: {
    type: "number",
    default: 0,
    max: Number.MAX_SAFE_INTEGER,
    group: "What to send",
    describe: "End after this many packets, 0 for no limit",
  },
  duration: {
    type: "string",
    value: "TIME",
    group: "What to send",
    describe: "End after this time, for example 500ms, 10s or 2m",
  },
  from: {
    type: "string",
    value: "TIME",
    group: "What to send",
    describe: "Begin with what was captured so long after the first packet",
  },
  to: {
    type: "string",
    value: "TIME",
    group: "What to send",
    describe: "Leave out what was captured later after the first packet than this",
  },
  filter: {
    type: "string",
    value: "EXPRESSION",
    group: "What to send",
    describe: "Send only packets that match, as tcpdump says it: udp port 53",
  },
  partial: {
    type: "boolean",
    group: "What to send",
    describe: "Send what is before a fault of the file, instead of checking it first and refusing all",
  },

  speed: {
    type: "string",
    value: "FACTOR",
    group: "When to send it",
    describe: "Play so much faster than it was captured: 10x, 0.5x",
  },
  pps: {
    type: "number",
    value: "N",
    min: 1,
    max: 1e12,
    group: "When to send it",
    describe: "Send so many packets a second, evenly",
  },
  mbps: {
    type: "number",
    value: "N",
    min: 1e-6,
    max: 1e9,
    integer: false,
    group: "When to send it",
    describe: "Send so many million bits of packets a second",
  },
  gap: {
    type: "string",
    value: "TIME",
    group: "When to send it",
    describe: "Send a packet each time that so much time has passed",
  },
  topSpeed: {
    type: "boolean",
    group: "When to send it",
    describe: "Send as fast as the port takes packets",
  },
  maxGap: {
    type: "string",
    value: "TIME",
    group: "When to send it",
    describe: "Shorten longer gaps of the capture to this",
  },

  bandwidth: {
    type: "string",
    alias: "B",
    value: "MODEL",
    group: "Through which link",
    describe:
      "Transmit at BITS, const,BITS or ether,BITS a second (10M, 1G), the last with framing; or at the capture's gaps " +
      "divided by a scale: real,SCALE",
  },
  delay: {
    type: "string",
    alias: "D",
    value: "MODEL",
    group: "Through which link",
    describe:
      "Delay packets by TIME (5ms, 200us), uniform,MIN,MAX, exp,MIN,MEAN or inter-packet,MINGAP,MAXGAP,FIRST; they never " +
      "overtake one another",
  },
  loss: {
    type: "string",
    alias: "L",
    value: "MODEL",
    group: "Through which link",
    describe:
      "Lose packets: PROBABILITY or plr,PROBABILITY of each, ber,PROBABILITY of each bit, burst,PROBABILITY,LENGTH",
  },
  seed: {
    type: "number",
    default: 1,
    max: Number.MAX_SAFE_INTEGER,
    group: "Through which link",
    describe: "Draw other random numbers; the same seed gives the same packets",
  },

  toMac: {
    type: "string",
    value: "MAC",
    array: true,
    group: "What to change",
    describe: "Send to this Ethernet address; given twice, the second is for the second port",
  },
  fromMac: {
    type: "string",
    value: "MAC",
    array: true,
    group: "What to change",
    describe: "Send from this Ethernet address; given twice, the second is for the second port",
  },
  map: {
    type: "string",
    value: "OLD=NEW",
    array: true,
    group: "What to change",
    describe:
      "Move addresses of one IP network to another, 10.0.0.0/8=172.0.0.0/8; checksums are kept as right as they were",
  },
  randomIps: {
    type: "number",
    value: "SEED",
    max: Number.MAX_SAFE_INTEGER,
    group: "What to change",
    describe: "Give each host another IP address, the same ones for the same seed",
  },
  popVlan: { type: "boolean", group: "What to change", describe: "Take the outermost VLAN tag off" },
  pushVlan: {
    type: "string",
    value: "ID",
    group: "What to change",
    describe: "Put a VLAN tag on, ID or ID:PRIORITY; with --pop-vlan, exchange it",
  },
  split: {
    type: "string",
    value: "HOW",
    group: "What to change",
    describe:
      "Send what clients sent by the first port, what servers sent by the second: auto learns who is who, ports looks at " +
      "ports only; or the first gets senders of networks (10.0.0.0/8,fd00::/8) or of MAC addresses",
  },

  burst: {
    type: "number",
    alias: "b",
    value: "PACKETS",
    min: 1,
    max: 2 ** 32 - 1,
    group: "Port and thread",
    describe: "Hand over at most this many packets at once; by default 128, or 512 at --top-speed",
  },
  cpu: {
    type: "string",
    alias: "C",
    value: "CPU",
    group: "Port and thread",
    describe:
      "Keep the thread on this processor, by default on the one where it begins; of a list, as netmap takes it, the first",
  },
  priority: {
    type: "string",
    choices: ["realtime", "normal"],
    default: "realtime",
    group: "Port and thread",
    describe:
      "Run before other programs where that is permitted and there are several processors, or among them",
  },
  wait: { ...startWaitOption, group: "Port and thread" },
  backend: { ...backendOption, group: "Port and thread" },
  driver: { ...driverOption, group: "Port and thread" },

  info: { type: "boolean", group: "Instead of sending", describe: "Tell what is in the capture" },
  dryRun: {
    type: "boolean",
    group: "Instead of sending",
    describe: "Tell what would be sent, and show the first packets with their times",
  },
  write: {
    type: "string",
    value: "FILE",
    group: "Instead of sending",
    describe:
      "Write what would be sent to a capture, with its times: pcap where the name ends so, else pcapng",
  },

  interval: { ...intervalOption, group: "Output", describe: "Report how far it is this often" },
  verbose: { ...verboseOption, group: "Output" },
} as const satisfies Options;

export type ReplayArguments = Arguments<Record<never, never>, typeof options>;
