/** Capture files that the library writes. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { NmError, readRecording, writeCapture } from "../lib/index.js";
import { frame, freshNamespace } from "./namespace.js";
import { tsharkFields, withoutTshark } from "./tshark.js";

const packets = [
  { timeNs: 1_700_000_000_000_000_001n, bytes: frame(60, 1) },
  { timeNs: 1_700_000_000_123_456_789n, bytes: frame(96, 2), length: 1500 },
  { timeNs: 1_700_000_001_999_999_999n, bytes: frame(1514, 3) },
];

test("a capture that was written can be read, in both kinds", (t) => {
  const directory = freshNamespace(t);
  for (const name of ["three.pcapng", "three.pcap"]) {
    writeCapture(`${directory}/${name}`, packets, { interfaceName: "vale0:a" });
    const { packets: count, bytes, longest } = readRecording(`${directory}/${name}`);
    assert.deepEqual([count, bytes, longest], [3, 60 + 1500 + 1514, 1514]);
  }
  assert.equal(readFileSync(`${directory}/three.pcapng`).readUInt32BE(0), 0x0a0d0d0a);
  assert.equal(readFileSync(`${directory}/three.pcap`).readUInt32LE(0), 0xa1b23c4d);
});

test("tshark reads nanoseconds, lengths and the interface's name", { skip: withoutTshark }, async (t) => {
  const path = `${freshNamespace(t)}/three.pcapng`;
  writeCapture(path, packets, { interfaceName: "vale0:a" });
  const fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.interface_name"];
  assert.deepEqual(await tsharkFields(path, ...fields), [
    ["1700000000.000000001", "60", "60", "vale0:a"],
    ["1700000000.123456789", "1500", "96", "vale0:a"],
    ["1700000001.999999999", "1514", "1514", "vale0:a"],
  ]);
});

test("a capture that cannot be written says why", () => {
  assert.throws(
    () => writeCapture("/nowhere/three.pcap", packets),
    (error: unknown) =>
      error instanceof NmError &&
      error.code === "CAPTURE_UNWRITABLE" &&
      error.message === 'Cannot write capture "/nowhere/three.pcap": no such file or directory',
  );
});
