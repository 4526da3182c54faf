/** Each option of pkt-gen has the effect that it promises, seen from the other end of a pipe or in the output. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { portInfo } from "../lib/index.js";
import { allowedProcessors } from "../lib/processors.js";
import { assertChecksums, ipv4 } from "./frame-fields.js";
import { freshNamespace } from "./namespace.js";
import { nmWith } from "./run.js";
import { jsonLine, jsonLines } from "./schema.js";
import { framesOf, starting } from "./started.js";

test("the packet that is sent by default is netmap's, byte for byte", async (t) => {
  const { frames, run } = await framesOf(t, { namespace: freshNamespace(t) }, "-n", "3");
  assert.deepEqual([run.status, frames.length], [0, 3]);
  const expected =
    "ffffffffffff000000000000080045100" +
    "02e0000400040" +
    "1126ad0a0000010a01000104d204d2001a15806e65746d617020706b742d67656e20444952";
  for (const frame of frames) assert.equal(frame.toString("hex"), expected);
});

test("-l sends packets of the size asked, over several slots where one is too small", async (t) => {
  const namespace = freshNamespace(t);
  for (const length of [16, 60, 1500, 9000, 65535]) {
    const { frames } = await framesOf(t, { namespace }, "-n", "2", "-l", String(length));
    assert.deepEqual(
      frames.map((frame) => frame.length),
      [length, length],
    );
    if (length >= 60) for (const frame of frames) assertChecksums(frame);
  }
  const { frames } = await framesOf(t, { namespace }, "-n", "1", "--length", "1.5k");
  assert.equal(frames[0]?.length, 1500);
});

test("-n sends exactly as many, also where batches and threads do not divide it", async (t) => {
  const namespace = freshNamespace(t);
  for (const words of [
    ["-n", "1"],
    ["-n", "1025"],
    ["-n", "2k", "-b", "7"],
  ]) {
    const { frames } = await framesOf(t, { namespace }, ...words);
    assert.equal(frames.length, words[1] === "2k" ? 2000 : Number(words[1]));
  }
});

test("-s, -d, -S and -D go into the packets, with right checksums", async (t) => {
  const { frames, run } = await framesOf(
    t,
    { namespace: freshNamespace(t) },
    ...["-n", "1", "-s", "192.168.1.2:53", "-d", "172.16.0.9:4789"],
    ...["-S", "02:00:00:00:00:01", "-D", "2:0:0:0:0:a"],
  );
  const [frame = Buffer.alloc(60)] = frames;
  assert.deepEqual(ipv4(frame), { from: "192.168.1.2:53", to: "172.16.0.9:4789" });
  assert.equal(frame.subarray(0, 12).toString("hex"), "02000000000a020000000001");
  assertChecksums(frame);
  assert.match(run.stdout, /^192\.168\.1\.2:53 -> 172\.16\.0\.9:4789 \(02:00:00:00:00:01 -> 2:0:0:0:0:a\)$/m);
});

test("ranges are walked like an odometer, the sender's port first, with right checksums all the way", async (t) => {
  const { frames } = await framesOf(
    t,
    { namespace: freshNamespace(t) },
    ...["-n", "48", "-s", "10.0.0.1:1-10.0.0.2:3", "-d", "10.1.0.1:8-10.1.0.2:9"],
  );
  const expected: { from: string; to: string }[] = [];
  for (let i = 0; i < 48; i++) {
    const from = `10.0.0.${1 + (Math.floor(i / 3) % 2)}:${1 + (i % 3)}`;
    const to = `10.1.0.${1 + (Math.floor(i / 12) % 2)}:${8 + (Math.floor(i / 6) % 2)}`;
    expected.push({ from, to });
  }
  assert.deepEqual(frames.map(ipv4), expected);
  for (const frame of frames) assertChecksums(frame);
});

test("-b bounds a batch, and 0 asks for the usual one", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  const events = async (...words: string[]) => {
    const run = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", "-f", "tx", "-n", "1024", ...words);
    return Number(/ (\d+) events /.exec(run.stdout)?.[1]);
  };
  assert.equal(await events("-b", "16"), 64);
  assert.equal(await events("-b", "0"), 2);
  assert.equal(await events(), 2);
});

test("-R and --duration send at the rate asked for as long as asked", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  const words = ["-i", "vale1:a", "-f", "tx", "-R", "20k", "--duration", "500ms", "--json"];
  const run = await nmWith({ env }, "pkt-gen", ...words);
  const { packets, rate } = jsonLine(run.stdout) as unknown as {
    packets: number;
    rate: { asked_pps: number; achieved_pps: number; forgone: number };
  };
  assert.equal(run.status, 0);
  assert.equal(rate.asked_pps, 20_000);
  // A machine that stands still for a while makes the sender give packets up, and say so.
  assert.equal(packets + rate.forgone, 10_000);
  if (rate.forgone === 0) assert.ok(Math.abs(rate.achieved_pps - 20_000) < 400, String(rate.achieved_pps));
});

interface Rated {
  readonly packets: number;
  readonly rate: Readonly<Record<"achieved_pps" | "longest_burst" | "stalls" | "forgone", number>> & {
    readonly asked_pps: number | null;
    readonly error_ppm: number | null;
    readonly gap_ns: Readonly<Record<"p50" | "p99" | "max", number>>;
  };
}

async function sentAt(t: TestContext, ...words: string[]): Promise<Rated> {
  const env = { NM_DIR: freshNamespace(t) };
  const port = words.includes("-i") ? [] : ["-i", "vale1:a"];
  const run = await nmWith({ env }, "pkt-gen", "-f", "tx", "--json", ...port, ...words);
  assert.equal(run.status, 0, run.stderr);
  return jsonLines(run.stdout).at(-1) as unknown as Rated;
}

test("-R takes packets, bits, bits on the wire, a share of the line and the time between packets", async (t) => {
  for (const [words, asked] of [
    ["-R 20k", 20_000],
    ["-R 20kpps", 20_000],
    ["-R 10Mbps -l 1000", 1250],
    ["-R 10Mbps-wire -l 1226", 1000],
    ["-R 50% --line-rate 20Mbps -l 1226", 1000],
    ["-R 200us", 5000],
    ["-R 1Mbps -l 60 -l 190", 1000],
    ["-R 12.5", 12.5],
  ] as const) {
    const { rate } = await sentAt(t, "-n", "3", ...words.split(" "));
    assert.equal(rate.asked_pps, asked, words);
  }
});

test("every result of a sender tells how exactly packets left", async (t) => {
  const { packets, rate } = await sentAt(t, "-R", "10k", "-n", "500");
  assert.equal(packets, 500);
  const { asked_pps, achieved_pps, error_ppm, longest_burst, gap_ns } = rate;
  assert.ok(asked_pps && error_ppm !== null);
  assert.ok(Math.abs((achieved_pps / asked_pps - 1) * 1e6 - error_ppm) < 0.1, JSON.stringify(rate));
  assert.ok(longest_burst >= 1 && longest_burst <= 500);
  assert.ok(gap_ns.p50 <= gap_ns.p99 && gap_ns.p99 <= gap_ns.max);

  const fast = await sentAt(t, "-n", "5000", "-b", "100");
  assert.deepEqual([fast.rate.asked_pps, fast.rate.error_ppm, fast.rate.longest_burst], [null, null, 100]);
});

test("--profile sends as its phases say, and ends with the last of them", async (t) => {
  const words = "0..40k 100ms, pause 50ms, burst 30/10ms 100ms, 1k..3k/2 100ms, poisson 10k 50ms";
  const { packets, rate } = await sentAt(t, "--profile", words, "--seed", "1", "--catch-up", "all");
  // 2000 of the ramp, 300 in bursts, 50 and 150 of the steps, and about 500 by chance, the same for the same seed.
  assert.ok(packets > 2500 + 400 && packets < 2500 + 600, String(packets));
  assert.deepEqual([rate.asked_pps, rate.forgone], [null, 0]);
  const again = await sentAt(t, "--profile", words, "--seed", "1", "--catch-up", "all");
  assert.equal(again.packets, packets);
});

test("--profile is one for all threads", async (t) => {
  const words = ["-i", "vale1:a@conf:rings=3", "-p", "3", "--profile", "0..30k 100ms, burst 10/10ms 100ms"];
  const { packets } = await sentAt(t, ...words, "--catch-up", "all");
  assert.equal(packets, 1600);
});

test("--profile that repeats goes on until the count", async (t) => {
  const { packets } = await sentAt(t, "--profile", "10k 2ms, pause 2ms, repeat", "-n", "300");
  assert.equal(packets, 300);
});

test("--burst-time gathers the packets of so much time", async (t) => {
  const { rate } = await sentAt(t, "-R", "100k", "-n", "5k", "--burst-time", "1ms");
  assert.ok(rate.longest_burst >= 100, JSON.stringify(rate));
  assert.equal(rate.gap_ns.p50, 0);
});

test("--catch-up chooses what becomes of packets that could not be sent in time", async (t) => {
  // More than the sender can do.
  const words = ["-R", "1G", "--duration", "100ms"];
  const bounded = await sentAt(t, ...words);
  assert.ok(bounded.rate.forgone > 0 && bounded.rate.stalls > 0, JSON.stringify(bounded.rate));
  const none = await sentAt(t, "-R", "100M", "--duration", "100ms", "--catch-up", "none");
  assert.ok(none.rate.forgone > 0);
  const all = await sentAt(t, ...words, "--catch-up", "all");
  assert.deepEqual([all.rate.forgone, all.rate.stalls], [0, 0]);
});

test("-T sets how often a line is printed, which has netmap's form", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  const words = ["-i", "vale1:a", "-f", "tx", "-R", "10k", "--duration", "900ms"];
  const often = await nmWith({ env }, "pkt-gen", ...words, "-T", "100");
  const lines = often.stderr.split("\n").filter((line) => line.includes("pps"));
  assert.ok(lines.length >= 4 && lines.length <= 9, often.stderr);
  for (const line of lines) {
    assert.match(
      line,
      /^\d{3}\.\d{6} main_thread \[\d+\] \d+\.\d{3} K?pps \(\d+\.\d{3} K?pkts \d+\.\d{3} [KM]?bps in \d+ usec\) \d+\.\d\d avg_batch \d+ min_space$/,
    );
  }
  const seldom = await nmWith({ env }, "pkt-gen", ...words, "-T", "5k");
  assert.doesNotMatch(seldom.stderr, /pps/);
});

test("-A, -B and -N change the lines as they do in netmap", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  const words = ["-i", "vale1:a", "-f", "tx", "-R", "10k", "--duration", "300ms", "-T", "100", "-ABN"];
  const run = await nmWith({ env }, "pkt-gen", ...words);
  assert.match(run.stderr, / \d+ pps \[avg\/std \d+ \/\d+ {2}pps\]\(\d+ pkts \d+ bps in /);

  const [, bandwidth, raw] = /Bandwidth: (\d+) bps \(raw (\d+) bps\)/.exec(run.stdout) ?? [];
  assert.ok(Math.abs(Number(raw) / Number(bandwidth) - 84 / 60) < 1e-6, run.stdout);
});

test("-w waits before the first packet and says so; a switch port needs none", async (t) => {
  const namespace = freshNamespace(t);
  const env = { NM_DIR: namespace };
  const began = performance.now();
  const waited = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", "-f", "tx", "-n", "1", "-w", "0.6");
  assert.ok(performance.now() - began >= 600);
  assert.match(waited.stderr, /main_thread \[\d+\] Wait 0\.6 secs for phy reset\n.* Ready\.\.\.\n/);
  const at_once = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", "-f", "tx", "-n", "1");
  assert.doesNotMatch(at_once.stderr, /Wait/);
});

test("-W ends a receiver a second after the last packet, and not before the first", async (t) => {
  const namespace = freshNamespace(t);
  const receiver = starting(namespace)("pkt-gen", "-i", "vale1:a", "-W");
  await receiver.printed(/ 0\.000 pps/);
  await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", "-i", "vale1:b", "-f", "tx", "-n", "5");
  const sent = performance.now();
  const run = await receiver.ended;
  assert.ok(performance.now() - sent > 500);
  assert.equal(run.status, 0);
  assert.match(run.stdout, /^Received 5 packets 300 bytes /m);
});

test("-p uses a ring for each thread, and the threads share the count", async (t) => {
  const { frames, run } = await framesOf(
    t,
    { namespace: freshNamespace(t), options: "@conf:rings=3" },
    ...["-p", "3", "-n", "1000"],
  );
  assert.equal(run.status, 0);
  assert.match(run.stdout, /: 3 queues, 3 threads and \d+ cpus\.$/m);
  assert.equal(frames.length, 1000);
});

test("-p gives each receiving thread a ring, and together they end at the count", async (t) => {
  const namespace = freshNamespace(t);
  const rings = "p}1@conf:rings=2";
  const receiver = starting(namespace)("pkt-gen", "-i", rings, "-p", "2", "-n", "1000", "--verify", "--json");
  await receiver.printed(/"report"/);
  const words = ["-i", "p{1", "-f", "tx", "-p", "2", "-n", "1000", "--mark"];
  const sender = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", ...words);
  const run = await receiver.ended;
  assert.deepEqual([sender.status, run.status], [0, 0], sender.stderr + run.stderr);
  assert.equal(jsonLines(run.stdout).at(-1)?.packets, 1000);
});

test("-n is exact for several receiving threads, too", async (t) => {
  const namespace = freshNamespace(t);
  const words = ["-i", "p}1@conf:rings=3", "-p", "3", "-n", "1000", "-b", "7", "--json"];
  const receiver = starting(namespace)("pkt-gen", ...words);
  await receiver.printed(/"report"/);
  const sender = starting(namespace)("pkt-gen", "-i", "p{1", "-f", "tx", "-p", "3", "--duration", "3s");
  const run = await receiver.ended;
  assert.equal(jsonLines(run.stdout).at(-1)?.packets, 1000);
  sender.signal("SIGINT");
  await sender.ended;
});

test("-p beyond the rings is refused", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  for (const direction of ["tx", "rx"]) {
    const run = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", "-f", direction, "-p", "2");
    assert.equal(run.status, 2);
    assert.match(run.stderr, /^nm pkt-gen: Cannot run 2 threads on port "vale1:a": /);
    assert.match(run.stderr, /@conf:rings=2/);
  }
});

test("a port that is opened without the rings it takes is refused", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  for (const [port, direction, words] of [
    ["vale1:a/R", "tx", 'send on port "vale1:a/R": it has no tx rings'],
    ["vale1:a/T", "rx", 'receive on port "vale1:a/T": it has no rx rings'],
    ["null", "tx", 'send on port "null@1": it has no tx rings'],
  ] as const) {
    const run = await nmWith({ env }, "pkt-gen", "-i", port, "-f", direction);
    assert.equal(run.status, 2);
    assert.ok(run.stderr.startsWith(`nm pkt-gen: Cannot ${words}\n`), run.stderr);
  }
});

test("-a keeps the threads on processors", async (t) => {
  const cpu = allowedProcessors().at(-1) ?? 0;
  const run = starting(freshNamespace(t))("pkt-gen", "-i", "vale1:a", "-a", String(cpu));
  await run.printed(/Ready/);
  const trafficThreads = () =>
    readdirSync(`/proc/${run.pid}/task`)
      .map((id) => `/proc/${run.pid}/task/${id}`)
      .filter((task) => readFileSync(`${task}/comm`, "utf8") === "nm traffic\n");
  // A thread gives itself its name, some time after it was started.
  let loops = trafficThreads();
  for (let tries = 0; loops.length === 0 && tries < 500; tries++) {
    await sleep(10);
    loops = trafficThreads();
  }
  assert.equal(loops.length, 1);
  assert.deepEqual(allowedProcessors(readFileSync(`${loops[0]}/status`, "utf8")), [cpu]);
  run.signal("SIGINT");
  assert.equal((await run.ended).status, 0);
});

test("-C asks for slots and rings, one number for both directions where the other is missing", async (t) => {
  const namespace = freshNamespace(t);
  for (const [geometry, txSlots, rxSlots, txRings, rxRings] of [
    ["256", 256, 256, 1, 1],
    ["256,512", 256, 512, 1, 1],
    ["256,512,2", 256, 512, 2, 2],
    ["256,512,2,3", 256, 512, 2, 3],
  ] as const) {
    const run = starting(namespace)("pkt-gen", "-i", "vale1:a", "-C", geometry);
    await run.printed(/Ready/);
    const info = portInfo("vale1:a", { namespace });
    run.signal("SIGINT");
    await run.ended;
    assert.deepEqual(
      [info.txSlots, info.rxSlots, info.txRings, info.rxRings],
      [txSlots, rxSlots, txRings, rxRings],
      geometry,
    );
  }
});

test("-C says so where the port exists already and is different", async (t) => {
  const { run } = await framesOf(t, { namespace: freshNamespace(t) }, "-n", "1", "-C", "256,512,2");
  assert.equal(run.status, 0);
  assert.match(run.stderr, /^-C 256,512,2 has no effect: netmap:frames\{1 exists and has 1024,1024,1,1$/m);
});

test("-X prints every packet, sent or received, as netmap does and as JSON", async (t) => {
  const namespace = freshNamespace(t);
  const { run } = await framesOf(t, { namespace }, "-n", "2", "-X");
  const dump =
    /^ring 0x0 cur {5}0 \[buf +\d+ flags 0x[\da-f]{4} len {4}60\]\n {4}0: (ff ){6}(00 ){6}08 00 45 10 \.{14}E\.\n {3}16: /m;
  assert.match(run.stdout, dump);
  assert.equal(run.stdout.match(/^ring /gm)?.length, 2);

  const receiver = starting(namespace)("pkt-gen", "-i", "p}1", "-n", "3", "-X", "--json");
  await receiver.printed(/"report"/);
  await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", "-i", "p{1", "-f", "tx", "-n", "3", "-l", "64");
  const packets = jsonLines((await receiver.ended).stdout).filter(({ type }) => type === "packet");
  assert.deepEqual(
    packets.map(({ length, data }) => [length, String(data).length]),
    [
      [64, 128],
      [64, 128],
      [64, 128],
    ],
  );
});

test("long names do what the letters do", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  const words =
    "--interface vale1:a --function tx --count 6 --length 100 --burst 3 --from 1.2.3.4 --to 4.3.2.1 " +
    "--from-mac 2:0:0:0:0:1 --to-mac 2:0:0:0:0:2 --interval 500 --wait 0.1 --threads 1 --cpu " +
    `${allowedProcessors()[0]} --geometry 64,64 --rate 10k --plain-numbers --average --framing --dump --backend auto`;
  const run = await nmWith({ env }, "pkt-gen", ...words.split(" "));
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stdout, /^1\.2\.3\.4 -> 4\.3\.2\.1 \(2:0:0:0:0:1 -> 2:0:0:0:0:2\)$/m);
  assert.match(run.stdout, /^Sent 6 packets 600 bytes \d+ events 100 bytes each/m);
  assert.equal(run.stdout.match(/^ring /gm)?.length, 6);
});

test("--backend kernel fails where nm cannot drive it", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  const run = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", "--backend", "kernel", "--json");
  assert.equal(run.status, 1);
  assert.equal(jsonLine(run.stdout).code, "BACKEND_MISSING");
});
