/** tlem's options, in the order of its help. Those with a letter are netmap's. */

import { joinWaitOption } from "../card-wait.js";
import { type Arguments, backendOption, intervalOption, type Options, verboseOption } from "../command.js";

/** Models of links: given once for both directions, or twice, for the first and for the second. */
export const modelOptions = {
  bandwidth: {
    type: "string",
    alias: "B",
    value: "MODEL",
    array: true,
    group: "Links, once for both directions or twice",
    describe:
      "Transmit BITS, const,BITS or ether,BITS a second (10M, 1G), the last with framing; or drop what is more than avg,BITS",
  },
  delay: {
    type: "string",
    alias: "D",
    value: "MODEL",
    array: true,
    group: "Links, once for both directions or twice",
    describe:
      "Delay packets by TIME (5ms, 200us), uniform,MIN,MAX, exp,MIN,MEAN or inter-packet,MINGAP,MAXGAP,FIRST",
  },
  loss: {
    type: "string",
    alias: "L",
    value: "MODEL",
    array: true,
    group: "Links, once for both directions or twice",
    describe:
      "Lose packets: PROBABILITY or plr,PROBABILITY of each, ber,PROBABILITY of each bit, burst,PROBABILITY,LENGTH",
  },
  reorder: {
    type: "string",
    alias: "R",
    value: "MODEL",
    array: true,
    group: "Links, once for both directions or twice",
    describe: "Hold packets back, so that others overtake them: PROBABILITY,TIME",
  },
  queue: {
    type: "string",
    alias: "Q",
    value: "BYTES",
    array: true,
    group: "Links, once for both directions or twice",
    describe:
      "Drop what finds more bytes than this waiting to be transmitted (64k is 65536), none for no limit; by default 50000 " +
      "with a bandwidth",
  },
  overtaking: {
    type: "string",
    alias: "P",
    value: "0|1",
    array: true,
    group: "Links, once for both directions or twice",
    describe:
      "Drop packets that would overtake others because their delay is smaller, 1, or let them leave with those, 0",
  },
  offset: {
    type: "string",
    alias: "O",
    value: "TIME",
    array: true,
    group: "Links, once for both directions or twice",
    describe: "Take this off each delay: what the path around the link takes anyway",
  },
  patience: {
    type: "string",
    alias: "d",
    value: "TIME",
    array: true,
    group: "Links, once for both directions or twice",
    describe:
      "Drop packets that leave so long after they are due; by default they are sent late, and how late is told",
  },
} as const satisfies Options;

export const options = {
  interface: {
    type: "string",
    alias: "i",
    value: "PORT",
    array: true,
    group: "What to join",
    describe: "A port, given twice: what arrives at one leaves by the other, both ways",
  },
  duration: {
    type: "string",
    value: "TIME",
    group: "What to join",
    describe: "End after this time, for example 10s or 2m; by default when it is stopped",
  },
  wait: { ...joinWaitOption, group: "What to join" },

  ...modelOptions,
  config: {
    type: "string",
    value: "FILE",
    group: "Links, once for both directions or twice",
    describe:
      "Read options of links from this file too, one a line; whenever it changes, the links change with it",
  },
  seed: {
    type: "number",
    max: Number.MAX_SAFE_INTEGER,
    group: "Links, once for both directions or twice",
    describe: "Make random losses and delays the same in each run; by default each run has others",
  },

  burst: {
    type: "number",
    alias: "b",
    value: "PACKETS",
    default: 512,
    min: 1,
    max: 2 ** 32 - 1,
    group: "How",
    describe: "Move at most this many packets of a ring at once",
  },
  memory: {
    type: "number",
    value: "BYTES",
    default: 2 ** 30,
    min: 65_536,
    max: Number.MAX_SAFE_INTEGER,
    group: "How",
    describe: "Keep at most so many bytes of packets under way in each direction, for example 256Mi",
  },
  cpu: {
    type: "string",
    alias: "C",
    value: "CPU",
    group: "How",
    describe:
      "Keep the threads on these processors, A,B; of four, as netmap takes them, the first and the third; by default on any",
  },
  backend: { ...backendOption, group: "How" },

  interval: { ...intervalOption, group: "Output", describe: "Report this often what passed" },
  verbose: { ...verboseOption, group: "Output" },
} as const satisfies Options;

export type TlemArguments = Arguments<Record<never, never>, typeof options>;

/** The words that options of links were given with. */
export type ModelWords = Readonly<Record<keyof typeof modelOptions, readonly string[]>>;
