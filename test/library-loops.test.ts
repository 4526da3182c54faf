/** Loops that take packets from ports and pass them on, as a program in TypeScript starts and watches them. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import * as library from "../lib/index.js";
import {
  compileFilter,
  countsOf,
  NmError,
  readLoss,
  readRecording,
  startBalancer,
  startCapturer,
  startForwarder,
  startGenerator,
  startRecorder,
  startSink,
} from "../lib/index.js";
import { freshNamespace, portsOf } from "./namespace.js";
import { root } from "./run.js";

const count = 20_000;
const marked = { count, mark: true, frame: { length: 60 } } as const;

test("a forwarder passes every packet on, and says how many and when", async (t) => {
  const open = portsOf(t);
  const sink = startSink(open("b}1"), { count, measure: true });
  const forwarder = startForwarder([{ from: open("a}1"), to: open("b{1") }]);
  await startGenerator(open("a{1"), marked).ended;
  const received = await sink.ended;
  forwarder.stop();
  await forwarder.ended;

  assert.deepEqual([received.packets, received.lost, received.corrupt], [count, 0, 0]);
  const [lane] = forwarder.counts();
  assert.deepEqual([lane?.packets, lane?.bytes], [count, 60 * count]);
  const { firstNs, lastNs } = forwarder.passed();
  assert.ok(firstNs > 0 && firstNs < lastNs);
});

test("a forwarder shows its packets to a mirror, and loses what it was asked to lose", async (t) => {
  const open = portsOf(t);
  const sink = startSink(open("b}1"), { count: 15 });
  const mirrored = startSink(open("m}1"), { count: 15 });
  const [from, to, mirror] = [open("a}1"), open("b{1"), open("m{1")];
  const forwarder = startForwarder([{ from, to, mirror, loss: readLoss("loss", "0"), dropEvery: 4 }]);
  await startGenerator(open("a{1"), { count: 20 }).ended;
  assert.deepEqual([(await sink.ended).packets, (await mirrored.ended).packets], [15, 15]);
  forwarder.stop();
  await forwarder.ended;
  const [lane] = forwarder.counts();
  assert.deepEqual([lane?.packets, lane?.drops_loss, lane?.mirrored], [15, 5, 15]);
});

test("forwarders, capturers and balancers without ports are refused", () => {
  assert.throws(() => startForwarder([]), RangeError);
  assert.throws(() => startCapturer([], { recorder: {} as library.Recorder }), RangeError);
});

test("a forwarder's lane whose burst is 0 is refused", (t) => {
  const open = portsOf(t);
  const ports = { from: open("a}1"), to: open("b{1") };
  assert.throws(() => startForwarder([{ ...ports, burst: 0 }]), /bad_request/);
});

test("a balancer gives every packet to one output of each group, and a flow always to the same", async (t) => {
  const open = portsOf(t);
  const input = open("in}1");
  const { memId } = input.granted;
  const outputs = [0, 1, 2].map((id) => open(`out{${id}@${memId}`));
  const sinks = [0, 1, 2].map((id) => startSink(open(`out}${id}`)));
  const balancer = startBalancer(input, [outputs.slice(0, 2), outputs.slice(2)]);
  const from = { firstAddress: 0x0a000001, lastAddress: 0x0a000040, firstPort: 9, lastPort: 9 };
  await startGenerator(open("in{1"), { count: 640, frame: { length: 60, from } }).ended;
  const passed = () => sinks.map((sink) => sink.progress().packets);
  while ((passed()[0] ?? 0) + (passed()[1] ?? 0) + (passed()[2] ?? 0) < 1280) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  balancer.stop();
  await balancer.ended;

  const [first = 0, second = 0, all] = passed();
  assert.deepEqual([first + second, all], [640, 640]);
  // 64 flows of 10 packets each.
  assert.deepEqual([first % 10, second % 10], [0, 0]);
  assert.ok(first > 0 && second > 0);
  const { own, outputs: counts } = balancer.counts();
  assert.equal(own.received, 640);
  assert.deepEqual(
    counts.map(({ packets }) => packets),
    passed(),
  );
});

test("a capturer keeps what arrives in the files of a recorder", async (t) => {
  const open = portsOf(t);
  const path = `${freshNamespace(t)}/all.pcapng`;
  const ports = [open("vale1:a"), open("vale1:b")];
  const interfaces = ports.map(({ name }) => ({ name }));
  const recorder = startRecorder({ path, interfaces });
  const capturer = startCapturer(ports, { recorder, count: 10 });
  await startGenerator(open("vale1:c"), { count: 5, frame: { length: 99 } }).ended;
  await capturer.ended;

  assert.deepEqual(
    countsOf(capturer).map(({ packets, bytes }) => [packets, bytes]),
    [
      [5, 495],
      [5, 495],
    ],
  );
  const { packets, bytes, longest } = readRecording(path);
  assert.deepEqual([packets, bytes, longest], [10, 990, 99]);
  assert.deepEqual(recorder.figures(), { bytes: statSync(path).size, files: 1, discarded: 0 });
  assert.equal(recorder.failure(), undefined);
});

test("a recorder begins another file when one is full, and a forwarder brings it packets too", async (t) => {
  const open = portsOf(t);
  const directory = freshNamespace(t);
  const interfaces = [{ name: "a to b" }];
  const rotation = { packets: 4 };
  const recorder = startRecorder({ path: `${directory}/part.pcap`, interfaces, rotation });
  const sink = startSink(open("b}1"), { count: 10 });
  const forwarder = startForwarder([{ from: open("a}1"), to: open("b{1") }], { recorder });
  await startGenerator(open("a{1"), { count: 10 }).ended;
  await sink.ended;
  forwarder.stop();
  await forwarder.ended;

  const files = readdirSync(directory).sort();
  assert.deepEqual(files, ["part_00001.pcap", "part_00002.pcap", "part_00003.pcap"]);
  assert.deepEqual(
    files.map((file) => readRecording(`${directory}/${file}`).packets),
    [4, 4, 2],
  );
});

test("a recorder that cannot write says why", (t) => {
  const path = `${freshNamespace(t)}/nowhere/x.pcap`;
  const start = () => startRecorder({ path, interfaces: [{ name: "x" }] });
  assert.throws(start, (error) => error instanceof NmError && error.code === "CAPTURE_UNWRITABLE");
});

test("a filter decides what a forwarder passes", async (t) => {
  let filter: library.Filter;
  try {
    filter = compileFilter("udp port 1001");
  } catch (error) {
    if (error instanceof NmError && error.code === "LIBPCAP_MISSING") return t.skip(error.message);
    throw error;
  }
  const open = portsOf(t);
  const sink = startSink(open("b}1"), { count: 5 });
  const forwarder = startForwarder([{ from: open("a}1"), to: open("b{1"), filter }]);
  const from = { firstAddress: 0x0a000001, lastAddress: 0x0a000001, firstPort: 1000, lastPort: 1003 };
  await startGenerator(open("a{1"), { count: 20, frame: { length: 60, from } }).ended;
  await sink.ended;
  forwarder.stop();
  await forwarder.ended;
  const [lane] = forwarder.counts();
  assert.deepEqual([lane?.packets, lane?.drops_filtered], [5, 15]);
});

test("everything that starts a loop is in the library, and docs/library.md tells of it", () => {
  const starts = readdirSync(`${root}lib`)
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => [
      ...readFileSync(`${root}lib/${file}`, "utf8").matchAll(/^export function (start[A-Z]\w+)/gm),
    ])
    .map(([, name]) => name ?? "")
    .filter((name) => name !== "startedLoop");
  const page = readFileSync(`${root}docs/library.md`, "utf8");
  for (const name of starts) {
    assert.ok(name in library, `${name} is exported`);
    assert.ok(page.includes(`\`${name}\``), `${name} is documented`);
  }
  assert.ok(starts.length >= 10);
});
