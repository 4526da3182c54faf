/** The virtio-net header before each packet of a port: pkt-gen's -H. */

import type { Arguments, Options } from "../command.js";
import { portHeader, setPortHeader } from "../control.js";
import { NmError } from "../errors.js";
import { frameLimits } from "../layout.js";
import type { Port } from "../port.js";
import { badValue } from "./values.js";

export const headerOptions = {
  header: {
    type: "number",
    alias: "H",
    value: "BYTES",
    default: 0,
    group: "Port and threads",
    describe:
      "Give the port virtio-net headers of 10 or 12 bytes, and send one of zeros before each packet; 0 for the " +
      "header that the port has",
  },
} as const satisfies Options;

type Args = Arguments<Record<never, never>, typeof headerOptions>;

const lengths: readonly number[] = [0, 10, 12];

/** @throws {NmError} OPTION_VALUE */
export function checkHeader({ header }: Args): void {
  if (!lengths.includes(header)) throw badValue("header", String(header), ["0, 10 or 12 bytes", "12"]);
}

/**
 * Sets the header of an open port where that was asked for. Gives how many bytes of it are before each packet.
 *
 * @throws {NmError} of setPortHeader
 */
export function headerLengthOf(args: Args, port: Port): number {
  // Only switches know what a header means. Elsewhere it is a matter of the two ends.
  if (port.spec.kind !== "vale") return args.header;
  if (args.header === 0) return portHeader(port.spec, port);
  setPortHeader(port.spec, args.header, port);
  return args.header;
}

/** @throws {NmError} PACKET_BEYOND_HEADER */
export function checkLongest(port: Port, longest: number, headerLength: number): void {
  if (longest + headerLength <= frameLimits.longest) return;
  const most = frameLimits.longest - headerLength;
  throw new NmError("PACKET_BEYOND_HEADER", { port: port.name, length: longest, header: headerLength, most });
}
