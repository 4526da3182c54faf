/** pkt-gen --dry-run: what would be sent, and when. */

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { readRecording } from "../lib/index.js";
import { assertChecksums } from "./frame-fields.js";
import { freshNamespace } from "./namespace.js";
import { nmWith } from "./run.js";
import { jsonLine, jsonLines } from "./schema.js";
import { framesOf } from "./started.js";
import { tsharkFields, withoutTshark } from "./tshark.js";

interface Planned {
  readonly due_s: number;
  readonly data: string;
}

async function planned(t: TestContext, ...words: string[]): Promise<Planned[]> {
  const env = { NM_DIR: freshNamespace(t) };
  const run = await nmWith({ env }, "pkt-gen", "-i", "p{1", "-f", "tx", "--dry-run", "--json", ...words);
  assert.equal(run.status, 0, run.stderr);
  return jsonLines(run.stdout).filter(({ type }) => type === "due_packet") as unknown as Planned[];
}

test("--dry-run prints the first packets, with the times at which they would leave, and sends nothing", async (t) => {
  const namespace = freshNamespace(t);
  const words = ["-R", "1k", "-s", "10.0.0.1:1-10.0.0.1:2", "--dry-run", "-n", "3"];
  const run = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", "-i", "p{1", "-f", "tx", ...words);
  assert.equal(run.status, 0);
  const ends = "00:00:00:00:00:00 > ff:ff:ff:ff:ff:ff";
  assert.deepEqual(run.stdout.split("\n"), [
    "       time  bytes  Ethernet                               packet                          checksums",
    `0.000000000     60  ${ends}  10.0.0.1:1 > 10.1.0.1:1234 UDP  right`,
    `0.001000000     60  ${ends}  10.0.0.1:2 > 10.1.0.1:1234 UDP  right`,
    `0.002000000     60  ${ends}  10.0.0.1:1 > 10.1.0.1:1234 UDP  right`,
    "3 packets 180 bytes within 0.002 seconds. Nothing was sent.",
    "",
  ]);
  assert.deepEqual(readdirSync(namespace), []);
});

test("--dry-run shows the packets that are sent", async (t) => {
  for (const words of [
    ["-l", "9000", "-F", "7"],
    ["-6", "-s", "[fd00::1]:1-[fd00::3]:9"],
    ["-z", "-Z", "-l", "64", "-l", "1500", "--seed", "9"],
    ["-H", "12"],
    ["-f", "txseq", "-l", "80"],
  ]) {
    const { frames } = await framesOf(t, { namespace: freshNamespace(t) }, "-n", "20", ...words);
    const name = words.includes("-f") ? [] : ["-f", "tx"];
    const env = { NM_DIR: freshNamespace(t) };
    const run = await nmWith(
      { env },
      ...["pkt-gen", "-i", "p{1", ...name, "-n", "20", "--dry-run", "--json", ...words],
    );
    const packets = jsonLines(run.stdout).filter(({ type }) => type === "due_packet");
    const header = words.includes("-H") ? 12 : 0;
    assert.deepEqual(
      packets.map(({ data }) => data),
      frames.map((bytes) => bytes.subarray(header).toString("hex")),
      words.join(" "),
    );
  }
});

test("--dry-run spreads a schedule over threads as the run does", async (t) => {
  const one = await planned(t, "--profile", "10k 3ms, burst 5/1ms 2ms, 0..20k 5ms");
  const three = await planned(t, "--profile", "10k 3ms, burst 5/1ms 2ms, 0..20k 5ms", "-p", "3");
  assert.deepEqual(
    three.map(({ due_s }) => due_s),
    one.map(({ due_s }) => due_s),
  );
  for (const { data } of three) assertChecksums(Buffer.from(data, "hex"));
});

test("--dry-run ends with the duration, and with the profile", async (t) => {
  assert.equal((await planned(t, "-R", "1k", "--duration", "5ms", "-n", "100")).length, 5);
  assert.equal((await planned(t, "--profile", "1k 7ms", "-n", "100")).length, 7);
});

test("--dry-run --write makes a capture file, in which tshark sees the schedule", {
  skip: withoutTshark,
}, async (t) => {
  const directory = freshNamespace(t);
  for (const name of ["plan.pcapng", "plan.pcap"]) {
    const path = `${directory}/${name}`;
    const words = ["-R", "30k", "-n", "500", "-l", "200", "--dry-run", "--write", path];
    const run = await nmWith({}, "pkt-gen", "-i", "vale1:a", "-f", "tx", ...words);
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.stdout, /^500 packets 100000 bytes within 0\.016633334 seconds, written to /);
    const times = await tsharkFields(path, "frame.time_relative", "frame.len", "udp.checksum.status");
    assert.equal(times.length, 500);
    for (const [i, [seconds, length, checksum]] of times.entries()) {
      assert.deepEqual([length, checksum], ["200", "1"]);
      assert.equal(Math.round(Number(seconds) * 1e9), Math.ceil((i * 1e5) / 3));
    }
    assert.equal(readRecording(path).packets, 500);
  }
});

test("Poisson traffic has exponential gaps, as the capture of a dry run shows (false alarm: once in 10^6)", async (t) => {
  const path = `${freshNamespace(t)}/poisson.pcap`;
  const count = 100_000;
  const words = ["--profile", "poisson 10k", "-n", String(count), "--dry-run", "--write", path, "-v"];
  const run = await nmWith({}, "pkt-gen", "-i", "vale1:a", "-f", "tx", ...words);
  assert.equal(run.status, 0, run.stderr);
  const [, seconds = ""] = / within ([\d.]+) seconds/.exec(run.stdout) ?? [];
  // The mean of n exponential gaps is within 4.9 of its deviations, which is a share 1/sqrt(n) of it.
  assert.ok(Math.abs(Number(seconds) / (count / 10_000) - 1) < 4.9 / Math.sqrt(count), seconds);
});

test("--dry-run and --write are refused where they mean nothing", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  for (const [words, said] of [
    ["-f rx --dry-run", /Cannot use --dry-run with -f rx: it makes no packets by itself/],
    ["-f tx --write x.pcap", /Cannot use --write with -f tx: only a --dry-run writes packets/],
    ["-f tx --dry-run -n 2M", /Cannot read --count "2000000": expected at most 1000000 packets/],
  ] as const) {
    const run = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", ...words.split(" "));
    assert.equal(run.status, 2, words);
    assert.match(run.stderr, said);
  }
  const run = await nmWith(
    { env },
    ...["pkt-gen", "-i", "vale1:a", "-f", "tx", "--dry-run", "--write", "/nowhere/x.pcap", "--json"],
  );
  assert.equal(jsonLine(run.stdout).code, "CAPTURE_UNWRITABLE");
  assert.equal(existsSync("x.pcap"), false);
});
