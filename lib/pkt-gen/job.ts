/** What a run of pkt-gen is to do: the words of its command line, read. */

import { readDuration } from "../duration.js";
import { frameLimits } from "../layout.js";
import { formatPort, type PortSpec, parsePort } from "../port-spec.js";
import { type Guest, type Packets, readPackets } from "./frames.js";
import type { FunctionName } from "./functions.js";
import { checkHeader } from "./header.js";
import { checkMeasures } from "./measures.js";
import { cardWait_s, type PktGenArguments } from "./options.js";
import { burstOf, processorsFrom, withGeometry } from "./threads.js";
import { type Form, readValue } from "./values.js";

export interface Job {
  readonly args: PktGenArguments;
  readonly spec: PortSpec;
  /** As it is printed. */
  readonly name: string;
  readonly packets: Packets;
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
  checkMeasures(args, args);
  checkHeader(args);
  const packets = readPackets(args, spec, guestOf(args));
  const { duration } = args;
  return {
    args,
    spec,
    name: formatPort(named),
    packets,
    duration_ns: duration === undefined ? 0 : readValue("duration", duration, readDuration, durationForm),
    wait_s: args.wait ?? (spec.kind === "nic" || spec.kind === "host" ? cardWait_s : 0),
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
