/** Numbers on the command line. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { readNumber } from "../lib/number.js";

test("readNumber reads digits, and suffixes of thousands and of 1024", () => {
  for (const [text, value] of [
    ["0", 0],
    ["007", 7],
    ["-5", -5],
    ["64k", 64_000],
    ["64K", 64_000],
    ["1.1M", 1_100_000],
    [".5k", 500],
    ["2.", 2],
    ["10G", 1e10],
    ["9T", 9e12],
    ["64Ki", 65_536],
    ["1.5mi", 1_572_864],
    ["1Gi", 2 ** 30],
    ["2Ti", 2 ** 41],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ] as const) {
    assert.deepEqual(readNumber(text), { value, whole: true }, text);
  }
});

test("readNumber tells whole numbers from others exactly", () => {
  assert.deepEqual(readNumber("0.1"), { value: 0.1, whole: false });
  assert.deepEqual(readNumber("1.0005k"), { value: 1000.5, whole: false });
  assert.deepEqual(readNumber("1.2345678901234567890k")?.whole, false);
  assert.deepEqual(readNumber("0.3Ki"), { value: 307.2, whole: false });
  // Where a number cannot hold it, it is at least not taken for one that is small enough.
  assert.ok((readNumber("9007199254740993")?.value ?? 0) > Number.MAX_SAFE_INTEGER);
});

test("readNumber refuses everything else", () => {
  for (const text of [
    "",
    "-",
    ".",
    "k",
    "i",
    "5i",
    "1e3",
    "1_000",
    "10MB",
    "0x",
    "0xg",
    "--5",
    " 1",
    "1 k",
  ]) {
    assert.equal(readNumber(text), undefined, text);
  }
  assert.equal(readNumber("9".repeat(1000)), undefined);
});
