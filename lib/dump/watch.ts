/**
 * Opens what is to be captured.
 *
 * A port that somebody has open is watched by a monitor: its user notices nothing. One that nobody has open is opened like
 * any other, and then takes the packets that arrive; but a network card, whose packets the host would miss, only where that
 * was asked for.
 */

import { NmError } from "../errors.js";
import { type OpenOptions, openPort, type Port } from "../port.js";
import { formatPort, type PortFlag, type PortSpec } from "../port-spec.js";

export interface Watched {
  /** The name that was given, in its printed form. */
  readonly name: string;
  readonly port: Port;
  /** Whether a monitor sees copies, or the packets themselves are taken. */
  readonly how: "watched" | "taken";
}

const monitorFlags: readonly PortFlag[] = ["monitor_rx", "monitor_tx"];

export function openWatched(spec: PortSpec, take: boolean, place: OpenOptions): Watched {
  const name = formatPort(spec);
  if (isMonitor(spec)) return { name, port: openPort(spec, place), how: "watched" };
  const port = take ? undefined : openMonitor(spec, place);
  if (port) return { name, port, how: "watched" };
  if (!take && (spec.kind === "nic" || spec.kind === "host"))
    throw new NmError("CAPTURE_NOT_OPEN", { port: name });

  const taken = openPort(receiving(spec), place);
  if (taken.rxRings.length > 0) return { name, port: taken, how: "taken" };
  taken.close();
  throw new NmError("PORT_WITHOUT_RINGS", { port: name, kind: "rx" });
}

/** Nothing where the port is not open. */
function openMonitor(spec: PortSpec, place: OpenOptions): Port | undefined {
  if (spec.kind === "null") return undefined;
  try {
    return openPort({ ...spec, kind: "monitor", flags: [...spec.flags, ...monitorFlags] }, place);
  } catch (error) {
    const isClosed =
      error instanceof NmError && ["WATCHED_NOT_OPEN", "INTERFACE_NOT_FOUND"].includes(error.code);
    if (!isClosed) throw error;
    return undefined;
  }
}

/** Without its transmit rings, which a capture has no use for. */
function receiving(spec: PortSpec): PortSpec {
  const flags = spec.flags.filter((flag) => flag !== "rx_rings_only" && flag !== "tx_rings_only");
  return { ...spec, flags: [...flags, "rx_rings_only"] };
}

function isMonitor({ flags }: PortSpec): boolean {
  return flags.some((flag) => flag === "monitor_rx" || flag === "monitor_tx" || flag === "zcopy_mon");
}
