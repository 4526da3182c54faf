/** Captures of ports, as tshark and our own reader see them. */

import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { test } from "node:test";
import { openPort, readRecording } from "../lib/index.js";
import { freshNamespace } from "./namespace.js";
import { bash, nm, nmWith, type Run } from "./run.js";
import { jsonLines, type Line } from "./schema.js";
import { starting } from "./started.js";
import { tsharkFields, withoutTshark } from "./tshark.js";

function summaryOf(run: Run): Line {
  const summary = jsonLines(run.stdout).at(-1);
  assert.equal(summary?.type, "summary", run.stdout + run.stderr);
  return summary as Line;
}

test("a port that a program uses is watched: its packets are captured and still arrive", async (t) => {
  const namespace = freshNamespace(t);
  const start = starting(namespace);
  const receiver = start("pkt-gen", "-i", "p}1", "-f", "rx", "-n", "500", "--verify", "--json", "-T", "100");
  await receiver.printed(/"report"/);
  const path = `${namespace}/watched.pcapng`;
  const dump = start("dump", "-i", "p}1", "-w", path);
  await dump.printed(
    /Watching netmap:p\}1: copies of what it receives and sends; its user notices nothing\./,
  );
  const sender = start("pkt-gen", "-i", "p{1", "-f", "tx", "-n", "500", "-R", "10k", "--mark");
  assert.equal((await sender.ended).status, 0);
  assert.equal((await receiver.ended).status, 0);
  // It ends with the program that it watched.
  const { status, stdout } = await dump.ended;
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^500 packets captured of netmap:p\}1, 30000 bytes, in \d+\.\d+ seconds; dropped: none\.$/m,
  );
  assert.equal(readRecording(path).packets, 500);
});

test("tshark reads times, lengths, interface and direction of a watched port", {
  skip: withoutTshark,
}, async (t) => {
  const namespace = freshNamespace(t);
  const path = `${namespace}/both.pcapng`;
  using port = openPort("vale0:a", { namespace });
  using other = openPort("vale0:b", { namespace });
  const dump = starting(namespace)("dump", "-i", "vale0:a", "-w", path, "-c", "2", "-s", "96");
  await dump.printed(/Watching vale0:a/);
  const frame = (from: number, length: number) => {
    const bytes = new Uint8Array(length).fill(0xff, 0, 6);
    bytes[6] = from;
    return bytes;
  };
  const before = Date.now() / 1000;
  port.tx.put(frame(2, 60));
  port.sync();
  other.tx.put(frame(4, 1400));
  other.sync();
  port.sync();
  assert.equal((await dump.ended).status, 0);

  const fields = [
    "frame.len",
    "frame.cap_len",
    "frame.interface_name",
    "frame.packet_flags_direction",
    "frame.time_epoch",
  ];
  const packets = await tsharkFields(path, ...fields);
  const times = packets.map((packet) => Number(packet.pop()));
  assert.deepEqual(packets, [
    ["60", "60", "vale0:a", "0x00000002"],
    ["1400", "96", "vale0:a", "0x00000001"],
  ]);
  const after = Date.now() / 1000;
  assert.ok(
    times.every((time) => time >= before - 0.01 && time <= after + 0.01),
    `${times}`,
  );
});

test("a port that nobody has open is opened, and its packets are taken until -c", async (t) => {
  const namespace = freshNamespace(t);
  const path = `${namespace}/taken.pcap`;
  const dump = starting(namespace)("dump", "-i", "p}1", "-w", path, "-c", "100", "--json");
  const sent = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", "-i", "p{1", "-f", "tx", "-n", "100");
  assert.equal(sent.status, 0, sent.stderr);
  const run = await dump.ended;
  assert.equal(run.status, 0, run.stderr);
  const { packets, bytes, captures, written } = summaryOf(run) as Line & {
    captures: { port: string; kept_bytes: number }[];
    written: { bytes: number; files: number };
  };
  assert.deepEqual(
    [packets, bytes, captures[0]?.port, captures[0]?.kept_bytes],
    [100, 6000, "netmap:p}1", 6000],
  );
  assert.deepEqual([written.files, written.bytes], [1, statSync(path).size]);
  assert.equal(readRecording(path).packets, 100);
});

test("a filter after the options chooses packets, and the others are counted", async (t) => {
  const namespace = freshNamespace(t);
  const path = `${namespace}/udp.pcapng`;
  const dump = starting(namespace)("dump", "-i", "p}1", "-w", path, "--json", "udp", "port", "2000");
  const env = { NM_DIR: namespace };
  const words = ["-i", "p{1", "-f", "tx", "-n", "400", "-s", "10.0.0.1:1999-10.0.0.1:2002"];
  const sent = await nmWith({ env }, "pkt-gen", ...words);
  assert.equal(sent.status, 0, sent.stderr);
  dump.signal("SIGINT");
  const run = await dump.ended;
  if (run.stderr.includes("libpcap does not load"))
    return t.skip("libpcap is not installed (Debian: libpcap0.8)");
  const { captures } = summaryOf(run) as Line & { captures: { packets: number; filtered: number }[] };
  assert.deepEqual([captures[0]?.packets, captures[0]?.filtered], [100, 300]);
});

test("files rotate, and only the last are kept", async (t) => {
  const namespace = freshNamespace(t);
  const words = ["-w", `${namespace}/trace.pcapng`, "--rotate-packets", "100", "--keep", "3", "-c", "950"];
  const dump = starting(namespace)("dump", "-i", "p}1", ...words);
  await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", "-i", "p{1", "-f", "tx", "-n", "950");
  assert.equal((await dump.ended).status, 0);
  const files = readdirSync(namespace).filter((name) => name.startsWith("trace"));
  assert.deepEqual(files.sort(), ["trace_00008.pcapng", "trace_00009.pcapng", "trace_00010.pcapng"]);
  const counts = files.map((name) => readRecording(`${namespace}/${name}`).packets);
  assert.deepEqual(counts, [100, 100, 50]);
});

test("a capture on standard output is read by another program as it comes", {
  skip: withoutTshark,
}, async (t) => {
  const namespace = freshNamespace(t);
  const line =
    `export NM_DIR=${namespace}; nm pkt-gen -i 'p{1' -f tx -n 50 -l 100 >/dev/null 2>&1 & ` +
    `nm dump -i 'p}1' -c 50 2>${namespace}/words | tshark -n -r - -T fields -e frame.len -e frame.interface_name; ` +
    `wait; cat ${namespace}/words`;
  const { stdout } = await bash(line);
  const lines = stdout.trimEnd().split("\n");
  assert.deepEqual(lines.slice(0, 50), Array(50).fill("100\tnetmap:p}1"));
  assert.match(lines.at(-1) ?? "", /^50 packets captured of netmap:p\}1/);
});

test("a reader that has seen enough ends a capture without an error", async (t) => {
  const namespace = freshNamespace(t);
  const line =
    `export NM_DIR=${namespace}; nm pkt-gen -i 'p{1' -f tx --duration 2s >/dev/null 2>&1 & ` +
    `nm dump -i 'p}1' 2>/dev/null | head -c 1000 >/dev/null; echo "\${PIPESTATUS[0]}"; wait`;
  const { stdout } = await bash(line);
  assert.equal(stdout.trim(), "0");
});

test("-c that is not reached before Ctrl-C ends with 130, and what came is written", async (t) => {
  const namespace = freshNamespace(t);
  const path = `${namespace}/few.pcapng`;
  const dump = starting(namespace)("dump", "-i", "p}1", "-w", path, "-c", "1000");
  await dump.printed(/Opened netmap:p\}1: what arrives there is taken\./);
  await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", "-i", "p{1", "-f", "tx", "-n", "7");
  dump.signal("SIGINT");
  assert.equal((await dump.ended).status, 130);
  assert.equal(readRecording(path).packets, 7);
});

test("a capture whose command line is wrong, or that cannot be written, says so", async () => {
  for (const [words, message, status] of [
    [[], /-i PORT is missing/, 2],
    [
      ["-i", "p}1", "--json"],
      /Cannot use --json with --write -: the capture goes to standard output already/,
      2,
    ],
    [["-i", "p}1", "--rotate-packets", "9"], /Cannot use --rotate-\.\.\. with --write -/, 2],
    [["-i", "p}1", "-w", "x", "--keep", "9"], /Cannot use --keep with no --rotate-\.\.\. option/, 2],
    [["-i", "p}1", "-w", "/nowhere/x"], /Cannot write capture "\/nowhere\/x": no such file or directory/, 1],
  ] as const) {
    const run = await nm("dump", ...words);
    assert.match(run.stderr, message, words.join(" "));
    assert.equal(run.status, status, words.join(" "));
  }
});
