/** What a run of nmreplay is to do: the words of its command line, read. */

import { waitFor } from "../card-wait.js";
import { readDuration } from "../duration.js";
import { compileFilter } from "../filter.js";
import { noDelay, noLoss, readDelay, readLoss } from "../models.js";
import { badValue, type Form, readValue } from "../pkt-gen/values.js";
import { formatPort, type PortSpec, parsePort } from "../port-spec.js";
import { allowedProcessors } from "../processors.js";
import type { PlayOptions } from "../replay.js";
import { readEdit, readSides } from "./edits.js";
import type { ReplayArguments } from "./options.js";
import { readPace, timeForm } from "./pace.js";

export interface Job {
  readonly args: ReplayArguments;
  readonly specs: readonly PortSpec[];
  /** The ports as they are printed. */
  readonly names: readonly string[];
  readonly play: PlayOptions;
  readonly wait_s: number;
  /** The processor that the thread is to stay on, where one is asked for. */
  readonly cpu: number | undefined;
  readonly realtime: boolean;
}

/** @throws {NmError} for whatever cannot be read, or not be done together */
export function readJob(args: ReplayArguments): Job {
  const specs = args.interface.map((name) => parsePort(name));
  const sides = readSides(args);
  const time = (name: "duration" | "from" | "to" | "maxGap") => {
    const text = args[name];
    return text === undefined ? undefined : readValue(name, text, readDuration, timeForm);
  };
  const [fromNs, toNs] = [time("from"), time("to")];
  if (fromNs !== undefined && toNs !== undefined && toNs <= fromNs) {
    throw badValue("to", args.to ?? "", [`a time after that of --from, ${args.from}`, "10s"]);
  }
  return {
    args,
    specs,
    names: specs.map((spec) => formatPort(spec)),
    play: {
      passes: args.loop,
      limit: args.limit,
      durationNs: time("duration"),
      ...{ fromNs, toNs, sides },
      longestGapNs: time("maxGap"),
      filter: args.filter === undefined ? undefined : compileFilter(args.filter),
      edit: readEdit(args),
      bandwidth: readPace(args),
      delay: args.delay === undefined ? noDelay : readDelay("-D", args.delay),
      loss: args.loss === undefined ? noLoss : readLoss("-L", args.loss),
      seed: args.seed,
    },
    wait_s: waitFor(args.wait, specs),
    cpu: readCpu(args),
    realtime: args.priority === "realtime" && allowedProcessors().length > 1,
  };
}

/** netmap's list of cores has one for each of its threads, of which a replay uses the first. */
function readCpu({ cpu: text }: ReplayArguments): number | undefined {
  if (text === undefined) return undefined;
  const allowed = allowedProcessors();
  const form: Form = [`a processor that this process may use: ${allowed.join(", ")}`, String(allowed[0])];
  return readValue(
    "cpu",
    text,
    (list) => (/^\d{1,4}(,\d{1,4})*$/.test(list) ? allowedFirst(list, allowed) : undefined),
    form,
  );
}

function allowedFirst(list: string, allowed: readonly number[]): number | undefined {
  const first = Number.parseInt(list, 10);
  return allowed.includes(first) ? first : undefined;
}
