/**
 * The switches of the kernel module: who is on them. It tells no more, and no program can find out what passed or was lost there.
 */

import { existsSync } from "node:fs";
import { type PortInfo, portError, portHeader, portInfo } from "../control.js";
import { kernelDevice } from "../layout.js";
import { native } from "../native.js";
import { refused } from "./switches.js";

export interface KernelSwitch {
  readonly name: string;
  readonly index: number;
  readonly ports: readonly KernelPort[];
}

export interface KernelPort {
  readonly name: string;
  /** As the module has it: "vale0:a". */
  readonly fullName: string;
  readonly place: number;
  /** A port that has an interface of its name is persistent, or that interface. */
  readonly kind: "vale" | "interface" | "host";
  /** Not asked of interfaces and persistent ports: the module loses a persistent port that is on a switch by that question. */
  readonly info: PortInfo | undefined;
  readonly headerLength: number | undefined;
}

/** All switches, in the order of their numbers, and their ports as they came. */
export function listKernelSwitches(): KernelSwitch[] {
  const places = native().listPorts(kernelDevice);
  if (typeof places === "number") throw portError(places, "list the switches of", kernelDevice, kernelDevice);
  const switches = new Map<number, { name: string; index: number; ports: KernelPort[] }>();
  for (const { name: fullName, switchIndex: index, place } of places) {
    const [vale = "", name = fullName] = fullName.split(":");
    const found = switches.get(index) ?? { name: vale, index, ports: [] };
    const kind = kindOf(name);
    found.ports.push({ name, fullName, place, kind, ...detailsOf(fullName, kind) });
    switches.set(index, found);
  }
  return [...switches.values()];
}

/** @throws {NmError} SWITCH_NOT_FOUND */
export function findKernelSwitch(name: string): KernelSwitch {
  const found = listKernelSwitches().find((vale) => vale.name === name);
  if (!found) throw refused("no_such_switch", "look up switch", name, { backend: "kernel" });
  return found;
}

function kindOf(name: string): KernelPort["kind"] {
  if (name.endsWith("^")) return "host";
  return existsSync(`/sys/class/net/${name}`) ? "interface" : "vale";
}

function detailsOf(port: string, kind: KernelPort["kind"]): Pick<KernelPort, "info" | "headerLength"> {
  const ask = <Answer>(question: () => Answer) => {
    try {
      return question();
    } catch {
      return undefined;
    }
  };
  return {
    info: kind === "vale" ? ask(() => portInfo(port, { backend: "kernel" })) : undefined,
    headerLength: ask(() => portHeader(port, { backend: "kernel" })),
  };
}
