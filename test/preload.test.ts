/**
 * Programs that know nothing of nm, on the preload library: small C programs in test/preload/, compiled here with
 * the package's own headers and started with `nm run`.
 */

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { openPort, type Port } from "../lib/index.js";
import { frame, freshNamespace } from "./namespace.js";
import { finished, nm, nmWith, programFile, type Run, root } from "./run.js";

const sources = ["receive", "threads", "family", "heirs", "descriptors", "signals", "random"] as const;
type Source = (typeof sources)[number];

const scratch = mkdtempSync(join(tmpdir(), "nm-preload-"));
after(() => rmSync(scratch, { recursive: true }));

before(async () => {
  for (const source of sources) await compile(source, join(scratch, source));
});

async function compile(source: Source, to: string, flags: readonly string[] = []): Promise<void> {
  const cflags = (await nm("cflags")).stdout.trim();
  const strict = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"];
  const file = `${root}test/preload/${source}.c`;
  await promisify(execFile)("cc", [...strict, ...flags, cflags, file, "-o", to]);
}

/** The words after "node" that run a program of test/preload. */
function words(source: Source, args: readonly string[]): string[] {
  return [programFile("nm"), "run", join(scratch, source), ...args];
}

function run(namespace: string, source: Source, ...args: string[]): Promise<Run> {
  return finished(process.execPath, words(source, args), { env: { NM_DIR: namespace }, timeoutMs: 60_000 });
}

interface Started {
  readonly child: ChildProcess;
  /** What it printed on stdout so far. */
  said(): string;
  /** Resolves when it has printed that. */
  says(text: string): Promise<void>;
  ended(): Promise<number | null>;
}

function start(namespace: string, source: Source, ...args: string[]): Started {
  const child = spawn(process.execPath, words(source, args), {
    env: { ...process.env, NM_DIR: namespace },
    stdio: ["pipe", "pipe", "inherit"],
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  const end = once(child, "close");
  return {
    child,
    said: () => output,
    async says(text) {
      while (!output.includes(text)) {
        const more = await Promise.race([once(child.stdout, "data").then(() => true), end.then(() => false)]);
        assert.ok(more || output.includes(text), `it ended without saying "${text}": ${output}`);
      }
    },
    ended: async () => (await end)[0],
  };
}

/** A frame as the C programs expect it, with a number behind the addresses and the type. */
function numbered(number: number): Uint8Array {
  const bytes = frame(60, 0);
  new DataView(bytes.buffer).setUint32(14, number, true);
  return bytes;
}

function numberOf(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(14, true);
}

async function sendNumbered(port: Port, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i++) {
    while (!port.tx.put(numbered(i))) await port.wait({ writable: true, readable: false, timeoutMs: 5000 });
    port.txSync();
  }
}

/** Takes `count` packets, whose numbers must count from 0. */
async function takeNumbered(port: Port, count: number): Promise<void> {
  for (let expected = 0; expected < count; ) {
    const { readable } = await port.wait({ timeoutMs: 20_000 });
    assert.ok(readable, `packet ${expected} did not come`);
    port.rx.drain((payload) => {
      assert.equal(numberOf(payload), expected);
      expected++;
    });
  }
}

const ways = ["poll", "ppoll", "select", "pselect", "epoll", "epoll_pwait", "epoll_pwait2", "edge"];
for (const way of [...ways, "nested", "nested edge"]) {
  test(`a program that waits with ${way} takes packets and its standard input as they come`, async (t) => {
    const namespace = freshNamespace(t);
    using port = openPort("vale1:sender", { namespace });
    const receiver = start(namespace, "receive", "vale1:receiver", "300", way);
    await receiver.says("ready\n");

    // Each step finds the program asleep.
    await sendNumbered(port, 0, 1);
    receiver.child.stdin?.write("a word\n");
    await receiver.says("heard a word\n");
    await sendNumbered(port, 1, 1);
    await sendNumbered(port, 2, 298);

    assert.equal(await receiver.ended(), 0);
    assert.equal(receiver.said(), "ready\nheard a word\ntook 300 packets\n");
  });
}

test("two threads of a program send and receive on one descriptor while others open and close ports", async (t) => {
  const namespace = freshNamespace(t);
  using port = openPort("vale1:echo", { namespace });
  const count = 20_000;
  const program = start(namespace, "threads", "vale1:threads", String(count));
  for (let back = 0; back < count; ) {
    assert.ok((await port.wait({ timeoutMs: 20_000 })).readable, `only ${back} packets came`);
    port.rx.drain((payload) => {
      assert.ok(port.tx.put(payload));
      back++;
    });
    port.txSync();
  }
  assert.equal(await program.ended(), 0);
  assert.equal(program.said(), `${count} there and back\n`);
});

test("a child sends on its parent's port, and the port outlives the child", async (t) => {
  const namespace = freshNamespace(t);
  using port = openPort("vale1:me", { namespace });
  const program = start(namespace, "family", "vale1:family", "200");
  await takeNumbered(port, 800);
  assert.equal(await program.ended(), 0);
  assert.equal(program.said(), "sent 800\n");
  // Its port has gone with it.
  openPort("vale1:family/x", { namespace }).close();
});

test("a descriptor keeps its port when it is sent to another process, and when a program is started", async (t) => {
  const namespace = freshNamespace(t);
  using port = openPort("vale1:me", { namespace });
  const program = start(namespace, "heirs", "vale1:heirs", "100");
  await takeNumbered(port, 300);
  assert.equal(await program.ended(), 0);
  assert.equal(program.said(), "sent 100 as receiver\nsent 100 as spawned\nsent 100 as heir\n");
  openPort("vale1:heirs/x", { namespace }).close();
});

test("descriptors and mappings of /dev/netmap behave as on Linux", async (t) => {
  const result = await run(freshNamespace(t), "descriptors");
  assert.deepEqual(result, { status: 0, stdout: "all as on Linux\n", stderr: "" });
});

test("a signal interrupts a wait for packets, and its handler may use the port", async (t) => {
  const result = await run(freshNamespace(t), "signals");
  assert.deepEqual(result, { status: 0, stdout: "interrupted\n", stderr: "" });
});

test("what a program does with descriptors and mappings in any order leaves nothing behind", async (t) => {
  const namespace = freshNamespace(t);
  const seed = process.env.NM_SEED ?? String(Date.now());
  const result = await run(namespace, "random", seed, "3000");
  assert.deepEqual(result, { status: 0, stdout: `seed ${seed}\nall closed\n`, stderr: "" });
  // Whatever opens a port sweeps up first.
  openPort("vale1:a", { namespace }).close();
  assert.deepEqual(readdirSync(namespace), ["namespace"]);
});

test("a program and nm pkt-gen exchange packets through a pipe", async (t) => {
  const namespace = freshNamespace(t);
  const sent = 5000;
  const program = start(namespace, "family", "netmap:p{1", String(sent / 4));
  const received = await nmWith(
    { env: { NM_DIR: namespace } },
    ...["pkt-gen", "-i", "netmap:p}1", "-f", "rx", "-n", String(sent), "-w", "0", "--json"],
  );
  assert.equal(received.status, 0, received.stderr);
  const summary = JSON.parse(received.stdout.trim().split("\n").at(-1) ?? "");
  assert.equal(summary.packets, sent);
  assert.equal(await program.ended(), 0);
});

test("the library does nothing that the address and undefined sanitizers object to", async (t) => {
  const make = await finished("make", ["--silent", "-C", `${root}native`, "-j2", "preload"], {
    timeoutMs: 300_000,
  });
  assert.equal(make.status, 0, make.stderr);
  const programs: [Source, string[]][] = [
    ["descriptors", []],
    ["signals", []],
    ["heirs", ["vale1:heirs", "50"]],
    ["random", [process.env.NM_SEED ?? String(Date.now()), "1000"]],
  ];
  for (const [source, args] of programs) {
    const program = join(scratch, `${source}-asan`);
    await compile(source, program, ["-fsanitize=address,undefined"]);
    // Set for the program alone: whatever else started with it would lack the sanitizer.
    const run = await finished(program, args, {
      env: {
        NM_DIR: freshNamespace(t),
        LD_PRELOAD: `${root}build/native-asan/nm_preload.so`,
        ASAN_OPTIONS: "verify_asan_link_order=0",
      },
    });
    assert.deepEqual([source, args, run.status, run.stderr], [source, args, 0, ""]);
  }
});
