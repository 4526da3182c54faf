/** What a bridge's command line means: which ports, which directions, and what happens to packets on the way. */

import { waitFor } from "../card-wait.js";
import type { Arguments } from "../command.js";
import { readDuration } from "../duration.js";
import { NmError } from "../errors.js";
import { compileFilter } from "../filter.js";
import type { Lane } from "../forwarder.js";
import { readDelay, readLoss } from "../models.js";
import { readNumber } from "../number.js";
import { type Form, readValue } from "../pkt-gen/values.js";
import { formatPort, type PortSpec, parsePort } from "../port-spec.js";
import type { Rotation } from "../recorder.js";
import { readRotation } from "../rotation.js";
import { limitForm, readLimit } from "./limit.js";
import type { bridgeOptions } from "./options.js";
import { type Direction, isPatch, portsOf, readEnds, readPatches } from "./patch.js";
import { perDirection } from "./per-direction.js";

export type BridgeArguments = Arguments<
  { ports: { type: "string"; describe: ""; array: true } },
  typeof bridgeOptions
>;

/** How packets of one direction are treated. */
export type Treatment = Omit<Lane, "from" | "to" | "mirror">;

export interface BridgeJob {
  readonly directions: readonly Direction[];
  readonly treatments: readonly Treatment[];
  /** By their printed names. */
  readonly ports: ReadonlyMap<string, PortSpec>;
  readonly mirror: PortSpec | undefined;
  /** Where packets that pass are captured. */
  readonly capture: { readonly path: string; readonly rotation: Rotation | undefined } | undefined;
  readonly loopback: boolean;
  readonly wait_s: number;
  readonly durationNs: number;
  readonly stats_s: number;
}

export function readJob(args: BridgeArguments): BridgeJob {
  const { directions, burst } = readDirections(args);
  const ports = portsOf(directions);
  const specs = [...ports.values()];
  const { duration } = args;
  return {
    directions,
    treatments: readTreatments(args, directions, burst),
    ports,
    mirror: args.mirror === undefined ? undefined : readMirror(args.mirror, ports),
    capture: readCapture(args),
    loopback: directions.some(({ from, to }) => formatPort(from) === formatPort(to)),
    wait_s: waitFor(args.wait, specs),
    durationNs: duration === undefined ? 0 : readValue("duration", duration, readDuration, durationForm),
    stats_s: args.stats ?? (args.json ? 1 : 0),
  };
}

const durationForm: Form = ["a time with its unit: ms, s, m", "10s"];
const dropForm: Form = ["a whole number of at least 1", "100"];
const burstForm: Form = ["a whole number from 1 to 8192", "1024"];

/** Patches, or ports as netmap's bridge takes them: IFA IFB BURST, which go before -i and -b. */
function readDirections(args: BridgeArguments): {
  directions: readonly Direction[];
  burst: number | undefined;
} {
  const words = args.ports;
  if (words.some(isPatch)) {
    const other = [...words.filter((word) => !isPatch(word)), ...(args.interface ?? [])][0];
    if (other !== undefined) throw new NmError("BRIDGE_WAYS_MIXED", { text: other });
    return { directions: readPatches(words), burst: args.burst };
  }

  const [first, second, burst, ...more] = words;
  if (more.length > 0) throw new NmError("BRIDGE_MANY_PORTS", { ports: words.length });
  const given = args.interface ?? [];
  const ports = [first ?? given[0], second ?? given[1]].filter((port) => port !== undefined);
  if (given.length > 2) throw new NmError("BRIDGE_MANY_PORTS", { ports: given.length });
  if (ports.length === 0) throw new NmError("BRIDGE_MISSING", { command: "bridge" });
  return {
    directions: readEnds({ ports, loopback: args.loopback }),
    burst: burst === undefined ? args.burst : readValue("burst", burst, wholeNumber(1, 8192), burstForm),
  };
}

function readTreatments(
  args: BridgeArguments,
  directions: readonly Direction[],
  burst: number | undefined,
): Treatment[] {
  const filters = perDirection("filter", args.filter ?? [], directions);
  const drops = perDirection("drop", args.drop ?? [], directions);
  const rates = perDirection("rate", args.rate ?? [], directions);
  const losses = perDirection("loss", args.loss ?? [], directions);
  const delays = perDirection("delay", args.delay ?? [], directions);
  if (rates.some((rate) => rate !== undefined) && args.threads > 1) {
    const reason = "threads share a direction, and each would let so much pass";
    throw new NmError("OPTION_CONFLICT", { option: "--rate", with: "--threads", reason });
  }
  const seed = args.seed ?? Math.floor(Math.random() * 2 ** 32);
  const compiled = new Map(
    [...new Set(filters)].map((text) => [text, text === undefined ? undefined : compileFilter(text)]),
  );
  return directions.map((_, i) => {
    const [drop, rate, loss, delay] = [drops[i], rates[i], losses[i], delays[i]];
    return {
      burst,
      copy: args.copy,
      filter: compiled.get(filters[i]),
      dropEvery: drop === undefined ? 0 : readValue("drop", drop, wholeNumber(1), dropForm),
      limit: rate === undefined ? undefined : readValue("rate", rate, readLimit, limitForm),
      loss: loss === undefined ? undefined : readLoss("--loss", loss),
      delay: delay === undefined ? undefined : readDelay("--delay", delay),
      captureInterface: i,
      // Each direction has random numbers of its own.
      seed: seed + i,
    };
  });
}

function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER) {
  return (text: string): number | undefined => {
    const number = readNumber(text);
    return number?.whole && number.value >= min && number.value <= max ? number.value : undefined;
  };
}

function readCapture({ capture: path, ...args }: BridgeArguments): BridgeJob["capture"] {
  if (path === "-") {
    const reason = "standard output has the figures; nm dump writes captures there";
    throw new NmError("OPTION_CONFLICT", { option: "--capture", with: "-", reason });
  }
  if (path !== undefined) return { path, rotation: readRotation(args, path, "--capture") };
  const given = args.rotateSize ?? args.rotateTime ?? args.rotatePackets ?? args.keep;
  if (given === undefined) return undefined;
  throw new NmError("OPTION_CONFLICT", {
    option: "--rotate-... and --keep",
    with: "no --capture",
    reason: "there is no file",
  });
}

/** The mirror only sends, so that what arrives there is nobody's loss. */
function readMirror(text: string, ports: ReadonlyMap<string, PortSpec>): PortSpec {
  const spec = parsePort(text);
  if (ports.has(formatPort(spec))) {
    throw new NmError("OPTION_CONFLICT", {
      option: "--mirror",
      with: formatPort(spec),
      reason: "it is a port of the bridge already",
    });
  }
  const flags = spec.flags.includes("tx_rings_only") ? spec.flags : [...spec.flags, "tx_rings_only" as const];
  return { ...spec, flags };
}
