/** Every command on the kernel backend, end to end. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Run } from "../run.js";
import { jsonLines, type Line } from "../schema.js";
import { freshName, kernelFor } from "./kernel.js";

function summaryOf(run: Run): Line {
  const summary = jsonLines(run.stdout).at(-1);
  assert.equal(summary?.type, "summary", run.stdout + run.stderr);
  return summary as Line;
}

test("pkt-gen sends over a switch of the kernel, and a receiver counts what it gets", async (t) => {
  const { nm } = kernelFor(t);
  const vale = freshName("vale");
  const receiver = nm("pkt-gen", "-i", `${vale}:b`, "-f", "rx", "-n", "2000", "--json");
  await receiver.printed(/"report"/);
  const sender = await nm("pkt-gen", "-i", `${vale}:a`, "-f", "tx", "-R", "5k", "--duration", "3s", "--json")
    .ended;
  assert.equal(sender.status, 0, sender.stderr);
  const received = summaryOf(await receiver.ended);
  assert.ok((received.packets as number) >= 2000);
  for (const end of [summaryOf(sender), received]) {
    assert.equal(end.backend, "kernel");
    assert.equal(end.drops, null, "what the kernel does not count is not 0");
  }
});

test("a pipe of the kernel loses, doubles and changes nothing", async (t) => {
  const { nm } = kernelFor(t);
  const pipe = freshName("k");
  const receiver = nm("pkt-gen", "-i", `${pipe}}1`, "-f", "rx", "-n", "50000", "--verify", "--json");
  await receiver.printed(/"report"/);
  const sender = await nm("pkt-gen", "-i", `${pipe}{1`, "-f", "tx", "-n", "50000", "--mark").ended;
  assert.equal(sender.status, 0, sender.stderr);
  const run = await receiver.ended;
  assert.equal(run.status, 0, run.stderr);
  assert.equal(summaryOf(run).packets, 50_000);
});

test("ping is answered by pong through the kernel, and both sleep in it", async (t) => {
  const { nm } = kernelFor(t);
  const pipe = freshName("k");
  const pong = nm("pkt-gen", "-i", `${pipe}}1`, "-f", "pong");
  await pong.printed(/Ready/);
  const run = await nm("pkt-gen", "-i", `${pipe}{1`, "-f", "ping", "-n", "50", "-R", "200", "--json").ended;
  pong.signal("SIGINT");
  assert.equal(run.status, 0, run.stderr);
  assert.equal(summaryOf(run).packets, 50);
  await pong.ended;
});

test("what is expected of drops does not hold where the kernel counts none", async (t) => {
  const { nm } = kernelFor(t);
  const run = await nm(
    "pkt-gen",
    "-i",
    `${freshName("vale")}:a`,
    "-f",
    "tx",
    "-n",
    "10",
    "--expect",
    "drops==0",
  ).ended;
  assert.equal(run.status, 3);
  assert.match(run.stderr, /Expected drops==0: nothing was measured/);
});

test("bridge joins two pipes of the kernel", async (t) => {
  const { nm } = kernelFor(t);
  const [left, right] = [freshName("k"), freshName("k")];
  const bridge = nm("bridge", `${left}}1`, `${right}}1`, "--json");
  await bridge.printed(/"report"/);
  const receiver = nm("pkt-gen", "-i", `${right}{1`, "-f", "rx", "-n", "20000", "--verify", "--json");
  await receiver.printed(/"report"/);
  const sender = await nm("pkt-gen", "-i", `${left}{1`, "-f", "tx", "-n", "20000", "--mark").ended;
  assert.equal(sender.status, 0, sender.stderr);
  const run = await receiver.ended;
  assert.equal(run.status, 0, run.stderr);
  bridge.signal("SIGINT");
  assert.equal(summaryOf(await bridge.ended).packets, 20_000);
});

test("lb spreads what comes through a pipe of the kernel over two consumers, each flow to one", async (t) => {
  const { nm } = kernelFor(t);
  const name = freshName("k");
  const balancer = nm("lb", "-i", `${name}}1`, "-p", `${name}x:2`, "--json");
  await balancer.printed(/"report"/);
  const consumers = [0, 1].map((i) => nm("pkt-gen", "-i", `${name}x}${i}`, "-f", "rx", "--json"));
  for (const consumer of consumers) await consumer.printed(/"report"/);
  const flows = "10.0.0.1:1000-10.0.0.4:1099";
  const sender = await nm("pkt-gen", "-i", `${name}{1`, "-f", "tx", "-n", "800", "-s", flows, "--json").ended;
  assert.equal(sender.status, 0, sender.stderr);
  // What the consumers have is told by them every second.
  for (const consumer of consumers) await consumer.printed(/"packets":[1-9]/);
  for (const consumer of consumers) consumer.signal("SIGINT");
  const ended = await Promise.all(consumers.map((consumer) => consumer.ended));
  balancer.signal("SIGINT");
  const counts = ended.map((run) => summaryOf(run).packets as number);
  assert.equal(
    counts.reduce((sum, packets) => sum + packets, 0),
    800,
    JSON.stringify(counts),
  );
  assert.ok(
    counts.every((packets) => packets > 0),
    JSON.stringify(counts),
  );
  const summary = summaryOf(await balancer.ended);
  assert.equal(summary.forwarded, 800);
  assert.equal(summary.backend, "kernel");
});

test("dump captures from the kernel, and nmreplay sends the capture again", async (t) => {
  const { nm } = kernelFor(t);
  const directory = mkdtempSync(join(tmpdir(), "nm-kernel-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "a.pcapng");
  const pipe = freshName("k");
  const dump = nm("dump", "-i", `${pipe}}1`, "-w", file, "--take", "-c", "500", "--json");
  await dump.printed(/"report"/);
  const sender = await nm("pkt-gen", "-i", `${pipe}{1`, "-f", "tx", "-n", "500", "-l", "100").ended;
  assert.equal(sender.status, 0, sender.stderr);
  assert.equal(summaryOf(await dump.ended).packets, 500);

  const receiver = nm("pkt-gen", "-i", `${pipe}}2`, "-f", "rx", "-n", "500", "--json");
  await receiver.printed(/"report"/);
  const replay = await nm("nmreplay", "-f", file, "-i", `${pipe}{2`, "--json").ended;
  assert.equal(replay.status, 0, replay.stderr);
  assert.equal(summaryOf(replay).backend, "kernel");
  assert.equal(summaryOf(await receiver.ended).bytes, 50_000);
});

test("tlem delays packets between two ports of the kernel", async (t) => {
  const { nm } = kernelFor(t);
  const name = freshName("k");
  const link = nm("tlem", "-i", `${name}}1`, "-i", `${name}}2`, "-D", "constant,20ms", "--json");
  await link.printed(/"report"/);
  const pong = nm("pkt-gen", "-i", `${name}{2`, "-f", "pong");
  await pong.printed(/Ready/);
  const run = await nm("pkt-gen", "-i", `${name}{1`, "-f", "ping", "-n", "10", "-R", "100", "--json").ended;
  for (const other of [pong, link]) other.signal("SIGINT");
  assert.equal(run.status, 0, run.stderr);
  const { min } = summaryOf(run).rtt_ns as { min: number };
  assert.ok(min >= 40_000_000, `${min}`);
  await Promise.all([pong.ended, link.ended]);
});

test("a monitor of a port of the kernel sees what the port sends", async (t) => {
  const { nm } = kernelFor(t);
  const vale = freshName("vale");
  const sender = nm("pkt-gen", "-i", `${vale}:a`, "-f", "tx", "-R", "2k", "--duration", "60s");
  await sender.printed(/Ready/);
  const monitor = await nm("pkt-gen", "-i", `${vale}:a/t`, "-f", "rx", "-n", "500", "--json").ended;
  assert.equal(monitor.status, 0, monitor.stderr);
  assert.ok((summaryOf(monitor).packets as number) >= 500);
  sender.signal("SIGINT");
  await sender.ended;
});

test("doctor says that the kernel serves, and what it knows of a port there", async (t) => {
  const { nm } = kernelFor(t);
  const run = await nm("doctor", "--json").ended;
  const lines = jsonLines(run.stdout);
  const found = lines.find((line) => line.check === "kernel_module");
  assert.match(found?.says as string, /^the kernel's netmap.* serves ports/, run.stdout);
});

test("vale-ctl lists, makes, attaches, polls and takes away ports of the kernel", async (t) => {
  const { nm } = kernelFor(t);
  const ctl = async (...words: string[]) => {
    const run = await nm("vale-ctl", ...words).ended;
    assert.equal(run.status, 0, `${words.join(" ")}: ${run.stderr}`);
    return run.stdout;
  };
  const [vale, port] = [freshName("vale"), freshName("p")];
  const holder = nm("pkt-gen", "-i", `${vale}:a`, "-f", "rx");
  await holder.printed(/Ready/);
  assert.match(
    await ctl("-v", "create", port, "--config", "256,512"),
    /tx_slots: {3}256\nrx_slots: {3}512\n/,
  );
  assert.match(await ctl("-v", "attach", `${vale}:${port}`), /^port_index: 1\n/);

  assert.match(await ctl(), new RegExp(`^${vale}:a bridge_idx \\d+ port_idx 0$`, "m"));
  assert.match(await ctl("list"), new RegExp(`^${vale}, 2 ports\n`, "m"));
  assert.match(await ctl("list", vale), /does not tell who has its ports open/);
  const [listed] = jsonLines(await ctl("list", vale, "--json"));
  const ports = listed?.ports as { sent: unknown }[] | undefined;
  assert.deepEqual(
    ports?.map(({ sent }) => sent),
    [null, null],
  );
  assert.match(await ctl("-l", `${vale}:${port}`), /^bridge_idx: \d+\nport_idx: {3}1\n/);
  assert.match(await ctl("-l", `${vale}:none`), /^port_idx: {3}255\n/m);
  assert.match(await ctl("info", `${vale}:a`), /^rx_rings {4}1$/m);

  await ctl("detach", `${vale}:${port}`);
  await ctl("destroy", port);
  for (const words of [
    ["set", `${vale}:a`, "--rate", "1kpps"],
    ["macs", vale],
    ["stats", vale],
  ]) {
    const run = await nm("vale-ctl", ...words).ended;
    assert.equal(run.status, 1, words.join(" "));
    assert.match(run.stderr, /^nm vale-ctl: Cannot do this with switches of the kernel module/);
  }
  const ephemeral = await nm("vale-ctl", "detach", `${vale}:a`).ended;
  assert.equal(ephemeral.status, 1);
  assert.match(ephemeral.stderr, /^nm vale-ctl: Cannot detach/);
  holder.signal("SIGINT");
  await holder.ended;
  assert.equal((await nm("vale-ctl", "list", vale).ended).status, 1);
});
