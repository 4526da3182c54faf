/** What pkt-gen reads and prints, without a port: times, lines, dumps, standstills. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { readDuration } from "../lib/duration.js";
import { hexDump } from "../lib/hex-dump.js";
import { Histogram } from "../lib/histogram.js";
import { allowedProcessors } from "../lib/processors.js";
import { RecentRates } from "../lib/report/recent-rates.js";
import type { Total } from "../lib/report/report.js";
import { closingLines, progressLine } from "../lib/report/text.js";
import { StallWatch } from "../lib/stall.js";

const plain = { raw: false, framing: false, average: false };

test("readDuration needs a unit, and a time that can pass", () => {
  assert.equal(readDuration("500ms"), 500e6);
  assert.equal(readDuration("1.5s"), 1.5e9);
  assert.equal(readDuration(".5m"), 30e9);
  for (const text of ["", "10", "s", "-1s", "0s", "1 s", "1e3s", "1d", "0.1ns", "9999999h"]) {
    assert.equal(readDuration(text), undefined, text);
  }
});

test("allowedProcessors lists what the kernel gives in ranges", () => {
  assert.deepEqual(allowedProcessors("Name:\tnode\nCpus_allowed_list:\t0-2,5,7-8\nx:\n"), [0, 1, 2, 5, 7, 8]);
  assert.ok(allowedProcessors().length > 0);
});

test("a progress line is netmap's", () => {
  const interval = {
    packets: 1000,
    bytes: 60_000,
    events: 2,
    seconds: 1.001079,
    minSpace: 0,
    drops: {},
  };
  const recent = new RecentRates();
  recent.add(1000 / 1.001079);
  assert.equal(
    progressLine(interval, plain, recent),
    "998.922 pps (1.000 Kpkts 479.483 Kbps in 1001079 usec) 500.00 avg_batch 0 min_space",
  );
  assert.equal(
    progressLine(interval, { ...plain, average: true }, recent),
    "998.922 pps [avg/std 998.922 /0.000  pps](1.000 Kpkts 479.483 Kbps in 1001079 usec) 500.00 avg_batch 0 min_space",
  );
  assert.equal(
    progressLine(interval, { raw: true, framing: true, average: false }, recent),
    "999 pps (1000 pkts 671276 bps in 1001079 usec) 500.00 avg_batch 0 min_space",
  );
  const idle = { ...interval, packets: 0, bytes: 0, events: 0, minSpace: 1023 };
  assert.equal(
    progressLine(idle, plain, recent),
    "0.000 pps (0.000 pkts 0.000 bps in 1001079 usec) 0.00 avg_batch 1023 min_space",
  );
});

test("averages are of the last 15 intervals in which anything moved", () => {
  const recent = new RecentRates();
  assert.deepEqual([recent.mean, recent.deviation], [0, 0]);
  for (const pps of [1e9, 1e9, ...Array(14).fill(100), 0, 200]) recent.add(pps);
  assert.equal(recent.mean, (14 * 100 + 200) / 15);
  assert.ok(Math.abs(recent.deviation - 24.944) < 0.001);
});

const total: Total = {
  packets: 1000,
  bytes: 60_000,
  events: 2,
  seconds: 0.00148,
  drops: {},
  pending: 0,
};

test("the closing lines are netmap's", () => {
  assert.deepEqual(closingLines(total, "Sent", plain), [
    "Sent 1000 packets 60000 bytes 2 events 60 bytes each in 0.00 seconds.",
    "Speed: 675.676 Kpps Bandwidth: 324.324 Mbps (raw 324.324 Mbps). Average batch: 500.00 pkts",
  ]);
  assert.deepEqual(closingLines(total, "Received", { raw: true, framing: true }), [
    "Received 1000 packets 60000 bytes 2 events 60 bytes each in 0.00 seconds.",
    "Speed: 675676 pps Bandwidth: 324324324 bps (raw 454054054 bps). Average batch: 500.00 pkts",
  ]);
  const nothing = { ...total, packets: 0, bytes: 0, events: 0, seconds: 0 };
  assert.deepEqual(closingLines(nothing, "Sent", plain), ["Sent nothing."]);
  assert.deepEqual(closingLines(nothing, "Received", plain), ["Received nothing."]);
});

test("the closing lines tell drops, what was left, the rate and what was verified", () => {
  const lines = closingLines(
    {
      ...total,
      seconds: 0.999,
      drops: { full: 3, bad_slot: 1 },
      pending: 7,
      rate: {
        ...{
          askedPps: 1000,
          paced: true,
          followed: 999,
          seconds: 0.999,
          longestBurst: 3,
          stalls: 2,
          forgone: 5,
        },
        gaps: new Histogram({
          ...{ min: 10, max: 5000, sum: 0 },
          values: Float64Array.of(10, 1000, 5000),
          counts: Float64Array.of(1, 997, 1),
        }),
      },
      verify: { lost: 1, reordered: 2, duplicated: 3, corrupt: 4, unmarked: 5 },
    },
    "Sent",
    plain,
  );
  assert.deepEqual(lines.slice(2), [
    "Dropped 3 full, 1 bad_slot.",
    "Not taken by the receiver: 7 slots.",
    "Rate: asked 1000 pps, achieved 1000.0 pps (0 ppm, 5 packets given up in 2 stalls).",
    "Gaps: min 10 50% 1000 99% 1000 max 5000 ns; longest burst 3 packets.",
    "Verified 1000 packets: 1 lost, 2 reordered, 3 duplicated, 4 corrupt, 5 unmarked.",
  ]);
});

test("a dump has netmap's layout", () => {
  const bytes = Uint8Array.from({ length: 20 }, (_, i) => 0x3a + 4 * i);
  assert.equal(
    hexDump({ ring: 0, slot: 12, buffer: 345, flags: 0x2, length: 20, bytes }),
    [
      "ring 0x0 cur    12 [buf    345 flags 0x0002 len    20]",
      "    0: 3a 3e 42 46 4a 4e 52 56 5a 5e 62 66 6a 6e 72 76 :>BFJNRVZ^bfjnrv",
      "   16: 7a 7e 82 86 ",
    ].join("\n"),
  );
});

test("a standstill is told once, after three seconds, and again after the next", () => {
  const watch = new StallWatch();
  const told = [
    [0, 0],
    [0, 2999],
    [0, 3000],
    [0, 9000],
    [5, 9100],
    [5, 12_000],
    [5, 12_100],
  ].filter(([packets = 0, now = 0]) => watch.notes(packets, now));
  assert.deepEqual(told, [
    [0, 3000],
    [5, 12_100],
  ]);
});
