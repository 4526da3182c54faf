/** How numbers, tables and JSON lines are printed. */

import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";
import { Output, scaled, table } from "../lib/output.js";

test("scaled prints numbers as netmap does", () => {
  for (const [value, text] of [
    [0, "0.000 "],
    [999, "999.000 "],
    [1000, "1.000 K"],
    [675_676, "675.676 K"],
    [302_197_585, "302.198 M"],
    [1e9, "1.000 G"],
    [2.5e12, "2.500 T"],
    [2.5e15, "2500.000 T"],
  ] as const) {
    assert.equal(scaled(value), text);
  }
  assert.equal(`${scaled(675_676)}pps`, "675.676 Kpps");
});

test("scaled prints whole numbers without a unit when it is told to", () => {
  assert.equal(`${scaled(302_197_585, { raw: true })}pps`, "302197585 pps");
  assert.equal(scaled(0.4, { raw: true }), "0 ");
});

test("table puts words left, numbers right, and ends no line with spaces", () => {
  const columns = [{ heading: "port" }, { heading: "packets", align: "right" }] as const;
  assert.deepEqual(
    table(columns, [
      ["vale1:10", 5],
      ["x", 1_000_000],
    ]),
    ["port      packets", "vale1:10        5", "x         1000000"],
  );
  assert.deepEqual(table([{ heading: "a" }, { heading: "b" }], [["x", ""]]), ["a  b", "x"]);
});

test("output prints a JSON object as one line, and bigints as numbers", () => {
  const stream = new PassThrough();
  new Output(stream).json({ type: "report", packets: 5n, text: "two\nlines" });
  assert.equal(String(stream.read()), '{"type":"report","packets":5,"text":"two\\nlines"}\n');
});

test("output ends quietly when its reader has gone, and remembers any other failure", async () => {
  const failing = (code: string) =>
    new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) });

  for (const [code, failure] of [
    ["EPIPE", undefined],
    ["ENOSPC", "ENOSPC"],
  ] as const) {
    const out = new Output(failing(code));
    out.print("x");
    await new Promise((done) => out.closed.addEventListener("abort", done));
    out.print("y");
    assert.equal((await out.flush())?.code, failure);
  }
});
