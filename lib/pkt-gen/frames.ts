/**
 * What packets look like: pkt-gen's options about it, and the packets that they mean.
 */

import { NETMAP_MAX_FRAGS } from "../abi.js";
import type { Arguments, Options } from "../command.js";
import { readEndpoint, readMac } from "../endpoint.js";
import { NmError } from "../errors.js";
import { type InterfaceFacts, interfaceFacts } from "../interface.js";
import { frameLimits } from "../layout.js";
import type { Port } from "../port.js";
import { formatPort, type PortSpec } from "../port-spec.js";
import type { Endpoint, Family, GeneratorOptions } from "../traffic.js";
import { badValue, conflict, type Form, readValue } from "./values.js";

const ethernetHeader = 14;
const usualLength = 60;

/** netmap's for IPv4, and their likeness among the addresses that are free for everybody's own use. [RFC 4193] */
const usualAddresses = {
  4: { from: "10.0.0.1", to: "10.1.0.1" },
  6: { from: "fd00::1", to: "fd00:1::1" },
} as const;

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
    default: "ff:ff:ff:ff:ff:ff",
    group: "Sending",
    describe: "Send to this Ethernet address",
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
} as const satisfies Options;

type Args = Arguments<Record<never, never>, typeof frameOptions>;

const lengthForm: Form = ["one size, or the smallest and the largest of random ones", "64 --length 1500"];
const macForm: Form = ["six bytes in hexadecimal with : between", "02:00:00:00:00:01"];

/** The packets of a run. */
export interface Packets {
  readonly options: Pick<
    GeneratorOptions,
    "frame" | "contents" | "fragments" | "longestFragment" | "indirect"
  >;
  readonly shortest: number;
  readonly longest: number;
  /** What decides everything that is random; nothing where nothing is. */
  readonly seed: number | undefined;
  /** Addresses as the user wrote them; nothing where packets are what they are. */
  readonly words: { from: string; to: string; fromMac: string; toMac: string } | undefined;
}

/**
 * The packets that the options mean for a port. `extra` bytes at their end are somebody else's.
 *
 * @throws {NmError} ADDRESS_SYNTAX, OPTION_VALUE, OPTION_CONFLICT or PACKET_BEYOND_MTU
 */
export function readPackets(args: Args, spec: PortSpec, extra = 0, facts = factsOf(spec)): Packets {
  refuseContradictions(args, spec);
  const family: Family = args.ipv6 ? 6 : 4;
  const { shortest, longest } = lengthsOf(args, family, extra);
  if (facts.mtu !== undefined && longest - ethernetHeader > facts.mtu) {
    throw new NmError("PACKET_BEYOND_MTU", { port: formatPort(spec), length: longest, mtu: facts.mtu });
  }

  const { from, to } = { ...usualAddresses[family], ...given(args, ["from", "to"]) };
  const fromMac = args.fromMac ?? facts.mac ?? "00:00:00:00:00:00";
  const random = args.randomFrom || args.randomTo || shortest < longest;
  const seed = random ? (args.seed ?? Math.floor(Math.random() * 2 ** 32)) : undefined;
  return {
    options: {
      frame: {
        family,
        length: longest,
        ...(shortest < longest && { shortestLength: shortest }),
        seed,
        from: endpoint("from", from, family, args.randomFrom),
        to: endpoint("to", to, family, args.randomTo),
        fromMac: readValue("fromMac", fromMac, readMac, macForm),
        toMac: readValue("toMac", args.toMac, readMac, macForm),
      },
      contents: args.rubbish ? "never" : args.copy ? "always" : "once",
      fragments: args.fragments,
      longestFragment: args.longestFragment,
      indirect: args.indirect,
    },
    shortest,
    longest,
    seed,
    words: args.rubbish ? undefined : { from, to, fromMac, toMac: args.toMac },
  };
}

function factsOf({ kind, name }: PortSpec): InterfaceFacts {
  return kind === "nic" || kind === "host" ? interfaceFacts(name) : { mac: undefined, mtu: undefined };
}

/** Of these options those that the user gave. */
function given(args: Args, names: readonly ("from" | "to")[]): { from?: string; to?: string } {
  return Object.fromEntries(names.flatMap((name) => (args[name] === undefined ? [] : [[name, args[name]]])));
}

function lengthsOf({ length, fragments }: Args, family: Family, extra: number) {
  const [one, other = one, more] = length;
  if (more !== undefined) throw badValue("length", length.join(" --length "), lengthForm);
  const headers = family === 4 ? frameLimits.headers : frameLimits.headers6;
  const usual = Math.max(usualLength, headers + extra);
  const shortest = Math.min(one ?? usual, other ?? usual);
  if (fragments > shortest) {
    throw conflict(`-F ${fragments}`, `-l ${shortest}`, "each slot of a packet has a byte at least");
  }
  return { shortest, longest: Math.max(one ?? usual, other ?? usual) };
}

function endpoint(name: string, text: string, family: Family, random: boolean): Endpoint {
  const range = readEndpoint(name, text, family);
  return random ? { ...range, random } : range;
}

/** Nothing that is asked for is left undone in silence. */
function refuseContradictions(args: Args, spec: PortSpec): void {
  if (args.ipv4 && args.ipv6) throw conflict("-4", "-6", "a packet is of one version");
  for (const [option, random, letter] of [
    ["from", args.randomFrom, "z"],
    ["to", args.randomTo, "Z"],
  ] as const) {
    const text = args[option];
    if (random && text !== undefined && (!args.ipv6 || /-|\]:/.test(text))) {
      throw conflict(`--${option} ${text}`, `-${letter}`, "both decide the addresses and ports");
    }
  }
  if (args.indirect && spec.kind !== "vale") {
    throw conflict("-I", `-i ${formatPort(spec)}`, "only switches read packets from a program's memory");
  }
  if (!args.rubbish) return;
  for (const [option, isGiven] of [
    ["-6", args.ipv6],
    ["-s", args.from !== undefined],
    ["-d", args.to !== undefined],
    ["-z", args.randomFrom],
    ["-Z", args.randomTo],
    ["-S", args.fromMac !== undefined],
    ["-I", args.indirect],
    ["--copy", args.copy],
  ] as const) {
    if (isGiven) throw conflict("-r", option, "nothing is written into packets that are sent as they are");
  }
}

/**
 * Refuses packets of more slots than the port takes at once.
 *
 * @throws {NmError} TOO_MANY_SLOTS
 */
export function checkSlots({ options, longest }: Packets, port: Port, headerLength = 0): void {
  const [ring] = port.txRings;
  if (!ring) return;
  const { fragments = 1, longestFragment = ring.bufferSize } = options;
  const bytes = Math.min(longestFragment, ring.bufferSize);
  const slots = Math.max(fragments, Math.ceil((longest + headerLength) / bytes));
  const most = Math.min(port.spec.kind === "vale" ? NETMAP_MAX_FRAGS : ring.slots, ring.slots - 1);
  if (slots <= most) return;
  throw new NmError("TOO_MANY_SLOTS", { port: port.name, length: longest, slots, bytes, most });
}
