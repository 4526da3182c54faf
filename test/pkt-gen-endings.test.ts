/** How a run of pkt-gen ends, and what it says when nothing moves. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPort } from "../lib/index.js";
import { StallWatch } from "../lib/stall.js";
import { freshNamespace } from "./namespace.js";
import { bash, nmWith } from "./run.js";
import { jsonLines } from "./schema.js";
import { starting } from "./started.js";

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} ends a run with its figures: 0 without a count, 130 before the count`, async (t) => {
    const start = starting(freshNamespace(t));
    for (const [words, status] of [
      [["-R", "1k"], 0],
      [["-R", "1k", "-n", "1M"], 130],
    ] as const) {
      const run = start("pkt-gen", "-i", "vale1:a", "-f", "tx", "-T", "50", ...words);
      await run.printed(/ [1-9][\d.]* K?pps /);
      run.signal(signal);
      const ended = await run.ended;
      assert.equal(ended.status, status, ended.stderr);
      assert.match(ended.stdout, /^Sent [1-9]\d* packets \d+ bytes .*\nSpeed: /m);
      assert.doesNotMatch(ended.stderr, / at /);
    }
  });
}

test("Ctrl-C ends a receiver that waits for its first packet, with figures", async (t) => {
  const start = starting(freshNamespace(t));
  for (const [words, status] of [
    [[], 0],
    [["-n", "5"], 130],
  ] as const) {
    const run = start("pkt-gen", "-i", "vale1:a", ...words);
    await run.printed(/Ready/);
    run.signal("SIGINT");
    const ended = await run.ended;
    assert.equal(ended.status, status);
    assert.match(ended.stdout, /^Received nothing\.$/m);
  }
});

test("Ctrl-C ends the wait before the first packet", async (t) => {
  const start = starting(freshNamespace(t));
  const run = start("pkt-gen", "-i", "vale1:a", "-f", "tx", "-w", "20", "-n", "1");
  await run.printed(/Wait 20 secs/);
  run.signal("SIGINT");
  const ended = await run.ended;
  assert.equal(ended.status, 130);
  assert.match(ended.stdout, /^Sent nothing\.$/m);
  assert.doesNotMatch(ended.stderr, /Ready/);
});

test("Ctrl-C ends a sender whose pipe is full, and tells what nobody took", async (t) => {
  const start = starting(freshNamespace(t));
  const run = start("pkt-gen", "-i", "p{1", "-f", "tx", "--json", "-T", "50");
  await run.printed(/"packets":0,/);
  run.signal("SIGINT");
  const ended = await run.ended;
  assert.equal(ended.status, 0);
  const summary = jsonLines(ended.stdout).at(-1);
  assert.deepEqual([summary?.packets, summary?.pending], [1023, 1023]);
});

test("a reader that closes stdout ends the run with 0 and without words", async (t) => {
  const namespace = freshNamespace(t);
  const head = await bash(`NM_DIR=${namespace} nm pkt-gen -i vale1:a -f tx -T 50 --json | head -n 2`);
  assert.deepEqual([head.status, head.stderr], [0, ""]);
  assert.equal(jsonLines(head.stdout).length, 2);

  const run = starting(namespace)(
    "pkt-gen",
    "-i",
    "vale1:a",
    "-f",
    "tx",
    "-n",
    "1G",
    "-R",
    "1k",
    "--json",
    "-T",
    "50",
  );
  await run.printed(/"report"/);
  run.closeStdout();
  assert.equal((await run.ended).status, 0);
});

test("a port that another run has for itself is refused with its name and a way out", async (t) => {
  const namespace = freshNamespace(t);
  const first = starting(namespace)("pkt-gen", "-i", "vale1:a/x");
  await first.printed(/Ready/);
  const second = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", "-i", "vale1:a/x");
  assert.equal(second.status, 1);
  assert.equal(
    second.stderr,
    'nm pkt-gen: Cannot open port "vale1:a/x": another program has its rings for itself\n' +
      "            Wait for that program to end, or open it there without /x\n",
  );
  first.signal("SIGINT");
  assert.equal((await first.ended).status, 0);
});

test("a sender with a count waits until somebody has taken the last packet", async (t) => {
  const namespace = freshNamespace(t);
  const run = starting(namespace)("pkt-gen", "-i", "p{1", "-f", "tx", "-n", "10");
  await run.printed(/nobody has netmap:p\}1 open, the pipe's other end, and takes packets from it\. Try: /);
  using port = openPort("p}1", { namespace });
  await port.wait({ timeoutMs: 5000 });
  assert.equal(
    port.rx.drain(() => {}),
    10,
  );
  port.sync();
  const ended = await run.ended;
  assert.equal(ended.status, 0);
  assert.match(ended.stdout, /^Sent 10 packets 600 bytes /m);
});

test("when nothing moves for three seconds, one line on stderr says why", async (t) => {
  const start = starting(freshNamespace(t));
  const runs = [
    [
      start("pkt-gen", "-i", "p{1", "-f", "tx"),
      /^Nothing could be sent on netmap:p\{1 for 3 s: nobody has netmap:p\}1 open, .* Try: .* pkt-gen -i .netmap:p\}1. -f rx$/gm,
    ],
    [
      start("pkt-gen", "-i", "q}1"),
      /^Nothing has arrived on netmap:q\}1 for 3 s: nobody has netmap:q\{1 open/gm,
    ],
    [
      start("pkt-gen", "-i", "vale1:a"),
      /^Nothing has arrived on vale1:a for 3 s: no other port is on switch vale1\. Try: .* pkt-gen -i vale1:b -f tx$/gm,
    ],
    [
      start("bridge", "vale2:a", "vale3:a"),
      /^Nothing has arrived on vale2:a for 3 s: no other port is on switch vale2\. Try: .* pkt-gen -i vale2:b -f tx$/gm,
    ],
  ] as const;
  await Promise.all(runs.map(([run, words]) => run.printed(new RegExp(words.source, "m"))));
  // Long enough for a second line.
  await new Promise((done) => setTimeout(done, 1.2 * StallWatch.patienceMs));
  for (const [run, words] of runs) {
    run.signal("SIGINT");
    const ended = await run.ended;
    assert.equal(ended.stderr.match(words)?.length, 1, ended.stderr);
  }
});

test("a run leaves nothing open: the next has the port to itself", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  for (let i = 0; i < 3; i++) {
    const run = await nmWith({ env }, "pkt-gen", "-i", "vale1:a/x", "-f", "tx", "-n", "100");
    assert.equal(run.status, 0, run.stderr);
  }
});
