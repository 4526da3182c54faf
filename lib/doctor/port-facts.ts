/** Gathers what is known of one port: who has it and its neighbours open, and what its interface is like. */

import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type Capability, capabilities, missingCapabilities } from "../capabilities.js";
import { backendAt, deviceOf, type Place, type UsedBackend } from "../control.js";
import { ownName } from "../invocation.js";
import { type NativeInterfaceCondition, native } from "../native.js";
import { listOpenPorts, type OpenPort } from "../open-ports.js";
import { formatPort, type PortSpec } from "../port-spec.js";
import type { Standstill } from "./finding.js";
import { type KernelFacts, kernelFacts } from "./kernel-facts.js";
import { type OtherNamespace, otherNamespaces } from "./machine.js";

export interface PortFacts {
  readonly nm: string;
  readonly missingCapabilities: readonly Capability[];
  readonly standstill: Standstill | undefined;
  readonly spec: PortSpec;
  /** The spec in its printed form. */
  readonly name: string;
  readonly backend: UsedBackend;
  readonly netmap: KernelFacts;
  readonly namespace: string;
  /** Every port that somebody has open in the namespace. */
  readonly open: readonly OpenPort[];
  readonly otherNamespaces: readonly OtherNamespace[];
  /** Of the interface in the port's name; undefined where the name is no interface's, null where there is none. */
  readonly interface: InterfaceFacts | null | undefined;
  /** Network namespaces that have an interface of this name, where this one has none. */
  readonly elsewhere: readonly string[];
  /** Interfaces of this network namespace. */
  readonly interfaces: readonly string[];
}

export interface InterfaceFacts extends NativeInterfaceCondition {
  readonly name: string;
  readonly masterName: string | undefined;
  /** The other end of a veth pair, and the network namespace that it is in, by name; undefined: this one, or not known. */
  readonly peerName: string | undefined;
  readonly peerNamespace: string | undefined;
  /** IP addresses that the host has on it. */
  readonly addresses: readonly string[];
  readonly hasDefaultRoute: boolean;
  /** The person at the terminal came in through it. */
  readonly carriesThisSession: boolean;
  /** What the kernel counted in the last moments; undefined where nobody waited. */
  readonly packetsPerSecond: { readonly tx: number; readonly rx: number } | undefined;
  /** Since the interface came up. */
  readonly counters: Readonly<Record<string, number>>;
}

/** How long the kernel's counters are watched. */
const watch_ms = 200;

export async function gatherPort(
  spec: PortSpec,
  { standstill, ...place }: Place & { standstill?: Standstill | undefined } = {},
): Promise<PortFacts> {
  const namespace = deviceOf(place);
  const backend = backendAt(namespace);
  const interfaceName = interfaceOf(spec);
  const facts = interfaceName === undefined ? undefined : await interfaceFacts(interfaceName);
  return {
    nm: ownName(),
    missingCapabilities: missingCapabilities(capabilities),
    standstill,
    spec,
    name: formatPort(spec),
    backend,
    netmap: kernelFacts(),
    namespace,
    // Who has the kernel's ports open it does not tell.
    open: backend === "kernel" ? [] : listOpenPorts(namespace),
    otherNamespaces: otherNamespaces(namespace),
    interface: facts,
    elsewhere: facts === null && interfaceName !== undefined ? await networksWith(interfaceName) : [],
    interfaces: interfaceNames(),
  };
}

/** The name of the interface that the spec is about. */
export function interfaceOf({ kind, name, pipe }: PortSpec): string | undefined {
  if (kind === "nic" || kind === "host" || kind === "tap") return name;
  return kind === "monitor" && !pipe && !name.startsWith("vale") ? name : undefined;
}

export function interfaceNames(): string[] {
  return existsSync("/sys/class/net")
    ? readdirSync("/sys/class/net").filter((name) => !name.startsWith("bonding_"))
    : [];
}

/** null where there is no such interface. */
export async function interfaceFacts(name: string): Promise<InterfaceFacts | null> {
  const condition = native().interfaceCondition(name);
  if (typeof condition === "number") return null;
  const addresses = (networkInterfaces()[name] ?? []).map(({ address }) => address);
  const before = countersOf(name);
  await sleep(watch_ms);
  const counters = countersOf(name);
  const rate = (counter: string) => (((counters[counter] ?? 0) - (before[counter] ?? 0)) * 1000) / watch_ms;
  const [client] = (process.env.SSH_CONNECTION ?? "").split(" ").slice(2);
  return {
    ...condition,
    name,
    masterName: condition.master ? nameOfIndex(condition.master) : undefined,
    ...(await peerFacts(condition)),
    addresses,
    hasDefaultRoute: defaultRoutes().includes(name),
    carriesThisSession: client !== undefined && addresses.includes(client),
    packetsPerSecond: { tx: rate("tx_packets"), rx: rate("rx_packets") },
    counters,
  };
}

async function peerFacts({ kind, peer, peerNetwork }: NativeInterfaceCondition) {
  if (kind !== "veth" || peer === 0) return { peerName: undefined, peerNamespace: undefined };
  if (peerNetwork < 0) return { peerName: nameOfIndex(peer), peerNamespace: undefined };
  const peerNamespace = await networkOfNumber(peerNetwork);
  const links = peerNamespace === undefined ? [] : await linksIn(peerNamespace);
  return { peerName: links.find(({ ifindex }) => ifindex === peer)?.ifname, peerNamespace };
}

function nameOfIndex(index: number): string | undefined {
  return interfaceNames().find((name) => Number(read(`/sys/class/net/${name}/ifindex`)) === index);
}

function countersOf(name: string): Record<string, number> {
  const directory = `/sys/class/net/${name}/statistics`;
  if (!existsSync(directory)) return {};
  return Object.fromEntries(
    readdirSync(directory).map((file) => [file, Number(read(`${directory}/${file}`) ?? 0)]),
  );
}

/** Interfaces with a default route, IPv4 or IPv6. */
function defaultRoutes(): string[] {
  const four = (read("/proc/net/route") ?? "").split("\n").map((line) => line.split(/\s+/));
  const six = (read("/proc/net/ipv6_route") ?? "").split("\n").map((line) => line.trim().split(/\s+/));
  return [
    ...four
      .filter(([, to, , , , , , mask]) => to === "00000000" && mask === "00000000")
      .map(([name = ""]) => name),
    ...six
      .filter(
        ([to, length, , , , metric]) => /^0{32}$/.test(to ?? "") && length === "00" && metric !== "ffffffff",
      )
      .map((words) => words.at(-1) ?? ""),
  ];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Named network namespaces that have an interface of this name. Without ip, or the right to look, none. */
async function networksWith(name: string): Promise<string[]> {
  const found: string[] = [];
  for (const network of networkNames().slice(0, 32)) {
    if ((await linksIn(network)).some(({ ifname }) => ifname === name)) found.push(network);
  }
  return found;
}

function networkNames(): string[] {
  return existsSync("/run/netns") ? readdirSync("/run/netns") : [];
}

async function networkOfNumber(number: number): Promise<string | undefined> {
  const listed = await ask<{ nsid: number; name?: string }>(["netns", "list-id"]);
  return listed.find(({ nsid }) => nsid === number)?.name;
}

function linksIn(network: string): Promise<{ ifindex: number; ifname: string }[]> {
  return ask(["-n", network, "link", "show"]);
}

/** What ip answers in JSON; nothing where it is missing, refuses or says nothing. */
async function ask<Answer>(words: readonly string[]): Promise<Answer[]> {
  try {
    const { stdout } = await promisify(execFile)("ip", ["-json", ...words], { timeout: 2000 });
    return stdout.trim() === "" ? [] : JSON.parse(stdout);
  } catch {
    return [];
  }
}
