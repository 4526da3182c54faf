/** What a run of tlem is to do: the words of its command line, read. */

import { waitFor } from "../card-wait.js";
import { readDuration } from "../duration.js";
import { NmError } from "../errors.js";
import type { LinkModels } from "../link.js";
import { type Form, readValue } from "../pkt-gen/values.js";
import { formatPort, type PortSpec, parsePort } from "../port-spec.js";
import { allowedProcessors } from "../processors.js";
import { withConfig } from "./config.js";
import { readModels } from "./models.js";
import { type ModelWords, modelOptions, type TlemArguments } from "./options.js";

export interface LinkJob {
  readonly args: TlemArguments;
  readonly specs: readonly [PortSpec, PortSpec];
  /** Of each direction, as the command line and the file say now. @throws {NmError} for what cannot be read */
  readonly models: () => [LinkModels, LinkModels];
  readonly durationNs: number | undefined;
  readonly wait_s: number;
  readonly seed: number;
  /** The processor of each direction's thread, where one is asked for. */
  readonly cpus: readonly (number | undefined)[];
}

const durationForm: Form = ["a time with its unit: ms, s, m", "10s"];

export function readJob(args: TlemArguments): LinkJob {
  const { duration, config } = args;
  const words = modelWords(args);
  const models = () => readModels(config === undefined ? words : withConfig(words, config));
  models();
  const specs = readPorts(args.interface);
  return {
    ...{ args, specs, models },
    durationNs:
      duration === undefined ? undefined : readValue("duration", duration, readDuration, durationForm),
    wait_s: waitFor(args.wait, specs),
    seed: args.seed ?? Math.floor(Math.random() * 2 ** 32),
    cpus: readCpus(args.cpu),
  };
}

function modelWords(args: TlemArguments): ModelWords {
  const names = Object.keys(modelOptions) as (keyof ModelWords)[];
  return Object.fromEntries(names.map((name) => [name, args[name]])) as Record<
    keyof ModelWords,
    readonly string[]
  >;
}

function readPorts(names: readonly string[]): [PortSpec, PortSpec] {
  const [first, second, ...more] = names.map((name) => parsePort(name));
  if (!first || !second || more.length > 0) throw new NmError("LINK_PORTS", { ports: names.length });
  if (formatPort(first) === formatPort(second))
    throw new NmError("LINK_ONE_PORT", { port: formatPort(first) });
  return [first, second];
}

/** netmap has two threads for each direction, of which ours is the first. */
function readCpus(text: string | undefined): (number | undefined)[] {
  if (text === undefined) return [];
  const allowed = allowedProcessors();
  const form: Form = [
    `one to four processors that this process may use: ${allowed.join(", ")}`,
    `${allowed[0]}`,
  ];
  const read = (list: string) => {
    if (!/^\d{1,4}(,\d{1,4}){0,3}$/.test(list)) return undefined;
    const all = list.split(",").map(Number);
    return all.every((cpu) => allowed.includes(cpu)) ? all : undefined;
  };
  const [first, second = first, third = second] = readValue("cpu", text, read, form);
  return [first, text.split(",").length < 3 ? second : third];
}
