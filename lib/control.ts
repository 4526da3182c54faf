/**
 * Requests to a netmap device that move no packets: where the device is, what a port is like, and what its
 * refusals mean.
 */

import { statfsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type DriverReport, describeAttempt, missingCapability } from "./driver.js";
import { NmError, type PortFailure, statusErrors } from "./errors.js";
import { engineLimits } from "./layout.js";
import { type NativeGeometry, type NativeRequest, native, statusOf } from "./native.js";
import { formatPort, type PortSpec, parsePort, portRequest } from "./port-spec.js";

export const backends = ["auto", "kernel", "embedded"] as const;

/** The kernel module, the embedded engine, or whichever works. */
export type Backend = (typeof backends)[number];

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
  const directory = namespaceDirectory(place);
  chooseBackend(place);
  const info = native().portInfo(directory, name);
  if (typeof info === "number") throw portError(info, action, formatPort(spec), directory);
  return info;
}

/**
 * Bytes of the virtio-net header that the packets of a switch's port have: 0, 10 or 12.
 *
 * @throws {NmError} one of the codes of `statusErrors` in lib/errors.ts
 */
export function portHeader(port: string | PortSpec, place: Place = {}): number {
  return askHeader(port, place, "look up the header of port", (directory, name) =>
    native().portHeader(directory, name),
  );
}

/**
 * Gives the packets of an open port of a switch a virtio-net header.
 *
 * @throws {NmError} HEADER_LENGTH, or another of the codes of `statusErrors` in lib/errors.ts
 */
export function setPortHeader(port: string | PortSpec, bytes: number, place: Place = {}): void {
  askHeader(port, place, "set the header of port", (directory, name) =>
    native().setPortHeader(directory, name, bytes),
  );
}

function askHeader(
  port: string | PortSpec,
  place: Place,
  action: string,
  ask: (directory: string, name: string) => number,
): number {
  const spec = readSpec(port);
  const { name } = portRequest(spec);
  const directory = namespaceDirectory(place);
  chooseBackend(place);
  const result = ask(directory, name);
  if (result < 0) throw portError(result, action, formatPort(spec), directory);
  return result;
}

/** The directory that holds the embedded engine's switches, memory and locks. */
export function namespaceDirectory({ namespace }: Place = {}): string {
  const chosen = namespace || process.env.NM_DIR;
  return chosen ? resolve(chosen) : join("/dev/shm", `nm-${process.getuid?.() ?? 0}`);
}

/**
 * The backend that will serve a port.
 *
 * @throws {NmError} BACKEND_MISSING for the kernel module, which this version has no driver for
 */
export function chooseBackend({ backend }: Place = {}): "embedded" {
  const asked = backend ?? process.env.NM_BACKEND ?? "auto";
  if (asked === "auto" || asked === "embedded") return "embedded";
  const reason =
    asked === "kernel"
      ? "this version of nm cannot drive the kernel module"
      : `there is none of that name, only ${backends.join(", ")}`;
  throw new NmError("BACKEND_MISSING", { backend: asked, reason });
}

export function readSpec(port: string | PortSpec): PortSpec {
  return typeof port === "string" ? parsePort(port) : port;
}

/** The error for a call of the addon that gave a number below 0. */
export function portError(
  result: number,
  action: string,
  port: string,
  namespace: string,
  request?: NativeRequest,
  drivers?: DriverReport,
): NmError {
  const status = statusOf(result);
  const failure: PortFailure = {
    action,
    port,
    namespace,
    status,
    ...spaceDetails(status, namespace, request),
    ...driverDetails(drivers),
  };
  const code = statusErrors[status];
  if (code === "BACKEND_MISSING") {
    return new NmError(code, { backend: "kernel", reason: "there is no /dev/netmap here" });
  }
  if (code === "DRIVER_NONE" && failure.capability) return new NmError("INTERFACE_NOT_PERMITTED", failure);
  return new NmError(code, failure);
}

function driverDetails(drivers: DriverReport | undefined) {
  if (drivers === undefined) return {};
  const { attempts } = drivers;
  return { refusals: attempts.map(describeAttempt).join("; "), capability: missingCapability(attempts) };
}

function spaceDetails(status: string, namespace: string, request?: NativeRequest) {
  if (status !== "space_exhausted") return {};
  const { bavail, bsize } = statfsSync(namespace);
  return { free_bytes: bavail * bsize, ...(request && { needed_bytes: neededBytes(request) }) };
}

/** About what a new port takes of the namespace: its buffers, which are nearly all of it. */
function neededBytes({ txRings, rxRings, txSlots, rxSlots, extraBuffers }: NativeRequest): number {
  const tx = (txRings || 1) * (txSlots || engineLimits.slotsByDefault);
  const rx = (rxRings || 1) * (rxSlots || engineLimits.slotsByDefault);
  return (tx + rx + extraBuffers) * engineLimits.bufferBytes;
}
