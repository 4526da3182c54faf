/** nm demo shows the main job, checks it, and leaves nothing behind. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { freshNamespace } from "./namespace.js";
import { bash, nm } from "./run.js";
import { jsonLines } from "./schema.js";
import { starting } from "./started.js";

interface PathSummary {
  readonly path: string;
  readonly sent: { readonly packets: number };
  readonly received: { readonly packets: number; readonly pps: number };
  readonly drops: Readonly<Record<string, number>>;
  readonly verify: Readonly<Record<string, number>>;
  readonly verified: boolean;
}

function demoNamespaces(): string[] {
  return readdirSync("/dev/shm").filter((name) => name.startsWith("nm-demo-"));
}

/** Processes of a demo whose namespace is gone. Those of other users cannot be told. */
function orphans(): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
      const namespace = /(?:^|\0)NM_DIR=(\/dev\/shm\/nm-demo-[^\0]*)/.exec(environment)?.[1];
      return namespace !== undefined && !existsSync(namespace);
    } catch {
      return false;
    }
  });
}

test("nm demo sends through a switch and a pipe, verifies both, and says what to try next", async () => {
  const before = demoNamespaces();
  const began = performance.now();
  const run = await nm("demo");
  const seconds = (performance.now() - began) / 1000;

  assert.equal(run.status, 0, run.stderr);
  // 8 s where nothing else runs. A machine that runs other tests meanwhile may take far longer to start programs.
  assert.ok(seconds < 30, `${seconds} s`);
  assert.match(run.stdout, /^path +packets sent +received +dropped +verified +Mpps +Gbit\/s\n/);
  assert.match(run.stdout, /^VALE switch +[\d,]+ +[\d,]+ +[\d,]+ +yes +[\d.]+ +[\d.]+$/m);
  assert.match(run.stdout, /^pipe +([\d,]+) +\1 +0 +yes +[\d.]+ +[\d.]+$/m);
  assert.match(run.stdout, /^Try next, in two terminals:\n {2}node \S+\/nm\.js pkt-gen /m);
  assert.match(run.stderr, /^VALE switch: sending [\d.]+ [KM]pps, receiving [\d.]+ [KM]pps$/m);
  assert.match(run.stderr, /^pipe: sending /m);
  assert.deepEqual(demoNamespaces(), before);
});

test("nm demo --json reports rates while it runs and each path in the summary", async () => {
  const run = await nm("demo", "--duration", "1s", "--json");
  assert.deepEqual([run.status, run.stderr], [0, ""]);
  const lines = jsonLines(run.stdout);
  assert.deepEqual([...new Set(lines.map(({ path }) => path))], ["vale", "pipe", undefined]);

  const summary = lines.at(-1) as unknown as { type: string; verified: boolean; paths: PathSummary[] };
  assert.deepEqual([summary.type, summary.verified], ["summary", true]);
  for (const { path, sent, received, drops, verify, verified } of summary.paths) {
    const dropped = Object.values(drops).reduce((sum, count) => sum + count, 0);
    assert.ok(verified && sent.packets > 0, path);
    assert.equal(sent.packets, received.packets + dropped, path);
    assert.equal(verify.lost, dropped, path);
    if (path === "pipe") assert.equal(dropped, 0);
  }
});

test("nm demo ends at Ctrl-C with 130, and takes its programs and its directory with it", async (t) => {
  const before = demoNamespaces();
  const run = starting(freshNamespace(t))("demo", "--duration", "20s");
  await run.printed(/sending/);
  const began = performance.now();
  run.signal("SIGINT");
  const ended = await run.ended;
  assert.equal(ended.status, 130);
  assert.ok(performance.now() - began < 5000);
  assert.match(ended.stdout, /^VALE switch .* yes /m);
  assert.deepEqual(demoNamespaces(), before);
  assert.deepEqual(orphans(), []);
});

test("nm demo ends with 0 when its reader has gone", async () => {
  const before = demoNamespaces();
  const run = await bash("nm demo --duration 1s --json | head -n 1");
  assert.deepEqual([run.status, run.stderr], [0, ""]);
  assert.equal(jsonLines(run.stdout).length, 1);
  assert.deepEqual(demoNamespaces(), before);
});

test("nm demo refuses a time that it cannot use", async () => {
  for (const text of ["3", "0s", "2h"]) {
    const run = await nm("demo", "--duration", text);
    assert.equal(run.status, 2);
    assert.match(
      run.stderr,
      /^nm demo: Cannot read --duration ".*": expected a time with its unit, at most 1h\n/,
    );
  }
});
