/** Options that a function of pkt-gen does not use. netmap takes them in silence, so they are taken, and said. */

import type { Option, Options } from "../command.js";
import { frameOptions } from "./frames.js";
import { type FunctionName, traitsOf } from "./functions.js";
import { rateOptions } from "./rates.js";

/** In the words of a command line, with the letters that were likely written: "-l 1500, -z". */
export function unusedOptions(
  name: FunctionName,
  values: Readonly<Record<string, unknown>>,
  receiving: Options,
): string[] {
  const { makes } = traitsOf(name);
  const waits = !makes;
  const unused = [...(makes ? [] : [frameOptions, rateOptions]), ...(waits ? [] : [receiving])];
  return unused
    .flatMap((options) => Object.entries<Option>(options))
    .filter(([option, description]) => isGiven(description, values[option]))
    .map(([option, { alias }]) => (alias ? `-${alias}` : `--${option}`));
}

function isGiven(option: Option, value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  const usual = "default" in option ? option.default : undefined;
  return value !== usual && value !== false && value !== undefined && value !== 0;
}
