/** Capture files that tests make: classic pcap, microseconds, little-endian. [draft-ietf-opsawg-pcap] */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A file with these Ethernet frames, a millisecond apart. It goes with the test. */
export function captureFile(t: Pick<TestContext, "after">, frames: readonly Uint8Array[]): string {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262_144, 16);
  header.writeUInt32LE(1, 20);
  const records = frames.flatMap((frame, i) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_700_000_000, 0);
    record.writeUInt32LE(i * 1000, 4);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    return [record, frame];
  });
  const directory = mkdtempSync(join(tmpdir(), "nm-capture-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "test.pcap");
  writeFileSync(path, Buffer.concat([header, ...records]));
  return path;
}
