/**
 * What packets look like: pkt-gen's options about it, and the packets that they mean.
 */

import { NETMAP_MAX_FRAGS } from "../abi.js";
import { readRecording } from "../capture.js";
import type { Arguments, Options } from "../command.js";
import { readEndpoint, readMac } from "../endpoint.js";
import { NmError } from "../errors.js";
import type { InterfaceFacts } from "../interface.js";
import { frameLimits } from "../layout.js";
import type { Port } from "../port.js";
import { formatPort, type PortSpec } from "../port-spec.js";
import type { Endpoint, Family, GeneratorOptions } from "../traffic.js";
import { refuseContradictions } from "./contradictions.js";
import type { FunctionName } from "./functions.js";
import { badValue, conflict, type Form, readValue } from "./values.js";

const ethernetHeader = 14;
const usualLength = 60;

/** netmap's for IPv4, and their likeness among the addresses that are free for everybody's own use. [RFC 4193] */
const usualAddresses = {
  4: { from: "10.0.0.1", to: "10.1.0.1" },
  6: { from: "fd00::1", to: "fd00:1::1" },
} as const;

const usualToMac = "ff:ff:ff:ff:ff:ff";

export const frameOptions = {
  length: {
    type: "number",
    alias: "l",
    value: "BYTES",
    array: true,
    min: frameLimits.shortest,
    max: frameLimits.longest,
    group: "Sending",
    describe:
      `Send packets of this size without CRC, ${usualLength} or what the headers need by default; given twice, of ` +
      "random sizes from one to the other; what exceeds a buffer takes several slots",
  },
  ipv4: {
    type: "boolean",
    alias: "4",
    group: "Sending",
    describe: "Send IPv4 packets, which is the default",
  },
  ipv6: { type: "boolean", alias: "6", group: "Sending", describe: "Send IPv6 packets" },
  from: {
    type: "string",
    alias: "s",
    value: "ADDRESS",
    group: "Sending",
    describe:
      "Put this address and UDP port into packets, or a range A:PORT-B:PORT that they walk through; in IPv6 " +
      "[A]:PORT-[B]:PORT, and G@ before an address walks its group G, 0 to 7, instead of the last; " +
      `by default ${usualAddresses[4].from}, or ${usualAddresses[6].from}, port 1234`,
  },
  to: {
    type: "string",
    alias: "d",
    value: "ADDRESS",
    group: "Sending",
    describe:
      "Send to this address and UDP port, or to a range of them; " +
      `by default ${usualAddresses[4].to}, or ${usualAddresses[6].to}, port 1234`,
  },
  randomFrom: {
    type: "boolean",
    alias: "z",
    group: "Sending",
    describe: "Send each packet from a random address and port; in IPv6 the group that -s names is random",
  },
  randomTo: {
    type: "boolean",
    alias: "Z",
    group: "Sending",
    describe: "Send each packet to a random address and port; in IPv6 the group that -d names is random",
  },
  seed: {
    type: "number",
    max: 2 ** 32 - 1,
    group: "Sending",
    describe: "Make what is random the same as in another run with this number; -v tells the number of a run",
  },
  fromMac: {
    type: "string",
    alias: "S",
    value: "MAC",
    group: "Sending",
    describe:
      "Put this Ethernet address into packets as the sender's; by default the interface's own, or zeros where " +
      "the port has none",
  },
  toMac: {
    type: "string",
    alias: "D",
    value: "MAC",
    group: "Sending",
    describe: `Send to this Ethernet address, by default ${usualToMac}`,
  },
  fragments: {
    type: "number",
    alias: "F",
    value: "SLOTS",
    default: 1,
    min: 1,
    max: NETMAP_MAX_FRAGS - 1,
    group: "Sending",
    describe: "Cut each packet into so many slots",
  },
  longestFragment: {
    type: "number",
    alias: "M",
    value: "BYTES",
    min: 1,
    max: frameLimits.longest,
    group: "Sending",
    describe: "Put at most so many bytes into a slot, by default what a buffer holds",
  },
  indirect: {
    type: "boolean",
    alias: "I",
    group: "Sending",
    describe: "Send from memory of this process instead of the port's buffers; for ports of switches",
  },
  rubbish: {
    type: "boolean",
    alias: "r",
    group: "Sending",
    describe: "Send what the buffers hold, whatever it is",
  },
  copy: {
    type: "boolean",
    group: "Sending",
    describe:
      "Write the whole of each packet, instead of what differs from the packet before it in the buffer",
  },
  capture: {
    type: "string",
    alias: "P",
    value: "FILE",
    group: "Sending",
    describe:
      "Send the packets of this pcap or pcapng file as they are, one after the other, again and again",
  },
} as const satisfies Options;

/** Also what the packets are for. */
export type FrameArguments = Arguments<Record<never, never>, typeof frameOptions> & {
  readonly function: FunctionName;
};

const lengthForm: Form = ["one size, or the smallest and the largest of random ones", "64 --length 1500"];
const macForm: Form = ["six bytes in hexadecimal with : between", "02:00:00:00:00:01"];

/** The packets of a run. */
export interface Packets {
  readonly options: Pick<
    GeneratorOptions,
    "frame" | "contents" | "fragments" | "longestFragment" | "indirect" | "recording" | "numbered"
  >;
  /** Bytes without CRC. */
  readonly longest: number;
  readonly mean: number;
  /** Each has to fit a slot. */
  readonly inOneSlot: boolean;
  /** Whether chance decides about them. */
  readonly random: boolean;
  /** Addresses as the user wrote them; nothing where packets are what they are. */
  readonly words: { from: string; to: string; fromMac: string; toMac: string } | undefined;
}

/** What somebody else writes into the payload of each packet. */
export interface Guest {
  readonly bytes: number;
  /** Which option wants it, and what it is: "--mark", "a mark". */
  readonly option: string;
  readonly what: string;
}

/**
 * The packets that the options mean for a port.
 *
 * @throws {NmError} ADDRESS_SYNTAX, OPTION_VALUE, OPTION_CONFLICT, PACKET_BEYOND_MTU, or of readRecording
 */
export function readPackets(
  args: FrameArguments,
  spec: PortSpec,
  facts: InterfaceFacts,
  guest?: Guest,
): Packets {
  refuseContradictions(args, spec);
  const packets = args.capture === undefined ? framesOf(args, guest, facts) : captured(args.capture, args);
  if (facts.mtu !== undefined && packets.longest - ethernetHeader > facts.mtu) {
    const { longest: length } = packets;
    throw new NmError("PACKET_BEYOND_MTU", { port: formatPort(spec), length, mtu: facts.mtu });
  }
  return packets;
}

function captured(path: string, { longestFragment }: FrameArguments): Packets {
  const recording = readRecording(path);
  return {
    options: { recording, longestFragment },
    longest: recording.longest,
    mean: recording.bytes / recording.packets,
    inOneSlot: false,
    random: false,
    words: undefined,
  };
}

function framesOf(args: FrameArguments, guest: Guest | undefined, facts: InterfaceFacts): Packets {
  const family: Family = args.ipv6 ? 6 : 4;
  const { shortest, longest } = lengthsOf(args, family, guest);
  const { from, to } = { ...usualAddresses[family], ...given(args, ["from", "to"]) };
  const fromMac = args.fromMac ?? facts.mac ?? "00:00:00:00:00:00";
  const toMac = args.toMac ?? usualToMac;
  const random = args.randomFrom || args.randomTo || shortest < longest;
  return {
    options: {
      frame: {
        family,
        length: longest,
        ...(shortest < longest && { shortestLength: shortest }),
        from: endpoint("from", from, family, args.randomFrom),
        to: endpoint("to", to, family, args.randomTo),
        fromMac: readValue("fromMac", fromMac, readMac, macForm),
        toMac: readValue("toMac", toMac, readMac, macForm),
      },
      contents: args.rubbish ? "never" : args.copy ? "always" : "once",
      fragments: args.fragments,
      longestFragment: args.longestFragment,
      indirect: args.indirect,
      numbered: args.function === "txseq",
    },
    longest,
    mean: (shortest + longest) / 2,
    inOneSlot: args.function === "ping" || args.function === "txseq",
    random,
    words: args.rubbish ? undefined : { from, to, fromMac, toMac },
  };
}

/** Of these options those that the user gave. */
function given(args: FrameArguments, names: readonly ("from" | "to")[]): { from?: string; to?: string } {
  return Object.fromEntries(names.flatMap((name) => (args[name] === undefined ? [] : [[name, args[name]]])));
}

function lengthsOf({ length, fragments }: FrameArguments, family: Family, guest: Guest | undefined) {
  const [one, other = one, more] = length;
  if (more !== undefined) throw badValue("length", length.join(" --length "), lengthForm);
  const headers = family === 4 ? frameLimits.headers : frameLimits.headers6;
  const least = guest ? headers + guest.bytes : 0;
  const usual = Math.max(usualLength, headers, least);
  const shortest = Math.min(one ?? usual, other ?? usual);
  if (guest && shortest < least) {
    throw conflict(guest.option, `-l ${shortest}`, `${guest.what} needs packets of at least ${least} bytes`);
  }
  if (fragments > shortest) {
    throw conflict(`-F ${fragments}`, `-l ${shortest}`, "each slot of a packet has a byte at least");
  }
  return { shortest, longest: Math.max(one ?? usual, other ?? usual) };
}

function endpoint(name: string, text: string, family: Family, random: boolean): Endpoint {
  const range = readEndpoint(name, text, family);
  return random ? { ...range, random } : range;
}

/**
 * Refuses packets of more slots than the port takes at once, or than one where each slot has to be a whole frame.
 *
 * @throws {NmError} TOO_MANY_SLOTS
 */
export function checkSlots({ options, longest, inOneSlot }: Packets, port: Port, headerLength: number): void {
  const [ring] = port.txRings;
  if (!ring) return;
  const { fragments = 1, longestFragment = ring.bufferSize } = options;
  const bytes = Math.min(longestFragment, ring.bufferSize);
  const needed = Math.ceil((longest + headerLength) / bytes);
  const most = Math.min(port.spec.kind === "vale" ? NETMAP_MAX_FRAGS : ring.slots, ring.slots - 1);
  const refuse = (slots: number, limit: number) => {
    if (slots <= limit) return;
    throw new NmError("TOO_MANY_SLOTS", { port: port.name, length: longest, slots, bytes, most: limit });
  };
  if (inOneSlot) refuse(needed, 1);
  refuse(Math.max(fragments, needed), most);
}
