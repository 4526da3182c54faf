/** The switches of a namespace, and what may be asked of them. Nothing here prints. */

import { existsSync } from "node:fs";
import { NR_REG_ALL_NIC, NR_REG_NIC_SW } from "../abi.js";
import { chooseBackend, deviceOf, namespaceDirectory, type Place, portError } from "../control.js";
import { formatMac, readMac } from "../endpoint.js";
import { NmError, type PortFailure, statusErrors } from "../errors.js";
import { type NativeCreated, native } from "../native.js";
import { parsePort } from "../port-spec.js";
import { nativePolicy, type Policy } from "./policy.js";
import { readPorts, type SwitchPort } from "./port-table.js";
import { type DeadWorker, deadWorker, deadWorkers } from "./workers.js";

export interface Switch {
  readonly name: string;
  readonly index: number;
  /** Stations that were not heard for so many seconds are forgotten; 0: none is. */
  readonly ageingSeconds: number;
  readonly ports: readonly SwitchPort[];
}

export interface Listing {
  readonly switches: readonly Switch[];
  /** Persistent ports that are on no switch. */
  readonly loose: readonly SwitchPort[];
  /** Of interfaces that were attached, and whose workers are no more. */
  readonly dead: readonly DeadWorker[];
}

/** All switches, in the order of their numbers. Looking makes no namespace. */
export function listSwitches(place: Place = {}): Listing {
  const directory = directoryOf(place);
  if (!existsSync(directory)) return { switches: [], loose: [], dead: [] };
  const all = readSwitches(directory, "", false);
  const switches = all.filter(({ name }) => name !== "");
  return {
    dead: deadWorkers(directory, (port) =>
      switches.some(({ ports }) => ports.some(({ fullName }) => fullName === port)),
    ),
    switches,
    loose: all.filter(({ name }) => name === "").flatMap(({ ports }) => ports),
  };
}

/** What is in the switches' own files: where thousands of ports are, that takes a tenth of the time. */
export interface NamedSwitch extends Pick<Switch, "name" | "index"> {
  readonly ports: readonly Pick<SwitchPort, "name" | "fullName" | "place">[];
}

export function listNames(place: Place = {}): NamedSwitch[] {
  const directory = directoryOf(place);
  return existsSync(directory) ? readSwitches(directory, "", true) : [];
}

function readSwitches(directory: string, name: string, onlyNames: boolean): Switch[] {
  const listed = native().listSwitches(directory, name, onlyNames);
  if (typeof listed === "number") throw portError(listed, "list the switches of", directory, directory);
  return listed.map(({ ports, ...rest }) => ({ ...rest, ports: readPorts(rest.name, ports) }));
}

/** Pipes, network interfaces and other ports that no switch can have. */
export function listOtherPorts(place: Place = {}): SwitchPort[] {
  const directory = directoryOf(place);
  if (!existsSync(directory)) return [];
  const listed = native().listOtherPorts(directory);
  if (typeof listed === "number") throw portError(listed, "list the ports of", directory, directory);
  return readPorts("", listed);
}

/** The switch of that name. @throws {NmError} SWITCH_NOT_FOUND */
export function findSwitch(name: string, place: Place = {}): Switch {
  return findOne(name, false, place);
}

/** The same of what is in its own file. @throws {NmError} SWITCH_NOT_FOUND */
export function findNames(name: string, place: Place = {}): NamedSwitch {
  return findOne(name, true, place);
}

function findOne(name: string, onlyNames: boolean, place: Place): Switch {
  const directory = directoryOf(place);
  const [found] = name !== "" && existsSync(directory) ? readSwitches(directory, name, onlyNames) : [];
  if (!found) throw refused("no_such_switch", "look up switch", name, place);
  return found;
}

/** The port "vale0:a". @throws {NmError} SWITCH_NOT_FOUND or PORT_NOT_FOUND */
export function findPort(name: string, place: Place = {}): SwitchPort {
  const [vale] = splitName(name);
  const found = findSwitch(vale, place).ports.find(({ fullName }) => fullName === name);
  if (!found) throw refused("no_such_port", "look up port", name, place);
  return found;
}

/** "vale0:a" as switch and port. @throws {NmError} PORT_SYNTAX, or SWITCH_NAME where it is a port of no switch */
export function splitName(text: string): readonly [vale: string, port: string] {
  const { name, kind } = parsePort(text);
  const colon = name.indexOf(":");
  if (kind !== "vale" || colon === -1) throw refused("not_on_a_switch", "use", text, {});
  return [name.slice(0, colon), name.slice(colon + 1)];
}

/** Puts a persistent port, or a network interface, onto a switch. Gives its place there. */
export function attach(name: string, host: boolean, memId: number, place: Place = {}): number {
  const mode = host ? NR_REG_NIC_SW : NR_REG_ALL_NIC;
  return request("attach", name, place, (device) => native().attachPort(device, name, mode, memId));
}

/** Takes it off again, and gives the place that it had. Of an interface whose worker is no more, what became of that one. */
export function detach(name: string, place: Place = {}): number | DeadWorker {
  // The kernel module needs no workers.
  const dead = chooseBackend(place) === "kernel" ? undefined : deadWorker(directoryOf(place), name);
  try {
    return request("detach", name, place, (device) => native().detachPort(device, name));
  } catch (error) {
    if (dead && error instanceof NmError && error.code === statusErrors.no_such_port) return dead;
    throw error;
  }
}

/** Makes a persistent port, which stays until it is destroyed. */
export function create(name: string, wanted: Partial<NativeCreated>, place: Place = {}): NativeCreated {
  return request("create port", name, place, (device) => native().createPort(device, name, wanted));
}

/** Deletes a persistent port. @throws {NmError} PERSISTENT_NOT_FOUND, or why it has to stay */
export function destroy(name: string, place: Place = {}): void {
  try {
    request("destroy port", name, place, (device) => native().destroyPort(device, name));
  } catch (error) {
    // To the device every name without a switch is an interface's.
    if (!(error instanceof NmError) || error.code !== statusErrors.no_such_interface) throw error;
    throw new NmError("PERSISTENT_NOT_FOUND", error.details as PortFailure, { cause: error });
  }
}

export function setPolicy(name: string, policy: Policy, place: Place = {}): void {
  answer("set what is so of", name, place, (directory) =>
    native().setPolicy(directory, name, nativePolicy(policy)),
  );
}

export function setAgeing(vale: string, seconds: number, place: Place = {}): void {
  answer("set the ageing of switch", vale, place, (directory) =>
    native().setAgeing(directory, vale, seconds),
  );
}

export interface Polling {
  /** One processor for all rings, or one for each. */
  readonly eachRing: boolean;
  readonly firstCpu: number;
  readonly cpus: number;
}

export function setPolling(name: string, polling: Polling | undefined, place: Place = {}): void {
  const { eachRing = false, firstCpu = 0, cpus = 1 } = polling ?? {};
  request(polling ? "poll" : "stop polling", name, place, (device) =>
    native().setPolling(device, name, polling !== undefined, eachRing ? 2 : 1, firstCpu, cpus),
  );
}

export interface Station {
  readonly mac: string;
  /** With the switch's: "vale0:a". */
  readonly port: string;
  readonly ageSeconds: number;
  /** How often it was heard behind another port than before. */
  readonly moves: number;
  readonly isPinned: boolean;
}

/** Who is behind which port of the switch, the longest known port first. */
export function listStations(vale: string, place: Place = {}): Station[] {
  const action = "list the stations of switch";
  const listed = answer(action, vale, place, (directory) => {
    if (!existsSync(directory)) throw refused("no_such_switch", action, vale, place);
    return native().listStations(directory, vale);
  });
  return listed.map(({ mac, port, ...rest }) => ({ ...rest, mac: formatMac(mac), port: `${vale}:${port}` }));
}

/** Forgets the stations of a switch, "vale0", or those behind one port, "vale0:a". Pinned ones stay. Gives how many went. */
export function flushStations(name: string, place: Place = {}): number {
  const [vale, port] = name.includes(":") ? splitName(name) : [name, ""];
  return answer("flush", name, place, (directory) => native().flushStations(directory, vale, port));
}

export function pinStation(port: string, mac: string, place: Place = {}): void {
  answer("pin a station to", port, place, (directory) =>
    native().pinStation(directory, port, stationMac(mac)),
  );
}

export function unpinStation(vale: string, mac: string, place: Place = {}): void {
  answer("unpin a station of", vale, place, (directory) =>
    native().unpinStation(directory, vale, stationMac(mac)),
  );
}

/** With colons or hyphens. @throws {NmError} ARGUMENT_VALUE */
function stationMac(text: string): Uint8Array {
  const mac = readMac(text.replaceAll("-", ":"));
  if (mac) return mac;
  throw new NmError("ARGUMENT_VALUE", {
    argument: "MAC",
    text,
    expected: "a MAC address, for example 02:00:00:00:00:01",
    command: "vale-ctl",
  });
}

/** What netmap answers, in the kernel or in the embedded engine. @throws {NmError} where it refuses */
function request<Answer>(
  action: string,
  name: string,
  place: Place,
  ask: (device: string) => Answer | number,
): Answer {
  return answerOf(deviceOf(place), action, name, ask);
}

/** What the embedded engine answers. @throws {NmError} where it refuses, and KERNEL_SWITCHES */
function answer<Answer>(
  action: string,
  name: string,
  place: Place,
  ask: (directory: string) => Answer | number,
): Answer {
  return answerOf(directoryOf(place), action, name, ask);
}

/** Statuses are the numbers below 0. */
function answerOf<Answer>(
  device: string,
  action: string,
  name: string,
  ask: (device: string) => Answer | number,
): Answer {
  const result = ask(device);
  if (typeof result === "number" && result < 0) throw portError(result, action, name, device);
  return result as Answer;
}

/** @throws {NmError} KERNEL_SWITCHES */
function directoryOf(place: Place): string {
  if (chooseBackend(place) === "kernel") throw new NmError("KERNEL_SWITCHES", undefined);
  return namespaceDirectory(place);
}

export function refused(
  status: "no_such_switch" | "no_such_port" | "not_on_a_switch",
  action: string,
  port: string,
  place: Place,
) {
  const namespace = namespaceDirectory(place);
  const codes = {
    no_such_switch: "SWITCH_NOT_FOUND",
    no_such_port: "PORT_NOT_FOUND",
    not_on_a_switch: "SWITCH_NAME",
  } as const;
  return new NmError(codes[status], { action, port, namespace, status });
}
