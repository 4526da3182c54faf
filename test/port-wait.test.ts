/** Waiting for ports, from this process and from others. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Port } from "../lib/index.js";
import { frame, freshNamespace, portsOf, script } from "./namespace.js";

const nothing = { readable: false, writable: false, ringError: false };
const readable = { ...nothing, readable: true };

function send(port: Port): void {
  port.tx.put(frame());
  port.txSync();
}

test("wait ends at once when something has arrived already", async (t) => {
  const open = portsOf(t);
  const [from, to] = [open("vale1:a"), open("vale1:b")];
  send(from);
  assert.deepEqual(await to.wait(), readable);
  assert.equal(to.rx.space, 1);
});

for (const spin of [false, true]) {
  const how = spin ? "spinning" : "sleeping";

  test(`wait, ${how}, ends when something arrives`, async (t) => {
    const open = portsOf(t);
    const [from, to] = [open("vale1:a"), open("vale1:b")];
    const waiting = to.wait({ spin });
    await sleep(30);
    send(from);
    assert.deepEqual(await waiting, readable);
  });

  test(`wait, ${how}, ends after the time given`, async (t) => {
    const open = portsOf(t);
    const before = performance.now();
    assert.deepEqual(await open("vale1:a").wait({ spin, timeoutMs: 50 }), nothing);
    assert.ok(performance.now() - before >= 49);
  });

  test(`wait, ${how}, rejects with the reason of its signal`, async (t) => {
    const open = portsOf(t);
    const port = open("vale1:a");
    const reason = new Error("enough");
    const abort = new AbortController();
    const waiting = port.wait({ spin, signal: abort.signal });
    setTimeout(() => abort.abort(reason), 20);
    await assert.rejects(waiting, reason);
    await assert.rejects(port.wait({ spin, signal: abort.signal }), reason);
    assert.deepEqual(await port.wait({ spin, timeoutMs: 1 }), nothing);
  });

  test(`wait, ${how}, rejects when the port is closed meanwhile`, async (t) => {
    const open = portsOf(t);
    const port = open("vale1:a");
    const waiting = port.wait({ spin });
    setTimeout(() => port.close(), 20);
    await assert.rejects(waiting, { code: "PORT_CLOSED" });
    await assert.rejects(port.wait({ spin }), { code: "PORT_CLOSED" });
  });
}

test("wait with no time only looks", async (t) => {
  const open = portsOf(t);
  assert.deepEqual(await open("vale1:a").wait({ timeoutMs: 0 }), nothing);
});

test("wait for room ends when the other side has taken something", async (t) => {
  const open = portsOf(t);
  const from = open("p{1@conf:slots=64");
  const to = open("p}1");
  while (from.tx.put(frame()));
  from.txSync();
  assert.deepEqual(await from.wait({ writable: true, timeoutMs: 20 }), nothing);

  const waiting = from.wait({ writable: true, timeoutMs: 5000 });
  await sleep(20);
  to.rxSync();
  to.rx.drain(() => {});
  to.rxSync();
  assert.deepEqual(await waiting, { ...nothing, writable: true });
  assert.ok(from.tx.space > 0);
});

test("wait tells which of both it was asked for is so", async (t) => {
  const open = portsOf(t);
  const ready = await open("vale1:a").wait({ readable: true, writable: true });
  assert.deepEqual(ready, { ...nothing, writable: true });
});

test("wait refuses to run twice at a time", async (t) => {
  const open = portsOf(t);
  const port = open("vale1:a");
  const first = port.wait({ timeoutMs: 50 });
  await assert.rejects(port.wait(), { code: "PORT_WAITING" });
  assert.deepEqual(await first, nothing);
});

test("many ports wait at the same time", async (t) => {
  const open = portsOf(t);
  const from = open("vale1:from");
  const receivers = Array.from({ length: 30 }, (_, i) => open(`vale1:r${i}`));
  const waiting = receivers.map((port) => port.wait({ timeoutMs: 5000 }));
  await sleep(20);
  send(from);
  for (const ready of await Promise.all(waiting)) assert.deepEqual(ready, readable);
});

test("a process sleeps in wait until another process sends", async (t) => {
  const namespace = freshNamespace(t);
  const open = portsOf(t);
  const receiver = script(
    namespace,
    `const port = openPort("vale1:b");
     console.log((await port.wait({ timeoutMs: 20000 })).readable, port.rx.payload(port.rx.head).length);
     port.close();`,
  );
  const from = open("vale1:a", { namespace });
  const sending = setInterval(() => send(from), 20);
  const run = await receiver;
  clearInterval(sending);
  assert.deepEqual(run, { status: 0, stdout: "true 60\n", stderr: "" });
});

test("two processes play ping-pong through a pipe, each sleeping for the other", async (t) => {
  const namespace = freshNamespace(t);
  const rounds = 2000;
  const player = (end: string, serves: boolean) =>
    script(
      namespace,
      `const port = openPort("p${end}1");
       const ball = new Uint8Array(60);
       let caught = 0;
       if (${serves}) { port.tx.put(ball); port.sync(); }
       while (caught < ${rounds}) {
         await port.wait();
         const n = port.rx.drain(() => {});
         caught += n;
         if (n > 0 && (caught < ${rounds} || !${serves})) { port.tx.put(ball); port.sync(); }
       }
       console.log(caught);
       await new Promise((done) => setTimeout(done, 100));
       port.close();`,
    );
  const slave = player("}", false);
  const master = player("{", true);
  for (const run of await Promise.all([master, slave])) {
    assert.deepEqual(run, { status: 0, stdout: `${rounds}\n`, stderr: "" });
  }
});
