/**
 * Command lines of QEMU for virtual machines that have netmap ports.
 *
 * Passed through, a port's rings and buffers are the guest's own, as a network card of the kind ptnet. That is in netmap's
 * fork of QEMU only; any QEMU that was built with netmap can join a port to one of its usual cards.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { NmError } from "../errors.js";
import { formatPort, type PortSpec } from "../port-spec.js";

export interface Machine {
  readonly memory: string;
  readonly processors: number;
  /** An image to boot from. */
  readonly disk: string | undefined;
  readonly ports: readonly PortSpec[];
  /** Else the port is behind a virtio card. */
  readonly passthrough: boolean;
  /** More of QEMU's arguments. */
  readonly more: readonly string[];
}

/** QEMU's arguments, those that belong together on one row. @throws {NmError} PORT_NOT_PASSED */
export function qemuRows({ memory, processors, disk, ports, passthrough, more }: Machine): string[][] {
  const processor = hasKvm() ? ["-accel", "kvm", "-cpu", "host"] : ["-accel", "tcg", "-cpu", "max"];
  return [
    [...processor, "-m", memory, "-smp", String(processors)],
    ...(disk === undefined ? [] : [["-drive", `file=${escaped(disk)},if=virtio`]]),
    ...ports.flatMap((port, i) => portRows(port, `port${i}`, passthrough)),
    ...(more.length > 0 ? [[...more]] : []),
  ];
}

function portRows(port: PortSpec, id: string, passthrough: boolean): string[][] {
  const name = formatPort(port);
  const why = whyNot(port);
  if (why !== undefined) throw new NmError("PORT_NOT_PASSED", { port: name, reason: why });
  const backend = `netmap,id=${id},ifname=${escaped(name)}${passthrough ? ",passthrough=on" : ""}`;
  const card = passthrough ? "ptnet-pci" : "virtio-net-pci";
  return [
    ["-netdev", backend],
    ["-device", `${card},netdev=${id},mac=${macOf(name)}`],
  ];
}

function whyNot({ kind }: PortSpec): string | undefined {
  if (kind === "tap") return "tap ports are of the embedded engine, which QEMU does not know";
  if (kind === "null") return "it has no rings";
  return kind === "monitor" ? "a monitor cannot send" : undefined;
}

/** A comma ends a value of QEMU's, unless there are two. */
function escaped(value: string): string {
  return value.replaceAll(",", ",,");
}

/** An address of QEMU's own range, the same for the same port, and for other ports of a switch another one. */
function macOf(name: string): string {
  const bytes = createHash("sha256").update(name).digest().subarray(0, 3);
  return ["52", "54", "00", ...Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))].join(":");
}

function hasKvm(): boolean {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

export interface QemuSupport {
  /** -netdev netmap */
  readonly netmap: boolean;
  /** -device ptnet-pci */
  readonly ptnet: boolean;
}

/** What a QEMU can do, as it says itself. Undefined: it does not run. */
export function supportOf(qemu: string): QemuSupport | undefined {
  const help = (option: string) => spawnSync(qemu, [option, "help"], { encoding: "utf8" });
  const backends = help("-netdev");
  const devices = help("-device");
  if (backends.status !== 0 || devices.status !== 0) return undefined;
  return {
    netmap: /^netmap$/m.test(backends.stdout + backends.stderr),
    ptnet: /"ptnet-pci"/.test(devices.stdout + devices.stderr),
  };
}

/** Why it cannot have ports of netmap. */
export function whyUnfit(support: QemuSupport | undefined, passthrough: boolean): string | undefined {
  if (support === undefined) return "it does not run";
  if (!support.netmap) return "it was built without netmap (-netdev netmap)";
  return passthrough && !support.ptnet ? "it has no ptnet cards (-device ptnet-pci)" : undefined;
}
