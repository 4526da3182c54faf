/**
 * Requests to a netmap device that move no packets: where the device is, what a port is like, and what its
 * refusals mean.
 */

import { accessSync, constants, statfsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { type DriverReport, describeAttempt, missingCapability } from "./driver.js";
import { NmError, type PortFailure, statusErrors } from "./errors.js";
import { engineLimits, kernelDevice } from "./layout.js";
import { type NativeGeometry, type NativeRequest, type NativeRingReset, native, statusOf } from "./native.js";
import { formatPort, type PortSpec, parsePort, portRequest } from "./port-spec.js";

export const backends = ["auto", "kernel", "embedded"] as const;

/** The kernel module, the embedded engine, or whichever works. */
export type Backend = (typeof backends)[number];

/** Which of the two it is. */
export type UsedBackend = Exclude<Backend, "auto">;

/** Which serves the ports of a place as deviceOf() gives it. */
export function backendAt(device: string): UsedBackend {
  return device === kernelDevice ? "kernel" : "embedded";
}

/** Where a port lives. Programs see each other's ports when they agree on it. */
export interface Place {
  /** Which device. By default $NM_BACKEND, else "auto". */
  readonly backend?: Backend | undefined;
  /** The embedded engine's namespace. By default $NM_DIR, else nm-UID in /dev/shm. */
  readonly namespace?: string | undefined;
}

/** A port as PORT_INFO_GET describes it. Rings are counted without host rings, sizes are in bytes. */
export type PortInfo = NativeGeometry;

/**
 * What a port is like, or would be if it were opened now without options: netmap makes it for a moment to tell.
 *
 * @throws {NmError} one of the codes of `statusErrors` in lib/errors.ts
 */
export function portInfo(port: string | PortSpec, place: Place = {}): PortInfo {
  return lookUp(port, place, "look up port");
}

/** `portInfo`, with words for what the port is looked up for. */
export function lookUp(port: string | PortSpec, place: Place, action: string): PortInfo {
  const spec = readSpec(port);
  const { name } = portRequest(spec);
  const device = deviceOf(place);
  const info = native().portInfo(device, name);
  if (typeof info === "number") throw portError(info, action, formatPort(spec), device);
  return info;
}

/**
 * Bytes of the virtio-net header that the packets of a switch's port have: 0, 10 or 12.
 *
 * @throws {NmError} one of the codes of `statusErrors` in lib/errors.ts
 */
export function portHeader(port: string | PortSpec, place: Place = {}): number {
  return askHeader(port, place, "look up the header of port", (device, name) =>
    native().portHeader(device, name),
  );
}

/**
 * Gives the packets of an open port of a switch a virtio-net header.
 *
 * @throws {NmError} HEADER_LENGTH, or another of the codes of `statusErrors` in lib/errors.ts
 */
export function setPortHeader(port: string | PortSpec, bytes: number, place: Place = {}): void {
  askHeader(port, place, "set the header of port", (device, name) =>
    native().setPortHeader(device, name, bytes),
  );
}

function askHeader(
  port: string | PortSpec,
  place: Place,
  action: string,
  ask: (device: string, name: string) => number,
): number {
  const spec = readSpec(port);
  const { name } = portRequest(spec);
  const device = deviceOf(place);
  const result = ask(device, name);
  if (result < 0) throw portError(result, action, formatPort(spec), device);
  return result;
}

/** The directory that holds the embedded engine's switches, memory and locks. */
export function namespaceDirectory({ namespace }: Place = {}): string {
  const chosen = namespace || process.env.NM_DIR;
  return chosen ? resolve(chosen) : join("/dev/shm", `nm-${process.getuid?.() ?? 0}`);
}

/**
 * The backend that will serve a port. "auto" is the kernel module where this user can open it and its version is
 * understood here, but not where a namespace of the embedded engine was named.
 *
 * @throws {NmError} BACKEND_MISSING where there is no /dev/netmap, KERNEL_NOT_LOADED where no module is behind it,
 *   KERNEL_NOT_PERMITTED where it may not be opened
 */
export function chooseBackend({ backend, namespace }: Place = {}): UsedBackend {
  const asked = backend ?? process.env.NM_BACKEND ?? "auto";
  switch (asked) {
    case "embedded":
      return asked;
    case "kernel":
      checkKernel({ anyVersion: true });
      return asked;
    case "auto":
      return !namespace && !process.env.NM_DIR && kernelWorks() ? "kernel" : "embedded";
    default: {
      const reason = `there is none of that name, only ${backends.join(", ")}`;
      throw new NmError("BACKEND_MISSING", { backend: asked, reason });
    }
  }
}

/** What the addon takes for the place of a port: /dev/netmap, or a namespace. */
export function deviceOf(place: Place = {}): string {
  return chooseBackend(place) === "kernel" ? kernelDevice : namespaceDirectory(place);
}

/**
 * Programs that nm starts may speak versions that it does not.
 *
 * @throws {NmError} as chooseBackend, and KERNEL_VERSION
 */
export function checkKernel({ anyVersion = false } = {}): void {
  const result = native().tryDevice(kernelDevice);
  if (result >= 0 || (anyVersion && statusOf(result) === "module_version")) return;
  throw portError(result, "use", kernelDevice, kernelDevice);
}

function kernelWorks(): boolean {
  try {
    // Whoever has none need not load the addon for that, nor is one that nm serves itself the kernel's.
    accessSync(kernelDevice, constants.R_OK | constants.W_OK);
    return !isServedByUs() && native().tryDevice(kernelDevice) >= 0;
  } catch {
    return false;
  }
}

/** Whether `nm run` serves this process, so that its /dev/netmap is the embedded engine's. */
function isServedByUs(): boolean {
  return (process.env.LD_PRELOAD ?? "").split(/[ :]+/).some((path) => basename(path) === preloadName);
}

/** The file name of what `nm run` preloads. */
export const preloadName = "nm_preload.so";

export function readSpec(port: string | PortSpec): PortSpec {
  return typeof port === "string" ? parsePort(port) : port;
}

/** What is known of a failure beside its status: what was asked for, what the drivers said, which ring was set back. */
interface Circumstances {
  readonly request?: NativeRequest;
  readonly drivers?: DriverReport | undefined;
  readonly reset?: NativeRingReset | undefined;
}

/** The error for a call of the addon that gave a number below 0. */
export function portError(
  result: number,
  action: string,
  port: string,
  namespace: string,
  { request, drivers, reset }: Circumstances = {},
): NmError {
  const status = statusOf(result);
  const failure: PortFailure = {
    action,
    port,
    namespace,
    status,
    ...spaceDetails(status, namespace, request),
    ...driverDetails(drivers),
    ...(status === "ring_reset" && resetDetails(reset)),
  };
  const code = statusErrors[status];
  if (code === "BACKEND_MISSING") {
    return new NmError(code, { backend: "kernel", reason: "there is no /dev/netmap here" });
  }
  if (code === "KERNEL_VERSION" || code === "KERNEL_NOT_PERMITTED" || code === "KERNEL_NOT_LOADED")
    return new NmError(code, undefined);
  if (code === "DRIVER_NONE" && failure.capability) return new NmError("INTERFACE_NOT_PERMITTED", failure);
  return new NmError(code, failure);
}

function driverDetails(drivers: DriverReport | undefined) {
  if (drivers === undefined) return {};
  const { attempts } = drivers;
  return { refusals: attempts.map(describeAttempt).join("; "), capability: missingCapability(attempts) };
}

function resetDetails(reset: NativeRingReset | undefined) {
  if (reset?.ring === undefined) return {};
  const { kind, ring, head, cur } = reset;
  return {
    ring: `${kind.toUpperCase()} ring ${ring}`,
    ...(head !== undefined && cur !== undefined && { head, cur }),
  };
}

function spaceDetails(status: string, namespace: string, request?: NativeRequest) {
  if (status !== "space_exhausted" || namespace === kernelDevice) return {};
  const { bavail, bsize } = statfsSync(namespace);
  return { free_bytes: bavail * bsize, ...(request && { needed_bytes: neededBytes(request) }) };
}

/** About what a new port takes of the namespace: its buffers, which are nearly all of it. */
function neededBytes({ txRings, rxRings, txSlots, rxSlots, extraBuffers }: NativeRequest): number {
  const tx = (txRings || 1) * (txSlots || engineLimits.slotsByDefault);
  const rx = (rxRings || 1) * (rxSlots || engineLimits.slotsByDefault);
  return (tx + rx + extraBuffers) * engineLimits.bufferBytes;
}
