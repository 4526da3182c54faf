/** What package.json says of this package. It is the only home of the version and of the programs' names. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface PackageFile {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
}

export function packageVersion(): string {
  return readPackage().version;
}

/** The programs that are a command under a name of their own: pkt-gen is `nm pkt-gen`. */
export function programsFor(command: string): string[] {
  return Object.keys(readPackage().bin).filter(
    (program) => program === command || program === `nm-${command}`,
  );
}

/** Where a file of the package is. This one is in dist/lib/, two levels below the package's root. */
export function packageFilePath(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}

function readPackage(): PackageFile {
  return JSON.parse(readFileSync(packageFilePath("package.json"), "utf8"));
}
