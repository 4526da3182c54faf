/** Two runs of pkt-gen exchange packets, and the receiver finds out what happened to them. */

import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { openPort, type Port } from "../lib/index.js";
import { freshNamespace } from "./namespace.js";
import { nmWith, type Run } from "./run.js";
import { jsonLines, type Line } from "./schema.js";
import { framesOf, starting } from "./started.js";

const intact = { lost: 0, reordered: 0, duplicated: 0, corrupt: 0, unmarked: 0 };

function summaryOf(run: Run): Line {
  const summary = jsonLines(run.stdout).at(-1);
  assert.equal(summary?.type, "summary", run.stdout + run.stderr);
  return summary as Line;
}

/** Starts a receiver that reports as JSON, and waits until it can receive. */
async function receiving(namespace: string, ...words: string[]) {
  const receiver = starting(namespace)("pkt-gen", "-f", "rx", "-T", "100", "--json", ...words);
  await receiver.printed(/"report"/);
  return receiver;
}

test("20 million packets cross a pipe between two processes, each verified, and both end", async (t) => {
  const namespace = freshNamespace(t);
  const env = { NM_DIR: namespace };
  const receiver = starting(namespace)("pkt-gen", "-i", "netmap:t}1", "-n", "20M", "--verify", "--json");
  const words = ["-i", "netmap:t{1", "-f", "tx", "-n", "20M", "--mark", "--json"];
  const sent = await nmWith({ env }, "pkt-gen", ...words);
  const received = await receiver.ended;

  assert.deepEqual([sent.status, received.status], [0, 0], sent.stderr + received.stderr);
  const [tx, rx] = [summaryOf(sent), summaryOf(received)];
  assert.deepEqual([tx.packets, tx.bytes, tx.pending], [20e6, 1.2e9, 0]);
  assert.deepEqual([rx.packets, rx.bytes, rx.drops], [20e6, 1.2e9, {}]);
  assert.deepEqual(rx.verify, intact);
  assert.deepEqual([rx.function, rx.port, rx.backend, rx.driver], ["rx", "netmap:t}1", "embedded", "pipe"]);
});

test("a switch loses nothing at 100,000 packets a second", async (t) => {
  const namespace = freshNamespace(t);
  // A busy machine may stop the receiver for long. Its ring has room for all packets then.
  const receiver = await receiving(namespace, "-i", "vale1:a", "--verify", "-C", "1024,4096");
  const words = ["-i", "vale1:b", "-f", "tx", "-R", "100k", "-n", "4k", "--mark"];
  const sent = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", ...words);
  receiver.signal("SIGINT");
  const received = await receiver.ended;
  assert.equal(sent.status, 0, sent.stderr);

  const { packets, drops, verify, driver } = summaryOf(received);
  assert.deepEqual([packets, driver], [4_000, "vale"]);
  assert.deepEqual({ drops, verify, status: received.status }, { drops: {}, verify: intact, status: 0 });
});

test("packets of ports in a file, and of ports with offsets, arrive as they were sent", async (t) => {
  const namespace = freshNamespace(t);
  const file = `${freshNamespace(t)}/memory`;
  writeFileSync(file, "");
  truncateSync(file, 16 << 20);
  for (const [from, to] of [
    [`vale1:b@extmem=${file}`, "vale1:a"],
    ["vale1:b", `vale1:a@extmem:file=${file},buf_num=5000`],
    ["vale1:b@offset=64", "vale1:a@offset:initial=200,bits=16"],
    ["t{1", "t}1@offset=100"],
    ["t{1@offset=30", "t}1"],
  ] as const) {
    const receiver = await receiving(namespace, "-i", to, "--verify", "-n", "500");
    const words = ["-i", from, "-f", "tx", "-n", "500", "-l", "700", "--mark"];
    const sent = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", ...words);
    const received = await receiver.ended;
    assert.deepEqual([sent.status, received.status], [0, 0], sent.stderr + received.stderr);
    const { packets, bytes, verify } = summaryOf(received);
    assert.deepEqual({ packets, bytes, verify }, { packets: 500, bytes: 350_000, verify: intact }, to);
  }
});

test("what a full receiver has no room for is counted as dropped on both sides, and as lost by the receiver", async (t) => {
  const namespace = freshNamespace(t);
  // A receiver that prints each packet is slow.
  const receiver = await receiving(namespace, "-i", "vale1:a", "--verify", "-XW");
  const words = ["-i", "vale1:b", "-f", "tx", "-n", "50k", "--mark", "--json"];
  const sent = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", ...words);
  const received = await receiver.ended;

  const tx = summaryOf(sent) as unknown as { packets: number; drops: { full: number } };
  const rx = summaryOf(received) as unknown as {
    packets: number;
    drops: { full: number };
    verify: typeof intact;
  };
  assert.equal(tx.packets, 50_000);
  assert.ok(tx.drops.full > 0);
  assert.equal(rx.drops.full, tx.drops.full);
  assert.equal(rx.packets, 50_000 - rx.drops.full);
  assert.equal(rx.verify.lost, rx.drops.full);
  assert.equal(received.status, 3);
});

test("several senders to one receiver are told apart", async (t) => {
  const namespace = freshNamespace(t);
  const env = { NM_DIR: namespace };
  // All together fit into the receiver's ring, so that none is lost while it has no processor.
  const receiver = await receiving(namespace, "-i", "vale1:rx", "--verify", "-n", "900");
  const send = (port: string) =>
    nmWith({ env }, "pkt-gen", "-i", port, "-f", "tx", "-R", "3k", "-n", "300", "--mark");
  await Promise.all([send("vale1:a"), send("vale1:b"), send("vale1:c")]);
  const received = await receiver.ended;
  assert.equal(received.status, 0, received.stderr);
  assert.deepEqual(summaryOf(received).verify, intact);
});

/** Puts packets into a port, waiting for room. */
async function put(port: Port, packets: readonly Uint8Array[]): Promise<void> {
  for (const packet of packets) {
    while (!port.tx.put(packet)) await port.wait({ writable: true });
  }
  port.txSync();
}

/** Runs a receiver that verifies these packets. */
async function verifying(t: TestContext, packets: readonly Uint8Array[], ...words: string[]) {
  const namespace = freshNamespace(t);
  const port = openPort("check{1", { namespace });
  t.after(() => port.close());
  const receiver = await receiving(namespace, "-i", "check}1", "--verify", ...words);
  await put(port, packets);
  if (words.length === 0) {
    await new Promise((done) => setTimeout(done, 300));
    receiver.signal("SIGINT");
  }
  return receiver.ended;
}

test("--verify finds what was lost, late, doubled, changed and not marked, and ends with 3", async (t) => {
  const sent = await framesOf(t, { namespace: freshNamespace(t) }, "-n", "20", "--mark");
  const frames = sent.frames;
  assert.equal(frames.length, 20);
  const changed = Buffer.from(frames[5] ?? []);
  changed[20] = 0x55;
  const swapped = [...frames.slice(0, 8), ...frames.slice(9, 11), ...frames.slice(8, 9), ...frames.slice(11)];

  for (const [name, packets, found] of [
    ["lost", [...frames.slice(0, 7), ...frames.slice(9)], { ...intact, lost: 2 }],
    ["reordered", swapped, { ...intact, reordered: 1 }],
    ["duplicated", [...frames, ...frames.slice(-1)], { ...intact, duplicated: 1 }],
    ["corrupt", [...frames.slice(0, 5), changed, ...frames.slice(6)], { ...intact, corrupt: 1, lost: 1 }],
    ["unmarked", [...frames, new Uint8Array(60).fill(1)], { ...intact, unmarked: 1 }],
  ] as const) {
    const run = await verifying(t, packets);
    assert.deepEqual(summaryOf(run).verify, found, name);
    assert.equal(run.status, 3, name);
    assert.match(run.stderr, /^nm pkt-gen: Expected every packet whole, once and in order: \d+ lost, /m);
  }
  assert.equal((await verifying(t, frames)).status, 0);
});

test("--verify with a count ends with 3 where fewer packets came", async (t) => {
  const sent = await framesOf(t, { namespace: freshNamespace(t) }, "-n", "5", "--mark");
  const run = await verifying(t, sent.frames, "-n", "6", "-W");
  assert.equal(run.status, 3);
  assert.match(run.stderr, /^nm pkt-gen: Expected 6 packets: 5 arrived$/m);
  assert.equal(summaryOf(run).packets, 5);
});

test("marked packets of several slots and of ranges are verified too", async (t) => {
  const namespace = freshNamespace(t);
  for (const words of [
    ["-l", "9000"],
    ["-s", "10.0.0.1:1-10.0.0.9:99"],
  ]) {
    const receiver = await receiving(namespace, "-i", "t}1", "-n", "20k", "--verify");
    await nmWith(
      { env: { NM_DIR: namespace } },
      "pkt-gen",
      "-i",
      "t{1",
      "-f",
      "tx",
      "-n",
      "20k",
      "--mark",
      ...words,
    );
    const run = await receiver.ended;
    assert.deepEqual([run.status, summaryOf(run).verify], [0, intact]);
  }
});

test("the reports of a run add up to its summary", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  const words = ["-i", "vale1:a", "-f", "tx", "-R", "10k", "--duration", "1s", "-T", "100", "--json"];
  const lines = jsonLines((await nmWith({ env }, "pkt-gen", ...words)).stdout);
  const reports = lines.filter(({ type }) => type === "report") as unknown as {
    packets: number;
    pps: number;
  }[];
  const total = lines.at(-1) as unknown as { type: string; packets: number };
  assert.equal(total.type, "summary");
  assert.ok(reports.length >= 4 && reports.length <= 10, `${reports.length} reports`);
  const reported = reports.reduce((sum, { packets }) => sum + packets, 0);
  assert.ok(reported <= total.packets && reported >= total.packets * 0.5, `${reported} of ${total.packets}`);
});
