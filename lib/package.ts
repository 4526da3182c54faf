/** What package.json says of this package. It is the only home of the version. */

import { readFileSync } from "node:fs";

/** From dist/lib/ and from dist/bin/ the package's root is two levels up. */
const packageFile = new URL("../../package.json", import.meta.url);

export function packageVersion(): string {
  return JSON.parse(readFileSync(packageFile, "utf8")).version;
}
