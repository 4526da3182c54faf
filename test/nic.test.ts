/** Network interfaces as ports: programs on them, and what the hosts at both ends notice. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { cableOf, type Host, kernelCounter, noInterfaces as skip, transfer } from "./cable.js";
import { jsonLine } from "./schema.js";
import type { Started } from "./started.js";

const megabyte = 1 << 20;

/** Pings three times, and transfers by TCP in both directions; no checksum may have been wrong. */
async function talk(a: Host, b: Host): Promise<void> {
  const ping = await a.run("ping", "-c", "3", "-i", "0.2", "-W", "5", b.address);
  assert.match(ping.stdout, /3 received/);
  await transfer(a, b, 4 * megabyte);
  await transfer(b, a, 4 * megabyte);
  for (const host of [a, b]) assert.equal(await kernelCounter(host, "Tcp", "InCsumErrors"), 0);
}

function summaryOf(stdout: string) {
  return jsonLine(stdout.trimEnd().split("\n").at(-1) ?? "");
}

/** What a bridge did not pass on. */
async function lossOf(bridge: Started): Promise<number> {
  bridge.signal("SIGINT");
  const { stdout, status, stderr } = await bridge.ended;
  assert.equal(status, 0, stderr);
  const { directions } = summaryOf(stdout) as unknown as {
    directions: { drops: Record<string, number>; to: string; packets: number }[];
  };
  return directions.flatMap(({ drops }) => Object.values(drops)).reduce((sum, drops) => sum + drops, 0);
}

test("pkt-gen sends on an interface and receives on the one at the other end, and counts what the kernel counts", {
  skip,
}, async (t) => {
  const { a, b } = await cableOf(t);
  const before = await received(b);
  const receiver = b.start("pkt-gen", "-i", b.interface, "-f", "rx", "-w", "0", "--idle", "--json");
  await receiver.printed(/"report"/);
  const words = ["-f", "tx", "-n", "20000", "-R", "100k", "-w", "0", "-l", "300", "--mark", "--json"];
  const sender = await a.start("pkt-gen", "-i", a.interface, ...words).ended;
  assert.equal(sender.status, 0, sender.stderr);
  const sent = summaryOf(sender.stdout);
  assert.deepEqual([sent.packets, sent.bytes, sent.driver], [20_000, 6_000_000, sent.driver]);
  assert.match(String(sent.driver), /^(af|xdp)-/);
  const { stdout } = await receiver.ended;
  const arrived = summaryOf(stdout) as unknown as { packets: number; drops: Record<string, number> };
  const dropped = Object.values(arrived.drops).reduce((sum, drops) => sum + drops, 0);
  assert.equal(arrived.packets + dropped, 20_000);
  assert.equal((await received(b)) - before, 20_000);
});

async function received(host: Host): Promise<number> {
  const { stdout } = await host.run("cat", `/sys/class/net/${host.interface}/statistics/rx_packets`);
  return Number(stdout);
}

test("a host talks through its host rings and a bridge as if nothing was between", { skip }, async (t) => {
  const { a, b } = await cableOf(t);
  const bridge = a.start("bridge", "-i", a.interface, "-w", "0", "--json");
  await bridge.printed(/"report"/);
  await talk(a, b);
  assert.equal(await lossOf(bridge), 0);
  await talk(a, b);
});

test("a host talks through its host rings, a switch and the interface", { skip }, async (t) => {
  const { a, b } = await cableOf(t);
  const patches = [`${a.interface}^<->vale0:host`, `vale0:wire<->${a.interface}`];
  const bridge = a.start("bridge", ...patches, "-w", "0", "--json");
  await bridge.printed(/"report"/);
  await talk(a, b);
  bridge.signal("SIGINT");
  await bridge.ended;
});

test("two hosts talk through a bridge between two interfaces", { skip }, async (t) => {
  const { a, b, middle, otherMiddle } = await cableOf(t, ["--middle"]);
  const bridge = middle.start("bridge", middle.interface, otherMiddle, "-w", "0", "--json");
  await bridge.printed(/"report"/);
  await talk(a, b);
  assert.equal(await lossOf(bridge), 0);
});

test("jumbo frames pass a bridge whole", { skip }, async (t) => {
  const { a, b, middle, otherMiddle } = await cableOf(t, ["--middle", "--mtu", "9000"]);
  const bridge = middle.start("bridge", middle.interface, otherMiddle, "-w", "0", "--json");
  await bridge.printed(/"report"/);
  const ping = await a.run("ping", "-c", "3", "-i", "0.2", "-W", "5", "-M", "do", "-s", "8972", b.address);
  assert.match(ping.stdout, /3 received/);
  await transfer(a, b, 8 * megabyte);
  assert.equal(await lossOf(bridge), 0);
});

test("a program that is killed leaves an interface as it was", { skip }, async (t) => {
  const { a, b } = await cableOf(t);
  const bridge = a.start("bridge", "-i", a.interface, "-w", "0", "--json");
  await bridge.printed(/"report"/);
  bridge.signal("SIGKILL");
  await bridge.ended;
  const ping = await a.run("ping", "-c", "1", "-W", "5", b.address);
  assert.match(ping.stdout, /1 received/);
  const { stdout } = await a.run("ip", "-d", "link");
  assert.doesNotMatch(stdout, /promiscuity [1-9]/);
  const interfaces = [...stdout.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name]) => name);
  assert.deepEqual(interfaces, ["lo", a.interface]);
});

test("without the capability, an interface is refused in one line that says how to get it", {
  skip,
}, async (t) => {
  const { a } = await cableOf(t);
  const words = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw", process.execPath];
  const program = new URL("../bin/nm.js", import.meta.url).pathname;
  const run = await a.run(...words, program, "pkt-gen", "-i", a.interface, "-f", "rx", "--json");
  assert.equal(run.status, 1);
  const error = jsonLine(run.stdout);
  assert.equal(error.code, "INTERFACE_NOT_PERMITTED");
  assert.match(String(error.hint), /setcap/);
});
