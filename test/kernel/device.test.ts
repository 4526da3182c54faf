/** The kernel device through the library, and what is said where the kernel refuses. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import { captureFile } from "../capture-file.js";
import { missing, noNetworkNamespaces } from "../privileges.js";
import { finished, programFile } from "../run.js";
import { freshName, hasModule, type Kernel, kernelFor, libraryFile } from "./kernel.js";

async function printedBy(kernel: Kernel, lines: string): Promise<unknown> {
  const { status, stdout, stderr } = await kernel.library(lines).ended;
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

test("a port of the kernel is opened, sent to, waited for and read by the library", async (t) => {
  const name = freshName("k");
  const found = await printedBy(
    kernelFor(t),
    `
    const master = nm.openPort("${name}{1", { extraBuffers: 3 });
    const slave = nm.openPort("${name}}1");
    const waiting = slave.wait({ readable: true, timeoutMs: 5000 });
    setTimeout(() => { master.tx.put(Buffer.from("0123456789012345678901234567890")); master.sync(); }, 50);
    const ready = await waiting;
    const packets = [];
    slave.rx.drain((payload) => packets.push(Buffer.from(payload).toString()));
    const extra = [master.takeExtraBuffer(), master.takeExtraBuffer(), master.takeExtraBuffer(), master.takeExtraBuffer()];
    const nothing = await slave.wait({ readable: true, timeoutMs: 30 });
    console.log(JSON.stringify({
      backend: master.backend, driver: master.driver, place: master.namespace, ready, packets,
      shares: master.sharesMemoryWith(slave),
      extra: extra.map((index) => index !== undefined && index > 1), nothing: nothing.readable,
      writable: (await master.wait({ writable: true, timeoutMs: 1000 })).writable,
    }));`,
  );
  assert.deepEqual(found, {
    backend: "kernel",
    driver: "pipe",
    place: "/dev/netmap",
    ready: { readable: true, writable: false, ringError: false },
    packets: ["0123456789012345678901234567890"],
    shares: true,
    extra: [true, true, true, false],
    nothing: false,
    writable: true,
  });
});

test("the memory of a region outlives the port that it was mapped for, and not the last one", async (t) => {
  const vale = freshName("vale");
  const found = await printedBy(
    kernelFor(t),
    `
    const first = nm.openPort("${vale}:a");
    const second = nm.openPort("${vale}:b@" + first.granted.memId);
    first.close();
    const gone = (() => { try { nm.portInfo("${vale}:a"); return false; } catch { return true; } })();
    second.tx.put(Buffer.alloc(60, 255)); second.sync();
    second.close();
    console.log(JSON.stringify({ gone, shared: second.granted.memId === first.granted.memId }));`,
  );
  assert.deepEqual(found, { gone: true, shared: true });
});

test("what a ring of the kernel dropped is not told as a number", async (t) => {
  const found = await printedBy(
    kernelFor(t),
    `const port = nm.openPort("${freshName("vale")}:a");
     try { port.tx.counters(); } catch ({ code }) { console.log(JSON.stringify({ code, isCounted: port.isCounted })); }`,
  );
  assert.deepEqual(found, { code: "NOT_COUNTED", isCounted: false });
});

test("a ring whose head cannot be is an error of a wait, and works again when the kernel has set it back", async (t) => {
  const found = await printedBy(
    kernelFor(t),
    `
    const port = nm.openPort("${freshName("k")}{1");
    const { nativeOf } = await import(${JSON.stringify(libraryFile("port.js"))});
    const { offsets } = await import(${JSON.stringify(libraryFile("abi.js"))});
    new Uint32Array(nativeOf(port).tx[0].memory)[offsets.netmap_ring.head / 4] = 999999;
    const bad = await port.wait({ writable: true, timeoutMs: 2000 });
    const good = await port.wait({ writable: true, timeoutMs: 2000 });
    console.log(JSON.stringify({ bad: bad.ringError, good: good.writable && !good.ringError }));`,
  );
  assert.deepEqual(found, { bad: true, good: true });
});

/** Commands, and the port and ring of theirs into which another program writes. */
const victims: readonly (readonly [command: string, words: string, port: string, kind: "tx" | "rx"])[] = [
  ["pkt-gen that receives", "pkt-gen -i NAME}1 -f rx", "NAME}1", "rx"],
  ["pkt-gen that waits for room", "pkt-gen -i NAME{1 -f tx", "NAME{1", "tx"],
  ["pkt-gen that answers", "pkt-gen -i NAME}1 -f pong", "NAME}1", "rx"],
  ["bridge", "bridge NAME}1 NAME}2", "NAME}2", "rx"],
  ["lb", "lb -i NAME}1 -p NAMEx:2", "NAME}1", "rx"],
  ["tlem", "tlem -i NAME}1 -i NAME}2", "NAME}2", "rx"],
  ["dump", "dump -i NAME}1 --take -w FILE", "NAME}1", "rx"],
  ["nmreplay", "nmreplay -f FILE -i NAME{1 --loop 0 --top-speed", "NAME{1", "tx"],
];

describe("a ring that is set back", { concurrency: 4 }, () => {
  for (const [command, words, port, kind] of victims) {
    test(`${command} ends with one line when its ring is set back`, async (t) => {
      const kernel = kernelFor(t);
      const name = freshName("k");
      const file = captureFile(t, [new Uint8Array(60).fill(255)]);
      const [victim, ...options] = words.replaceAll("NAME", name).replace("FILE", file).split(" ");
      const run = kernel.nm(victim as string, ...options, "--json");
      await run.printed(/"report"/);
      const written = port.replace("NAME", name);
      const scribbler = kernel.library(`
        const port = nm.openPort("${written}");
        const { nativeOf } = await import(${JSON.stringify(libraryFile("port.js"))});
        const { offsets } = await import(${JSON.stringify(libraryFile("abi.js"))});
        const words = new Uint32Array(nativeOf(port).${kind}[0].memory);
        setInterval(() => { words[offsets.netmap_ring.head / 4] = 999999; }, 50);`);
      const { status, stderr } = await run.ended;
      scribbler.signal("SIGKILL");
      await scribbler.ended;
      assert.equal(status, 1, stderr);
      // That nothing arrives is told before, on a slow machine.
      const [line = "", ...others] = stderr.split("\n").filter((text) => text.startsWith("nm "));
      assert.ok(line.startsWith(`nm ${victim}: Cannot go on with port "netmap:${written}`), stderr);
      const ring = `(one of its rings|its ${kind.toUpperCase()} ring 0)`;
      const held = "(a head or cur that cannot be|head \\d+ and cur \\d+, which cannot be)";
      assert.match(line, new RegExp(`${ring} had ${held}, and was set back$`));
      assert.deepEqual(others, []);
    });
  }
});

/** What is opened first, what is opened then, and what is said. */
const refusals: readonly (readonly [title: string, first: string, then: string, says: RegExp])[] = [
  ["another holds the port exclusively", "NAME{1/x", "NAME{1", /another program has its rings for itself/],
  [
    "exclusive use is asked of a port in use",
    "NAME{1",
    "NAME{1/x",
    /asks for its rings alone, but another program uses them/,
  ],
  ["there is no such memory region", "", "valeNAME:a@4000", /region/],
  ["there is no such interface", "", "NAMEnone", /no network interface|no interface/],
  ["the port that a monitor is to watch is not open", "", "valeNAME:a/r", /not open/],
];

for (const [title, first, then, says] of refusals) {
  test(`one line says that ${title}`, async (t) => {
    const kernel = kernelFor(t);
    const name = freshName("k");
    const [held, wanted] = [first, then].map((port) => port.replace("NAME", name));
    const holder = held ? kernel.nm("pkt-gen", "-i", held, "-f", "rx") : undefined;
    await holder?.printed(/Ready/);
    const run = await kernel.nm("pkt-gen", "-i", wanted as string, "-f", "tx", "-n", "1").ended;
    holder?.signal("SIGINT");
    await holder?.ended;
    assert.equal(run.status, 1, run.stderr);
    const lines = run.stderr.trimEnd().split("\n");
    assert.match(lines[0] ?? "", says);
    assert.match(lines[0] ?? "", /^nm pkt-gen: Cannot open/);
    assert.ok(lines.length <= 2 + 1, run.stderr);
  });
}

test("a run on an interface ends with one line when the interface goes away", {
  skip: hasModule ? noNetworkNamespaces : "there is no module",
}, async (t) => {
  const { nm } = kernelFor(t);
  const [left, right] = [freshName("nmk"), freshName("nmk")];
  const link = (...words: string[]) => execFileSync("ip", ["link", ...words]);
  link("add", left, "type", "veth", "peer", "name", right);
  for (const end of [left, right]) link("set", end, "up");
  const receiver = nm("pkt-gen", "-i", left, "-f", "rx", "-w", "0");
  await receiver.printed(/Ready/);
  link("delete", left);
  const run = await receiver.ended;
  assert.equal(run.status, 1, run.stderr);
  assert.match(
    run.stderr,
    new RegExp(`^nm pkt-gen: Cannot go on with port "netmap:${left}": it went away while it was open$`, "m"),
  );
});

test("one line says that this user may not open /dev/netmap", {
  skip: hasModule ? missing(["CAP_SYS_ADMIN"], ["setpriv"]) : "there is no module",
}, async (t) => {
  const words = [
    "--reuid",
    "65534",
    "--regid",
    "65534",
    "--clear-groups",
    process.execPath,
    programFile("nm"),
  ];
  const run = await kernelFor(t).program("setpriv", ...words, "pkt-gen", "-i", "vale1:a", "-f", "rx").ended;
  assert.equal(run.status, 1, run.stderr);
  assert.match(
    run.stderr,
    /^nm pkt-gen: Cannot use the kernel backend: this user may not open \/dev\/netmap\n/,
  );
});

test("what only the embedded engine has is refused by name", async (t) => {
  const kernel = kernelFor(t);
  const tap = await kernel.nm("pkt-gen", "-i", "tap:x0", "-f", "rx").ended;
  assert.equal(tap.status, 2);
  assert.match(tap.stderr, /the kernel module has no tap ports/);
  const driver = await kernel.nm("pkt-gen", "-i", "vale1:a", "-f", "rx", "--driver", "af-xdp").ended;
  assert.equal(driver.status, 2);
  assert.match(driver.stderr, /the kernel module has no choice of drivers/);
});

test("without a kernel module the kernel backend says so", {
  skip: hasModule && "there is a module",
}, async () => {
  const args = [programFile("nm"), "pkt-gen", "-i", "vale1:a", "-f", "rx", "--backend", "kernel"];
  const run = await finished(process.execPath, args, {});
  assert.equal(run.status, 1);
  assert.match(run.stderr, /^nm pkt-gen: Cannot use the kernel backend: there is no \/dev\/netmap here\n/);
});

/** What /dev/netmap is there, in a mount namespace of its own, and what is said of it. */
const devices: readonly (readonly [title: string, device: string, says: RegExp])[] = [
  // Minor 255 of the misc devices is nobody's: it stands for "any".
  [
    "its module is not loaded",
    "mknod /dev/netmap c 10 255",
    /\/dev\/netmap is there, but its module is not loaded$/,
  ],
  [
    "another version of the module is",
    "ln -s null /dev/netmap",
    /its module speaks none of the versions 11 to 15/,
  ],
];

for (const [title, device, says] of devices) {
  test(`one line says that /dev/netmap is there and ${title}`, {
    skip: missing(["CAP_SYS_ADMIN"], ["unshare"]),
  }, async () => {
    const own = "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9";
    const words = 'exec "$0" "$1" pkt-gen -i vale1:a -f rx --backend kernel';
    const lines = `${own} && mkdir /dev/shm && ${device} && ${words}`;
    const run = await finished(
      "unshare",
      ["-m", "bash", "-c", lines, process.execPath, programFile("nm")],
      {},
    );
    assert.equal(run.status, 1, run.stderr);
    const [first = "", ...others] = run.stderr.trimEnd().split("\n");
    assert.match(first, /^nm pkt-gen: Cannot use the kernel backend: /);
    assert.match(first, says);
    assert.ok(others.length <= 1, run.stderr);
  });
}

test("auto is the embedded engine where a namespace is named, and in programs that nm serves", async (t) => {
  const kernel = kernelFor(t);
  const run = await kernel.library(`
    const { chooseBackend } = await import(${JSON.stringify(libraryFile("control.js"))});
    console.log(chooseBackend({ backend: "auto", namespace: "/dev/shm/x" }), chooseBackend({ backend: "auto" }));`)
    .ended;
  assert.equal(run.stdout, hasModule ? "embedded kernel\n" : "embedded embedded\n", run.stderr);
});
