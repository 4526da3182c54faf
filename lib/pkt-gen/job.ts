/** What a run of pkt-gen is to do: the words of its command line, read. */

import { waitFor } from "../card-wait.js";
import { readDuration } from "../duration.js";
import { interfaceFacts, noFacts } from "../interface.js";
import { frameLimits } from "../layout.js";
import { formatPort, type PortSpec, parsePort } from "../port-spec.js";
import { checkDryRun } from "./dry-run.js";
import { type Guest, type Packets, readPackets } from "./frames.js";
import type { FunctionName } from "./functions.js";
import { checkHeader } from "./header.js";
import { type Measures, readMeasures } from "./measures.js";
import type { PktGenArguments } from "./options.js";
import { readTiming, type Timing } from "./rates.js";
import { burstOf, processorsFrom, withGeometry } from "./threads.js";
import { type Form, readValue } from "./values.js";

export interface Job extends Measures {
  readonly args: PktGenArguments;
  readonly spec: PortSpec;
  /** As it is printed. */
  readonly name: string;
  readonly packets: Packets;
  readonly timing: Timing;
  /** What decides everything that is random. */
  readonly seed: number;
  readonly duration_ns: number;
  readonly wait_s: number;
  readonly burst: number;
  /** The processors that threads go to in turn; none to let them go anywhere. */
  readonly processors: readonly number[];
}

/** @throws {NmError} for whatever cannot be read, or not be done together */
export function readJob(args: PktGenArguments): Job {
  const named = parsePort(args.interface);
  const spec = withGeometry(named, args);
  const measures = readMeasures(args);
  checkHeader(args);
  checkDryRun(args);
  const facts = spec.kind === "nic" || spec.kind === "host" ? interfaceFacts(spec.name) : noFacts;
  const packets = readPackets(args, spec, facts, guestOf(args));
  const timing = readTiming(args, { bytes: packets.mean, line: facts.speed }, formatPort(named));
  const { duration } = args;
  return {
    args,
    ...measures,
    spec,
    name: formatPort(named),
    packets,
    timing,
    seed: args.seed ?? Math.floor(Math.random() * 2 ** 32),
    duration_ns: duration === undefined ? 0 : readValue("duration", duration, readDuration, durationForm),
    wait_s: waitFor(args.wait, [spec]),
    burst: burstOf(args),
    processors: processorsFrom(args),
  };
}

const durationForm: Form = ["a time with its unit: ms, s, m", "10s"];

/** What is written into the payload of packets. */
function guestOf({ function: name, mark }: { function: FunctionName; mark: boolean }): Guest | undefined {
  const { headers, shortestMarked, shortestRequest, shortestNumbered } = frameLimits;
  if (mark) return { bytes: shortestMarked - headers, option: "--mark", what: "a mark" };
  if (name === "ping") return { bytes: shortestRequest - headers, option: "-f ping", what: "a request" };
  if (name === "txseq") return { bytes: shortestNumbered - headers, option: "-f txseq", what: "a number" };
  return undefined;
}
