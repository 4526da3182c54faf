/** Traffic loops on native threads, as TypeScript starts and watches them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type GeneratorOptions,
  type Schedule,
  type SinkOptions,
  startGenerator,
  startSink,
} from "../lib/index.js";
import { frame, portsOf } from "./namespace.js";

function steadily(packets: number, perNs: number): Schedule {
  return { phases: [{ kind: "steady", rate: { packets, perNs } }] };
}

test("a generator sends the count it was given through a pipe, and a sink verifies all of it", async (t) => {
  const open = portsOf(t);
  const count = 200_000;
  const sink = startSink(open("p}1"), { count, measure: true });
  const generator = startGenerator(open("p{1"), { count, mark: true, frame: { length: 60 } });
  const [sent, received] = await Promise.all([generator.ended, sink.ended]);

  assert.equal(sent.packets, count);
  assert.equal(sent.running, false);
  assert.equal(received.packets, count);
  assert.equal(received.bytes, 60 * count);
  for (const fault of ["lost", "reordered", "duplicated", "corrupt", "unmarked"] as const) {
    assert.equal(received[fault], 0, fault);
  }
});

test("a generator sends the frame it was given", async (t) => {
  const open = portsOf(t);
  const to = open("vale1:b");
  const toMac = Uint8Array.of(2, 0, 0, 0, 0, 1);
  const fromMac = Uint8Array.of(2, 0, 0, 0, 0, 2);
  const from = { firstAddress: 0x0a000001, lastAddress: 0x0a000003, firstPort: 1000, lastPort: 1000 };
  await startGenerator(open("vale1:a"), { count: 4, frame: { toMac, fromMac, from, length: 80 } }).ended;

  to.rxSync();
  const seen: string[] = [];
  to.rx.drain((payload) => {
    assert.equal(payload.length, 80);
    assert.deepEqual(payload.slice(0, 6), toMac);
    assert.deepEqual(payload.slice(6, 12), fromMac);
    seen.push(payload.slice(26, 30).join("."));
  });
  assert.deepEqual(seen, ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1"]);
});

test("progress grows while a loop runs, and stop ends it", async (t) => {
  const open = portsOf(t);
  const sink = startSink(open("vale1:b"));
  const generator = startGenerator(open("vale1:a"), { schedule: steadily(10_000, 1e9) });
  await sleep(100);
  const early = generator.progress();
  await sleep(100);
  assert.ok(early.running);
  assert.ok(early.packets > 0);
  assert.ok(generator.progress().packets > early.packets);
  assert.ok(Number(sink.takeMinSpace()) > 0);

  generator.stop();
  const sent = await generator.ended;
  while (sink.progress().packets < sent.packets) await sleep(10);
  sink.stop();
  assert.equal((await sink.ended).packets, sent.packets);
  generator.stop();
});

test("a loop has its port to itself", async (t) => {
  const open = portsOf(t);
  const port = open("vale1:a");
  const loop = startGenerator(port, { durationNs: 5e9 });
  const running = { code: "PORT_RUNNING" };
  assert.throws(() => port.sync(), running);
  await assert.rejects(port.wait(), running);
  assert.throws(() => startSink(port), running);
  loop.stop();
  await loop.ended;
  port.sync();

  const waiting = port.wait({ timeoutMs: 20 });
  assert.throws(() => startSink(port), { code: "PORT_RUNNING" });
  await waiting;
});

test("closing a port ends the loop that runs on it", async (t) => {
  const open = portsOf(t);
  const port = open("vale1:a");
  const loop = startSink(port);
  await sleep(20);
  port.close();
  assert.equal((await loop.ended).packets, 0);
  loop.stop();
  assert.throws(() => startSink(port), { code: "PORT_CLOSED" });
});

test("takeDump gives copies of what went by", async (t) => {
  const open = portsOf(t);
  const from = open("vale1:a");
  const sink = startSink(open("vale1:b"), { count: 3, dump: { capacity: 10, longest: 16 } });
  for (let fill = 1; fill <= 3; fill++) from.tx.put(frame(70, fill));
  from.txSync();
  await sink.ended;

  const entries = sink.takeDump();
  assert.deepEqual(
    entries.map(({ ring, slot, length, bytes }) => ({ ring, slot, length, bytes: bytes.join() })),
    [1, 2, 3].map((fill) => ({
      ring: 0,
      slot: fill - 1,
      length: 70,
      bytes: frame(16, fill).join(),
    })),
  );
  assert.deepEqual(sink.takeDump(), []);
});

test("loops refuse options that cannot be, and say which", (t) => {
  const open = portsOf(t);
  const port = open("vale1:a");
  const bad: [GeneratorOptions, RegExp][] = [
    [{ count: -1 }, /count -1/],
    [{ count: 0.5 }, /count 0.5/],
    [{ burst: 0 }, /burst 0/],
    [{ frame: { length: 15 } }, /frame.length 15/],
    [{ frame: { length: 65_536 } }, /frame.length 65536/],
    [{ mark: true, frame: { length: 59 } }, /frame.length 59: expected 60/],
    [{ frame: { length: 60, shortestLength: 15 } }, /frame.shortestLength 15: expected 16 to 60/],
    [{ frame: { length: 60, shortestLength: 61 } }, /frame.shortestLength 61: expected 16 to 60/],
    [{ frame: { toMac: new Uint8Array(5) } }, /frame.toMac/],
    [{ frame: { from: { firstAddress: 2, lastAddress: 1, firstPort: 1, lastPort: 1 } } }, /firstAddress 2/],
    [{ schedule: steadily(1, 0) }, /rate.perNs 0/],
    [{ schedule: steadily(2, 1) }, /rate.packets 2/],
    [{ schedule: { phases: [] } }, /phases.length 0/],
    [{ share: { index: 2, of: 2 } }, /share.index 2/],
    [{ fragments: 65 }, /fragments 65/],
    [{ mark: true, contents: "never" }, /contents are never written/],
  ];
  for (const [options, message] of bad) {
    assert.throws(
      () => startGenerator(port, options),
      (error) => error instanceof RangeError && message.test(error.message),
    );
  }
  const badSinks: [SinkOptions, RegExp][] = [
    [{ count: Number.NaN }, /count NaN/],
    [{ burst: -1 }, /burst -1/],
  ];
  for (const [options, message] of badSinks) assert.throws(() => startSink(port, options), message);
});
