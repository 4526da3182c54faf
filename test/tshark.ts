/** What tshark, which we did not write, reads in a capture file. */

import { finished } from "./run.js";

const probe = await finished("tshark", ["--version"], {}).catch(() => undefined);

/** For `test`: why tests that need tshark are skipped, false where it is installed. */
export const withoutTshark = probe?.status === 0 ? false : "tshark is not installed (Debian: tshark)";

/** These fields of each packet, as tshark prints them. */
export function tsharkFields(path: string, ...fields: string[]): Promise<string[][]> {
  // It leaves checksums alone unless it is asked.
  return tsharkRows(path, ["ip.check_checksum:TRUE", "udp.check_checksum:TRUE"], fields);
}

/** The same with preferences of tshark's. */
export async function tsharkRows(
  path: string,
  preferences: readonly string[],
  fields: readonly string[],
): Promise<string[][]> {
  const options = preferences.flatMap((preference) => ["-o", preference]);
  const words = ["-n", "-r", path, ...options, "-T", "fields", ...fields.flatMap((field) => ["-e", field])];
  const { status, stdout, stderr } = await finished("tshark", words, {});
  if (status !== 0) throw new Error(`tshark -r ${path}: ${stderr}`);
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split("\t"));
}
