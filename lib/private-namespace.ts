/** A namespace of the embedded engine that nobody else knows, for as long as something takes. */

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export async function inPrivateNamespace<T>(
  purpose: string,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), `nm-${purpose}-`));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
