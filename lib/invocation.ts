/** How to run nm again, in a shell: what suggested command lines begin with, so that they work as they stand. */

import { realpathSync } from "node:fs";
import { delimiter, join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * "nm" where a shell would find this program by that name, "npx nm" where npx started it, and its path otherwise:
 * many machines have another nm, which lists the symbols of object files.
 */
export function ownName(script = process.argv[1] ?? "", environment: Environment = process.env): string {
  if (isSame(firstInPath("nm", environment.PATH ?? ""), script)) return "nm";
  if (environment.npm_command === "exec") return "npx nm";
  return `node ${script}`;
}

function firstInPath(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .map((directory) => realPath(join(directory, name)))
    .find((file) => file !== undefined);
}

function isSame(found: string | undefined, script: string): boolean {
  return found !== undefined && found === realPath(script);
}

function realPath(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}
