/** Becoming another program: signals, terminal and exit status are the program's own from then on. */

import { getSystemErrorName } from "node:util";
import { portError } from "./control.js";
import { NmError } from "./errors.js";
import { native } from "./native.js";

/**
 * `words` are the program's name and its arguments. A `directory` is a namespace that it must find usable.
 *
 * @throws {NmError} PROGRAM_REFUSED, or what is wrong with the namespace
 */
export function become(path: string, words: string[], environment: NodeJS.ProcessEnv, directory = ""): never {
  const result = native().execute(path, words, assignments(environment), directory);
  if (result < 0) throw portError(result, "use namespace", directory, directory);
  throw new NmError("PROGRAM_REFUSED", {
    program: words[0] ?? path,
    path,
    reason: getSystemErrorName(-result),
  });
}

function assignments(environment: NodeJS.ProcessEnv): string[] {
  return Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
}
