/** Marks are what docs/marks.md says, as a reader finds who knows nothing else. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { freshNamespace } from "./namespace.js";
import { framesOf } from "./started.js";

/** Bit by bit: CRC-32C, reflected. [RFC 3720, B.4] */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

function markOf(frame: Buffer) {
  const mark = frame.subarray(frame.length - 18);
  const checksum = frame.readUInt16BE(12) === 0x0800 ? 40 : 60;
  const covered = Buffer.concat([
    frame.subarray(0, checksum),
    frame.subarray(checksum + 2, frame.length - 4),
  ]);
  return {
    magic: mark.toString("latin1", 0, 2),
    stream: mark.readUInt16LE(2),
    sequence: mark.readUIntLE(4, 5),
    sent_ns: mark.readUIntLE(9, 5),
    whole: mark.readUInt32LE(14) === crc32c(covered),
  };
}

test("crc32c has the values of its standard", () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
});

for (const words of [
  ["-l", "60"],
  ["-l", "1514", "-s", "10.0.0.1:1-10.0.0.9:9"],
  ["-6"],
  ["-6", "-l", "100", "-l", "900"],
]) {
  test(`--mark ends packets with marks as documented (${words.join(" ")})`, async (t) => {
    const before = process.hrtime.bigint();
    const { frames } = await framesOf(t, { namespace: freshNamespace(t) }, "-n", "40", "--mark", ...words);
    const elapsed_ns = Number(process.hrtime.bigint() - before);
    assert.equal(frames.length, 40);
    const marks = frames.map(markOf);
    for (const [i, { magic, stream, sequence, sent_ns, whole }] of marks.entries()) {
      assert.deepEqual([magic, stream, sequence, whole], ["nm", marks[0]?.stream, i, true]);
      const since_ns = Number((BigInt(sent_ns) - before) & 0xffffffffffn);
      assert.ok(since_ns < elapsed_ns, `${since_ns} of ${elapsed_ns} ns`);
    }
  });
}
