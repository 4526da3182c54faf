/** What a load balancer's command line means: from which port over which pipes. */

import { waitFor } from "../card-wait.js";
import type { Arguments } from "../command.js";
import { readDuration } from "../duration.js";
import { NmError } from "../errors.js";
import type { FlowHash } from "../layout.js";
import { type Form, readValue } from "../pkt-gen/values.js";
import { formatPort, type PortSpec, parsePort } from "../port-spec.js";
import type { lbOptions } from "./options.js";

export type LbArguments = Arguments<Record<never, never>, typeof lbOptions>;

/** Pipes over which all packets are spread. */
export interface Group {
  /** Of the parent, without "netmap:". */
  readonly prefix: string;
  /** Numbers of its pipes. */
  readonly ids: readonly number[];
}

export interface LbJob {
  readonly input: PortSpec;
  readonly groups: readonly Group[];
  readonly hash: FlowHash;
  readonly batch: number;
  readonly busy: boolean;
  readonly extraBuffers: number;
  readonly wait_s: number;
  readonly durationNs: number;
  /** How often netmap's lines go to stderr and to stdout, or a report with --json; 0: never. */
  readonly stderr_s: number;
  readonly stats_s: number;
}

/** As many as netmap has. */
const mostPipes = 256;

const durationForm: Form = ["a time with its unit: ms, s, m", "10s"];
const pipesForm: Form = [`a number of pipes from 1 to ${mostPipes}, after "PREFIX:" if wanted`, "web:4"];

export function readJob(args: LbArguments): LbJob {
  const input = parsePort(args.interface);
  const { hash, batch, busy, extraBuffers, stderrStats, duration } = args;
  return {
    input,
    groups: readGroups(args.pipes.length > 0 ? args.pipes : ["2"], input),
    ...{ hash, batch, busy, extraBuffers },
    wait_s: waitFor(args.wait, [input]),
    durationNs: duration === undefined ? 0 : readValue("duration", duration, readDuration, durationForm),
    stderr_s: stderrStats,
    stats_s: args.stats ?? (args.json ? 1 : 0),
  };
}

/** Groups with the same prefix have pipes with numbers in a row. */
function readGroups(texts: readonly string[], input: PortSpec): Group[] {
  const used = new Map<string, number>();
  return texts.map((text) => {
    const [given, count] = readValue("pipes", text, readPipes, pipesForm);
    const prefix = given ?? prefixOf(input);
    const first = used.get(prefix) ?? 0;
    used.set(prefix, first + count);
    return { prefix, ids: Array.from({ length: count }, (_, i) => first + i) };
  });
}

/** "web:4", "vale0:web:4", "netmap:web:4" or "4". */
function readPipes(text: string): [prefix: string | undefined, count: number] | undefined {
  const [, prefix, digits = ""] = /^(?:(.+):)?(\d+)$/.exec(text) ?? [];
  const count = Number(digits);
  if (digits === "" || count < 1 || count > mostPipes) return undefined;
  return [prefix?.replace(/^netmap:/, ""), count];
}

/** Pipes are named after the port, but those of a pipe would be its neighbours, or itself. */
function prefixOf(input: PortSpec): string {
  if (input.kind === "nic" || input.kind === "host" || input.kind === "vale") return input.name;
  throw new NmError("LB_PREFIX_MISSING", { port: formatPort(input) });
}
