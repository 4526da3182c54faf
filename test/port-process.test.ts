/** How open ports end: with their process, their thread, their last reference. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { openPort } from "../lib/index.js";
import { frame, freshNamespace, script } from "./namespace.js";
import { root } from "./run.js";

const library = pathToFileURL(`${root}dist/lib/index.js`).href;

/** Whether anybody has the port open. Opening another makes the engine look for the dead. */
function isThere(namespace: string, port: string): boolean {
  using _ = openPort("vale99:look", { namespace });
  try {
    openPort(`${port}/x`, { namespace }).close();
    return false;
  } catch (error) {
    assert.equal((error as { code?: string }).code, "PORT_IN_USE");
    return true;
  }
}

const clean = { status: 0, stdout: "", stderr: "" };

test("a process ends by itself after its ports are closed", async (t) => {
  const code = `const port = openPort("vale1:a"); await port.wait({ timeoutMs: 10 }); port.close();`;
  assert.deepEqual(await script(freshNamespace(t), code), clean);
});

test("a process ends by itself with a port open, when nothing waits", async (t) => {
  const namespace = freshNamespace(t);
  const code = `const port = openPort("vale1:a"); await port.wait({ timeoutMs: 10 });`;
  assert.deepEqual(await script(namespace, code), clean);
  assert.equal(isThere(namespace, "vale1:a"), false);
});

test("process.exit during a wait ends the process", async (t) => {
  const code = `openPort("vale1:a").wait(); setTimeout(() => process.exit(0), 20);`;
  assert.deepEqual(await script(freshNamespace(t), code), clean);
});

test("process.exit while traffic runs ends the process", async (t) => {
  const code = `
    const sink = startSink(openPort("vale1:b"));
    const generator = startGenerator(openPort("vale1:a"));
    setTimeout(() => process.exit(0), 50);`;
  const namespace = freshNamespace(t);
  assert.deepEqual(await script(namespace, code), clean);
  assert.equal(isThere(namespace, "vale1:a"), false);
});

test("an uncaught error while traffic runs is reported as ever", async (t) => {
  const code = `startGenerator(openPort("vale1:a")); throw new Error("mine");`;
  const run = await script(freshNamespace(t), code);
  assert.equal(run.status, 1);
  assert.match(run.stderr, /Error: mine/);
});

test("a worker thread that is terminated leaves its ports", async (t) => {
  const namespace = freshNamespace(t);
  const worker = `
    const { openPort, startGenerator } = await import("${library}");
    const { parentPort } = await import("node:worker_threads");
    const waiting = openPort("vale1:waiting");
    waiting.wait().catch(() => {});
    startGenerator(openPort("vale1:sending"));
    const idle = openPort("vale1:idle");
    setTimeout(() => parentPort.postMessage("ready"), 30);`;
  const code = `
    const { Worker } = await import("node:worker_threads");
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(new URL("data:text/javascript," + encodeURIComponent(${JSON.stringify(worker)})));
      await new Promise((ready, failed) => { worker.on("message", ready); worker.on("error", failed); });
      await worker.terminate();
      for (const name of ["waiting", "sending", "idle"]) openPort("vale1:" + name + "/x").close();
    }`;
  assert.deepEqual(await script(namespace, code), clean);
});

test("a port that nobody can reach any more is left", async (t) => {
  const namespace = freshNamespace(t);
  const code = `
    for (let i = 0; i < 20; i++) openPort("vale1:p" + i).rx.slot(0);
    for (let round = 0; round < 50; round++) {
      gc();
      await new Promise((done) => setTimeout(done, 10));
    }
    for (let i = 0; i < 20; i++) openPort("vale1:p" + i + "/x").close();`;
  assert.deepEqual(await script(namespace, code, ["--expose-gc"]), clean);
});

test("views outlive the objects they came from", async (t) => {
  const code = `
    const views = [];
    for (let i = 0; i < 20; i++) views.push(openPort("vale1:p" + i).tx.payload(0));
    const ring = openPort("vale1:ring").tx;
    const waiting = openPort("vale1:waiting").wait({ timeoutMs: 600 });
    for (let round = 0; round < 50; round++) {
      gc();
      for (const view of views) view[0] = view[1] + round;
      if (!ring.put(views[0])) throw new Error("no room");
      await new Promise((done) => setTimeout(done, 5));
    }
    if ((await waiting).readable) throw new Error("readable");`;
  assert.deepEqual(await script(freshNamespace(t), code, ["--expose-gc"]), clean);
});

test("ports opened and closed many times leave nothing behind", async (t) => {
  const namespace = freshNamespace(t);
  const code = `
    const { readdirSync } = await import("node:fs");
    const descriptors = () => readdirSync("/proc/self/fd").length;
    const use = async () => {
      const port = openPort("vale1:a");
      port.tx.put(new Uint8Array(60));
      port.sync();
      await port.wait({ timeoutMs: 1 });
      port.close();
    };
    for (let i = 0; i < 20; i++) await use();
    const before = descriptors();
    for (let i = 0; i < 300; i++) await use();
    await new Promise((done) => setTimeout(done, 50));
    console.log(descriptors() - before);`;
  assert.deepEqual(await script(namespace, code), { ...clean, stdout: "0\n" });
  assert.deepEqual(
    readdirSync(namespace).filter((file) => file !== "namespace"),
    [],
  );
});

test("the example sends packets back with their addresses exchanged", async (t) => {
  const namespace = freshNamespace(t);
  const echo = spawn(process.execPath, [`${root}dist/examples/echo.js`, "vale1:echo"], {
    env: { ...process.env, NM_DIR: namespace },
    stdio: ["ignore", "inherit", "pipe"],
  });
  let said = "";
  echo.stderr.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  await once(echo.stderr, "data");

  using port = openPort("vale1:me", { namespace });
  const packets = 3000;
  const sent = frame(100).fill(7, 12);
  let came = 0;
  for (let i = 0; i < packets; i++) {
    port.tx.put(sent);
    port.txSync();
    while (came <= i) {
      const ready = await port.wait({ timeoutMs: 5000 });
      assert.ok(ready.readable, `no answer to packet ${i}`);
      came += port.rx.drain((payload) => {
        assert.deepEqual(payload.subarray(0, 6), sent.subarray(6, 12));
        assert.deepEqual(payload.subarray(6, 12), sent.subarray(0, 6));
        assert.deepEqual(payload.subarray(12), sent.subarray(12));
      });
    }
  }
  assert.equal(came, packets);

  echo.kill("SIGINT");
  const [status] = await once(echo, "exit");
  assert.equal(status, 0);
  assert.equal(said, `echoing on vale1:echo, Ctrl-C ends\nechoed ${packets} packets\n`);
});
