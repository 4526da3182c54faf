/**
 * What is changed in packets, and how they are split onto two ports: the options of nmreplay, read.
 */

import { isIP } from "node:net";
import { addressBytes, readMac } from "../endpoint.js";
import { NmError } from "../errors.js";
import { badValue, conflict, type Form, readValue } from "../pkt-gen/values.js";
import type { Edit, Network, Sides } from "../replay.js";
import type { ReplayArguments } from "./options.js";

const macForm: Form = ["six bytes in hexadecimal with : between", "02:00:00:00:00:01"];
const mapForm: Form = ["two networks of one size with = between", "10.0.0.0/8=172.0.0.0/8"];
const vlanForm: Form = [
  "a VLAN from 0 to 4095, with : and a priority from 0 to 7 where one is wanted",
  "100:3",
];
const splitForm: Form = ["auto, ports, networks or MAC addresses", "10.0.0.0/8,fd00::/8"];

export function readEdit(args: ReplayArguments): Edit {
  return {
    toMac: readMacs("toMac", args.toMac, args),
    fromMac: readMacs("fromMac", args.fromMac, args),
    maps: args.map.map((text) => readValue("map", text, readMap, mapForm)),
    randomSeed: args.randomIps,
    popVlan: args.popVlan,
    pushVlan:
      args.pushVlan === undefined ? undefined : readValue("pushVlan", args.pushVlan, readVlan, vlanForm),
  };
}

/** One address for both ports, or one for each. */
function readMacs(name: "toMac" | "fromMac", texts: readonly string[], { split }: ReplayArguments) {
  if (texts.length > 2) throw badValue(name, texts[2] ?? "", ["at most two, one for each port", macForm[1]]);
  if (texts.length === 2 && split === undefined) {
    throw conflict(
      `a second ${name === "toMac" ? "--to-mac" : "--from-mac"}`,
      "one port",
      "it is for the second port of --split",
    );
  }
  const [first, second = first] = texts.map((text) => readValue(name, text, readMac, macForm));
  return [first, second];
}

function readMap(text: string): { from: Network; to: Network } | undefined {
  const [from, to, ...more] = text.split("=").map(readNetwork);
  if (!from || !to || more.length > 0) return undefined;
  return from.bits === to.bits && from.address.length === to.address.length ? { from, to } : undefined;
}

/** An address, which is a network of one, or an address and the number of its bits that count. */
function readNetwork(text: string): Network | undefined {
  const [address = "", bits, ...more] = text.split("/");
  const whole = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0;
  if (whole === 0 || more.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return undefined;
  const bytes = addressBytes(address);
  const count = bits === undefined ? whole : Number(bits);
  return bytes && count <= whole ? { address: bytes, bits: count } : undefined;
}

function readVlan(text: string): number | undefined {
  const match = /^(\d{1,4})(?::([0-7]))?$/.exec(text);
  const id = Number(match?.[1] ?? Number.NaN);
  return id <= 4095 ? (Number(match?.[2] ?? 0) << 13) | id : undefined;
}

/** How the ports that are given share the packets. */
export function readSides({ split, interface: ports }: ReplayArguments): Sides {
  if (split === undefined) {
    if (ports.length > 1) throw new NmError("SPLIT_MISSING", { ports: ports.length });
    return { rule: "one" };
  }
  const sides = readValue("split", split, readSplit, splitForm);
  if (ports.length !== 2 && ports.length !== 0) throw new NmError("SPLIT_PORTS", { ports: ports.length });
  return sides;
}

function readSplit(text: string): Sides | undefined {
  if (text === "auto") return { rule: "learned" };
  if (text === "ports") return { rule: "ports" };
  const words = text.split(",");
  const macs = words.map(readMac);
  if (macs.every((mac) => mac !== undefined)) return { rule: "macs", macs };
  const networks = words.map(readNetwork);
  if (networks.every((network) => network !== undefined)) return { rule: "addresses", networks };
  return undefined;
}
