/** What the command line of a capture means. */

import type { Arguments } from "../command.js";
import { readDuration } from "../duration.js";
import { NmError } from "../errors.js";
import { compileFilter, type Filter } from "../filter.js";
import type { CaptureKind } from "../layout.js";
import { type Form, readValue } from "../pkt-gen/values.js";
import { type PortSpec, parsePort } from "../port-spec.js";
import type { Rotation } from "../recorder.js";
import { readRotation } from "../rotation.js";
import type { dumpOptions } from "./options.js";

export type DumpArguments = Arguments<
  { expression: { type: "string"; describe: ""; array: true } },
  typeof dumpOptions
>;

export interface DumpJob {
  readonly specs: readonly PortSpec[];
  readonly take: boolean;
  readonly path: string;
  readonly kind: CaptureKind | undefined;
  readonly filter: Filter | undefined;
  readonly snaplen: number;
  readonly count: number;
  readonly durationNs: number;
  readonly rotation: Rotation | undefined;
  readonly stats_s: number;
}

const timeForm: Form = ["a time with its unit: ms, s, m", "10s"];

export function readJob(args: DumpArguments, terminal: boolean): DumpJob {
  const { write: path, json, duration, count, snaplen, take } = args;
  const specs = args.interface.map((text) => parsePort(text));
  if (path === "-" && json) {
    const reason = "the capture goes to standard output already";
    throw new NmError("OPTION_CONFLICT", { option: "--json", with: "--write -", reason });
  }
  if (path === "-" && terminal) throw new NmError("CAPTURE_ON_TERMINAL", { port: args.interface[0] ?? "" });

  const expression = args.expression.join(" ");
  return {
    ...{ specs, take, path, snaplen, count },
    kind: args.format,
    filter: expression === "" ? undefined : compileFilter(expression),
    durationNs: duration === undefined ? 0 : readValue("duration", duration, readDuration, timeForm),
    rotation: readRotation(args, path, "--write"),
    stats_s: args.stats ?? (json ? 1 : 0),
  };
}
