/** The functions of pkt-gen beside tx and rx: ping and pong, txseq and rxseq; captures and headers. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openPort, type Port } from "../lib/index.js";
import { captureFile } from "./capture-file.js";
import { assertChecksums } from "./frame-fields.js";
import { frame, freshNamespace } from "./namespace.js";
import { nmWith } from "./run.js";
import { jsonLine, jsonLines } from "./schema.js";
import { framesOf, starting } from "./started.js";

interface Pinged {
  readonly packets: number;
  readonly ping: Readonly<Record<"requests" | "lost" | "late" | "duplicated" | "foreign", number>>;
  readonly rtt_ns: Readonly<Record<"min" | "mean" | "p50" | "p90" | "p99" | "p999" | "max", number>>;
}

async function pinged(namespace: string, ...words: string[]): Promise<Pinged> {
  const run = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", "-f", "ping", "--json", ...words);
  assert.equal(run.status, 0, run.stderr);
  return jsonLines(run.stdout).at(-1) as unknown as Pinged;
}

for (const [what, asks, answers, words] of [
  ["a switch", "vale1:a", "vale1:b", []],
  ["a pipe", "p{1", "p}1", []],
  ["IPv6", "vale1:a", "vale1:b", ["-6", "-s", "[fd00::7]:1"]],
  ["bursts", "p{1", "p}1", ["-b", "8"]],
  ["a rate", "vale1:a", "vale1:b", ["-R", "2k"]],
  ["two threads", "p{1@conf:rings=2", "p}1@conf:rings=2", ["-p", "2"]],
] as const) {
  test(`ping meets pong: every request is answered, matched and timed (${what})`, async (t) => {
    const namespace = freshNamespace(t);
    const threads = what === "two threads" ? ["-p", "2"] : [];
    const pong = starting(namespace)("pkt-gen", "-i", answers, "-f", "pong", "-n", "500", "-W", ...threads);
    await pong.printed(/Ready/);
    const { packets, ping, rtt_ns } = await pinged(namespace, "-i", asks, "-n", "500", ...words);
    assert.deepEqual([packets, ping], [500, { requests: 500, lost: 0, late: 0, duplicated: 0, foreign: 0 }]);
    const { min, p50, p90, p99, p999, max, mean } = rtt_ns;
    const ordered = [min, p50, p90, p99, p999, max];
    assert.deepEqual(
      ordered,
      ordered.toSorted((a, b) => a - b),
    );
    assert.ok(min > 0 && mean >= min && mean <= max, JSON.stringify(rtt_ns));

    const ended = await pong.ended;
    assert.match(ended.stdout, /^Working on .*: \d queues, \d threads and \d+ cpus\.$/m);
    assert.match(ended.stdout, /^Returned 500 packets \d+ bytes \d+ events \d+ bytes each in /m);
  });
}

test("ping prints netmap's lines: each second's answers by powers of two, and all of them at the end", async (t) => {
  const namespace = freshNamespace(t);
  const pong = starting(namespace)("pkt-gen", "-i", "p}1", "-f", "pong");
  await pong.printed(/Ready/);
  const words = ["-i", "p{1", "-f", "ping", "-R", "1k", "-n", "400", "-T", "100"];
  const run = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", ...words);
  assert.match(run.stderr, / count \d+ RTT: min \d+ av \d+ ns\n.* k: \d+ \.\. \d+\n\t( +\d+)+\n/);
  assert.match(run.stdout, /^RTT over 400 packets: min \d+ av \d+ ns$/m);
  assert.match(run.stdout, /^RTT percentiles: 50% \d+ 90% \d+ 99% \d+ 99\.9% \d+ max \d+ ns$/m);
  assert.match(run.stdout, /^Of 400 requests 0 lost, 0 answered late; answers: 0 duplicated, 0 foreign\.$/m);
  pong.signal("SIGINT");
  assert.equal((await pong.ended).status, 0);
});

test("ping gives up requests that nobody answers, and says so", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  const run = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", "-f", "ping", "-n", "2", "-b", "2");
  assert.equal(run.status, 0);
  assert.match(run.stdout, /^No answer to 2 requests\.$/m);
});

test("ping ends before its count with 130 when it is interrupted", async (t) => {
  const run = starting(freshNamespace(t))("pkt-gen", "-i", "vale1:a", "-f", "ping", "-n", "1M");
  await run.printed(/Ready/);
  run.signal("SIGINT");
  assert.equal((await run.ended).status, 130);
});

for (const [what, options, words] of [
  ["a slot each", "", []],
  ["packets of 3 slots", "", ["-F", "3"]],
  ["two rings and threads", "@conf:rings=2", ["-p", "2"]],
] as const) {
  test(`txseq numbers what rxseq checks: ${what}`, async (t) => {
    const namespace = freshNamespace(t);
    const threads = what === "two rings and threads" ? ["-p", "2"] : [];
    const receiver = starting(namespace)(
      ...["pkt-gen", "-i", `p}1${options}`, "-f", "rxseq", "-n", "3000", "--json", ...threads],
    );
    await receiver.printed(/"report"/);
    const sent = await nmWith(
      { env: { NM_DIR: namespace } },
      ...["pkt-gen", "-i", "p{1", "-f", "txseq", "-n", "3000", "-l", "100", ...words],
    );
    assert.equal(sent.status, 0, sent.stderr);
    const summary = jsonLines((await receiver.ended).stdout).at(-1);
    assert.deepEqual(
      [summary?.packets, summary?.numbers],
      [3000, { gaps: 0, backward: 0, too_short: 0, odd_packets: 0 }],
    );
  });
}

test("txseq sends netmap's packets: a number in network order at the start of the payload, right checksums", async (t) => {
  const { frames } = await framesOf(t, { namespace: freshNamespace(t) }, "-f", "txseq", "-n", "300");
  assert.equal(frames.length, 300);
  for (const [i, bytes] of frames.entries()) {
    assert.equal(bytes.readUInt32BE(42), i);
    assertChecksums(bytes);
  }
});

test("rxseq tells gaps and steps back in netmap's words, and counts them", async (t) => {
  const namespace = freshNamespace(t);
  const { frames } = await framesOf(t, { namespace }, "-f", "txseq", "-n", "10");
  const [a, b, c, d, e] = frames as [Buffer, Buffer, Buffer, Buffer, Buffer];
  const port = openPort("check{1", { namespace });
  t.after(() => port.close());
  const receiver = starting(namespace)("pkt-gen", "-i", "check}1", "-f", "rxseq", "-T", "50", "-n", "7");
  await receiver.printed(/Ready/);
  send(port, [a, b, d]);
  await receiver.printed(/main_thread \[\d+\] Sequence GAP: exp 2 found 3$/m);
  send(port, [c]);
  await receiver.printed(/main_thread \[\d+\] Sequence OUT OF ORDER: exp 4 found 2$/m);
  send(port, [d, e, frame(20)]);
  const run = await receiver.ended;
  assert.match(
    run.stdout,
    /^Numbers: 1 gaps, 1 backward, 1 too short, 0 packets of another number of slots\.$/m,
  );
});

function send(port: Port, packets: readonly Uint8Array[]): void {
  for (const packet of packets) assert.ok(port.tx.put(packet));
  port.txSync();
}

/** Frames that can be told apart, of several sizes. */
function differentFrames(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => frame(60 + 7 * i, i));
}

test("-P sends all packets of a capture as they are, and begins again after the last", async (t) => {
  const packets = differentFrames(7);
  const path = captureFile(t, packets);
  const { frames, run } = await framesOf(t, { namespace: freshNamespace(t) }, "-P", path, "-n", "20");
  assert.equal(run.status, 0, run.stderr);
  assert.deepEqual(
    frames.map((bytes) => bytes.toString("hex")),
    Array.from({ length: 20 }, (_, i) => Buffer.from(packets[i % 7] ?? []).toString("hex")),
  );
});

test("-P over several threads sends each packet of the capture as often as the others", async (t) => {
  const packets = differentFrames(6);
  const path = captureFile(t, packets);
  const namespace = freshNamespace(t);
  const words = ["-P", path, "-n", "60", "-p", "2"];
  const { frames } = await framesOf(t, { namespace, options: "@conf:rings=2" }, ...words);
  const counts = new Map<number, number>();
  for (const { length } of frames) counts.set(length, (counts.get(length) ?? 0) + 1);
  assert.deepEqual(
    [...counts.entries()].sort(([a], [b]) => a - b),
    packets.map(({ length }) => [length, 10]),
  );
});

test("-P cuts packets that are larger than a slot, -M chooses where", async (t) => {
  const packets = [frame(5000, 7), frame(60, 8)];
  const path = captureFile(t, packets);
  for (const more of [[], ["-M", "700"]]) {
    const namespace = freshNamespace(t);
    const { frames } = await framesOf(t, { namespace }, "-P", path, "-n", "4", ...more);
    const lengths = frames.map(({ length }) => length);
    assert.deepEqual(lengths, [5000, 60, 5000, 60]);
    assert.ok(frames[2]?.equals(packets[0] ?? new Uint8Array()));
  }
});

test("-P tells what is wrong with a file", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  const run = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", "-f", "tx", "-P", "/nowhere", "--json");
  assert.equal(run.status, 1);
  assert.equal(jsonLine(run.stdout).code, "CAPTURE_UNREADABLE");
});

async function dumped(t: TestContext, receive: readonly string[], send: readonly string[]): Promise<Buffer> {
  const namespace = freshNamespace(t);
  const receiver = starting(namespace)("pkt-gen", ...receive, "-n", "1", "-X", "--json");
  await receiver.printed(/"report"/);
  const sent = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", "-f", "tx", "-n", "1", ...send);
  assert.equal(sent.status, 0, sent.stderr);
  const packet = jsonLines((await receiver.ended).stdout).find(({ type }) => type === "packet");
  return Buffer.from(String(packet?.data), "hex");
}

test("-H puts a virtio-net header of zeros before each packet of a port that has it", async (t) => {
  const bytes = await dumped(t, ["-i", "vale1:a", "-H", "12"], ["-i", "vale1:b", "-H", "12"]);
  assert.equal(bytes.length, 72);
  assert.deepEqual(bytes.subarray(0, 12), Buffer.alloc(12));
  assertChecksums(bytes.subarray(12));
});

test("-H gives the port its header, so that the switch converts for ports without", async (t) => {
  const bytes = await dumped(t, ["-i", "vale1:a"], ["-i", "vale1:b", "-H", "10"]);
  assert.equal(bytes.length, 60);
  assertChecksums(bytes);
});

test("-H on a pipe is a matter of its two ends", async (t) => {
  const bytes = await dumped(t, ["-i", "p}1"], ["-i", "p{1", "-H", "10"]);
  assert.equal(bytes.length, 70);
  assertChecksums(bytes.subarray(10));
});

test("marks are found behind a virtio-net header that the port had already", async (t) => {
  const namespace = freshNamespace(t);
  const start = starting(namespace);
  const keeper = start("pkt-gen", "-i", "vale1:b", "-H", "12");
  await keeper.printed(/Ready/);
  const receiver = start("pkt-gen", "-i", "vale1:a", "-H", "12", "--verify", "-n", "50");
  await receiver.printed(/Ready/);
  const words = ["-i", "vale1:b", "-f", "tx", "--mark", "-n", "50", "-X"];
  const sent = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", ...words);
  assert.match(sent.stdout, /^ring 0x0 cur .* len {4}72\]\n {4}0: (00 ){12}(ff ){4}/m);
  assert.equal((await receiver.ended).status, 0);
  keeper.signal("SIGINT");
  await keeper.ended;
});
