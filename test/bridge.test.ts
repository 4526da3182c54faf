/** Bridges between ports of the engine, run as a user runs them. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { compileFilter } from "../lib/filter.js";
import { readRecording } from "../lib/index.js";
import { freshNamespace } from "./namespace.js";
import { nm, nmWith, type Run } from "./run.js";
import { jsonLines, type Line } from "./schema.js";
import { type Started, starting } from "./started.js";

interface DirectionLine {
  readonly from: string;
  readonly to: string;
  readonly packets: number;
  readonly bytes: number;
  readonly copied_bytes: number;
  readonly mirrored: number;
  readonly captured: number;
  readonly capture_drops_full: number;
  readonly drops: Readonly<Record<string, number>>;
}

const intact = { lost: 0, reordered: 0, duplicated: 0, corrupt: 0, unmarked: 0 };

/** Why tests of filters are skipped, where there is no libpcap. */
const withoutLibpcap = (() => {
  try {
    return void compileFilter("udp");
  } catch {
    return "libpcap is not installed (Debian: libpcap0.8)";
  }
})();

/** A bridge that reports to programs, once it runs. */
async function bridging(t: TestContext, ...words: string[]) {
  const namespace = freshNamespace(t);
  const bridge = starting(namespace)("bridge", "--json", "--stats", "0.1", ...words);
  await bridge.printed(/"report"/);
  return { namespace, bridge, nm: (...more: string[]) => nmWith({ env: { NM_DIR: namespace } }, ...more) };
}

function summaryOf(run: Run): Line & { readonly directions: readonly DirectionLine[] } {
  const summary = jsonLines(run.stdout).at(-1);
  assert.equal(summary?.type, "summary", run.stdout + run.stderr);
  return summary as Line & { readonly directions: readonly DirectionLine[] };
}

/** Sends marked packets into one port while another verifies them; gives both summaries. */
async function crossing(namespace: string, from: string, to: string, count: number, ...words: string[]) {
  const start = starting(namespace);
  const receiver = start("pkt-gen", "-i", to, "-f", "rx", "-n", `${count}`, "--verify", "--json");
  const sender = start("pkt-gen", "-i", from, "-f", "tx", "-n", `${count}`, "--mark", "--json", ...words);
  const [sent, received] = await Promise.all([sender.ended, receiver.ended]);
  assert.deepEqual([sent.status, received.status], [0, 0], sent.stderr + received.stderr);
  return { tx: summaryOf(sent), rx: summaryOf(received) };
}

/** Stops a bridge; gives its summary. */
async function stopped(bridge: Started) {
  bridge.signal("SIGINT");
  const run = await bridge.ended;
  assert.equal(run.status, 0, run.stderr);
  return summaryOf(run);
}

test("between two pipes of one parent both directions cross whole and in order, and nothing is copied", async (t) => {
  const { namespace, bridge } = await bridging(t, "-i", "p{1", "-i", "p{2");
  await Promise.all([
    crossing(namespace, "p}1/T", "p}2/R", 300_000, "-l", "200"),
    crossing(namespace, "p}2/T", "p}1/R", 200_000),
  ]);
  const { directions, packets, drops } = await stopped(bridge);
  assert.deepEqual([packets, drops], [500_000, {}]);
  assert.deepEqual(
    directions.map(({ from, to, packets, bytes, copied_bytes }) => [from, to, packets, bytes, copied_bytes]),
    [
      ["netmap:p{1", "netmap:p{2", 300_000, 60_000_000, 0],
      ["netmap:p{2", "netmap:p{1", 200_000, 12_000_000, 0],
    ],
  );
});

test("between pipes of two parents, or with -c, bytes are copied and counted", async (t) => {
  for (const words of [["a{1<->b{1"], ["-c", "a{1", "a{2"]]) {
    const { namespace, bridge } = await bridging(t, ...words);
    await crossing(namespace, "a}1", words.length === 1 ? "b}1" : "a}2", 50_000);
    const [there, back] = (await stopped(bridge)).directions;
    assert.deepEqual([there?.packets, there?.copied_bytes, back?.copied_bytes], [50_000, 3_000_000, 0]);
  }
});

test("from a switch through a pipe every packet is received or counted", async (t) => {
  const { namespace, bridge, nm } = await bridging(t, "vale0:b->p{1");
  const receiver = starting(namespace)("pkt-gen", "-i", "p}1", "-f", "rx", "--json", "-T", "100");
  await receiver.printed(/"report"/);
  const sent = await nm("pkt-gen", "-i", "vale0:a", "-f", "tx", "-n", "300k", "--json");
  assert.equal(sent.status, 0, sent.stderr);
  const { directions, ports } = await stopped(bridge);
  receiver.signal("SIGINT");
  const received = summaryOf(await receiver.ended).packets as number;
  const full = (ports as unknown as { port: string; drops: { full?: number } }[])
    .filter(({ port }) => port === "vale0:b")
    .reduce((sum, { drops }) => sum + (drops.full ?? 0), 0);
  // The bridge's receiver may still have had some in its ring when the bridge ended.
  assert.equal(directions[0]?.packets, received);
  assert.ok(received + full <= 300_000 && received + full > 300_000 - 1024, `${received} + ${full}`);
});

test("a filter is for every direction, or for the one that stands before it", async (t) => {
  if (withoutLibpcap) return t.skip(withoutLibpcap);
  const words = ["a{1<->a{2", "--filter", "udp", "--filter", "a{2->a{1: tcp"];
  const { namespace, bridge, nm } = await bridging(t, ...words);
  await crossing(namespace, "a}1", "a}2", 1000);
  await nm("pkt-gen", "-i", "a}2", "-f", "tx", "-n", "500");
  const { directions } = await stopped(bridge);
  assert.deepEqual(
    directions.map(({ packets, drops }) => [packets, drops]),
    [
      [1000, {}],
      [0, { filtered: 500 }],
    ],
  );
});

test("--drop loses every Nth packet, and tells it apart from other losses", async (t) => {
  const { namespace, bridge, nm } = await bridging(t, "a{1->a{2", "--drop", "10");
  const receiver = starting(namespace)("pkt-gen", "-i", "a}2", "-f", "rx", "-n", "900", "--verify");
  await nm("pkt-gen", "-i", "a}1", "-f", "tx", "-n", "1000", "--mark");
  const received = await receiver.ended;
  assert.match(received.stdout, /^Verified 900 packets: (99|100) lost, 0 reordered/m);
  const { drops } = await stopped(bridge);
  assert.deepEqual(drops, { loss: 100 });
});

test("--loss and --delay are models, for all directions or for one, and repeat with a seed", async (t) => {
  const losses = await Promise.all(
    [1, 2].map(async () => {
      const words = ["a{1<->a{2", "--loss", "a{1->a{2: 0.2", "--delay", "5ms", "--seed", "7"];
      const { namespace, bridge, nm } = await bridging(t, ...words);
      const receiver = starting(namespace)("pkt-gen", "-i", "a}2", "-f", "rx", "-T", "100", "--json");
      await receiver.printed(/"report"/);
      await nm("pkt-gen", "-i", "a}1", "-f", "tx", "-n", "2000");
      const { directions } = await stopped(bridge);
      receiver.signal("SIGINT");
      const { packets = 0, drops = {} } = directions[0] ?? {};
      const undelivered = drops.undelivered ?? 0;
      assert.equal(summaryOf(await receiver.ended).packets, packets);
      assert.equal(packets + undelivered + (drops.loss ?? 0), 2000);
      return drops.loss ?? 0;
    }),
  );
  assert.ok((losses[0] ?? 0) > 300 && (losses[0] ?? 0) < 500, `${losses}`);
  assert.equal(losses[0], losses[1]);
});

test("--rate lets so many packets pass in a second, and the rest waits", async (t) => {
  const { namespace, bridge } = await bridging(t, "a{1->a{2", "--rate", "2k");
  await crossing(namespace, "a}1", "a}2", 1000);
  const { drops, seconds } = await stopped(bridge);
  // From the first packet to the last, less the 2 ms that may be caught up. Late is only ever longer.
  assert.ok((seconds as number) >= 0.4975, `${seconds}`);
  assert.deepEqual(drops, {});
});

test("--capture writes what passes in both directions, in files that rotate", async (t) => {
  const directory = freshNamespace(t);
  const words = ["a{1<->a{2", "--capture", `${directory}/passed.pcapng`, "--rotate-packets", "300"];
  const { namespace, bridge } = await bridging(t, ...words);
  await Promise.all([
    crossing(namespace, "a}1/T", "a}2/R", 500, "-l", "100"),
    crossing(namespace, "a}2/T", "a}1/R", 300),
  ]);
  const { directions } = await stopped(bridge);
  assert.deepEqual(
    directions.map(({ captured, capture_drops_full }) => [captured, capture_drops_full]),
    [
      [500, 0],
      [300, 0],
    ],
  );
  const files = readdirSync(directory).filter((name) => name.startsWith("passed"));
  assert.deepEqual(files.sort(), ["passed_00001.pcapng", "passed_00002.pcapng", "passed_00003.pcapng"]);
  const packets = files.map((name) => readRecording(`${directory}/${name}`).packets);
  assert.deepEqual(packets, [300, 300, 200]);
});

test("--mirror gives a copy of all that passes, both ways, to one more port", async (t) => {
  const { namespace, bridge, nm } = await bridging(t, "a{1<->a{2", "--mirror", "m{1");
  const watcher = starting(namespace)("pkt-gen", "-i", "m}1", "-f", "rx", "-n", "800", "--json");
  await Promise.all([
    crossing(namespace, "a}1/T", "a}2/R", 500, "-R", "5k"),
    crossing(namespace, "a}2/T", "a}1/R", 300, "-R", "5k"),
  ]);
  assert.equal(summaryOf(await watcher.ended).packets, 800);
  assert.equal((await nm("port", "a{1")).status, 0);
  const { directions } = await stopped(bridge);
  assert.deepEqual(
    directions.map(({ mirrored }) => mirrored),
    [500, 300],
  );
});

test("-L sends back what arrives at one port", async (t) => {
  const { bridge, nm } = await bridging(t, "-L", "-i", "a{1");
  const words = ["-i", "a}1", "-f", "tx", "-n", "1023"];
  assert.equal((await nm("pkt-gen", ...words)).status, 0);
  const back = await nm("pkt-gen", "-i", "a}1", "-f", "rx", "-n", "1023", "--json");
  assert.equal(summaryOf(back).packets, 1023);
  const { directions } = await stopped(bridge);
  assert.deepEqual([directions.length, directions[0]?.packets, directions[0]?.copied_bytes], [1, 1023, 0]);
});

test("threads share the rings of two ports, and each ring's packets stay in order", async (t) => {
  const rings = "@conf:rings=2";
  const { namespace, bridge } = await bridging(t, `p{1${rings}`, `p{2${rings}`, "--threads", "2");
  const start = starting(namespace);
  const receiver = start("pkt-gen", "-i", "p}2", "-f", "rx", "-n", "200k", "--verify", "--json");
  const sender = start("pkt-gen", "-i", "p}1", "-f", "tx", "-n", "200k", "--mark", "-p", "2");
  assert.equal((await sender.ended).status, 0);
  const received = await receiver.ended;
  assert.equal(received.status, 0, received.stderr);
  assert.deepEqual(summaryOf(received).verify, intact);
  assert.equal((await stopped(bridge)).packets, 200_000);
});

test("a bridge tells people in netmap's lines what it joins, and in a table what passed", async (t) => {
  const namespace = freshNamespace(t);
  const bridge = starting(namespace)("bridge", "-i", "p{1", "-i", "p{2", "-w", "0.1");
  await bridge.printed(/Ready to go/);
  await crossing(namespace, "p}1", "p}2", 1234);
  bridge.signal("SIGINT");
  const { status, stdout, stderr } = await bridge.ended;
  assert.equal(status, 0);
  const lines = stderr
    .split("\n")
    .map((line) => line.replace(/^\d{3}\.\d{6} main_thread \[\d+\] /, ""))
    // A machine so busy that nothing came for 3 s is told so.
    .filter((line) => !line.startsWith("Nothing has arrived"));
  assert.deepEqual(lines, [
    "------- zerocopy supported",
    "Wait 0.1 secs for link to come up...",
    "Ready to go, netmap:p{1 0x0/1 <-> netmap:p{2 0x0/1.",
    "",
  ]);
  const [heading = "", there = "", back = ""] = stdout.split("\n");
  assert.match(heading, /^from +to +packets +bytes +Mpps +bytes copied +dropped$/);
  assert.match(there, /^netmap:p\{1 +netmap:p\{2 +1,234 +74,040 +\d+\.\d{3} +0 +0$/);
  assert.match(back, /^netmap:p\{2 +netmap:p\{1 +0 +0 +0\.000 +0 +0$/);
});

test("a bridge ends by itself after --duration", async (t) => {
  const { bridge } = await bridging(t, "p{1", "p{2", "--duration", "300ms");
  assert.equal((await bridge.ended).status, 0);
});

test("a bridge whose command line is wrong says what it expected, and opens nothing", async () => {
  for (const [words, message] of [
    [[], /^nm bridge: Cannot run bridge: there is no port to bridge$/m],
    [["vale0:a"], /Cannot bridge port "vale0:a" with its host stack: only a network interface has one/],
    [["-i", "a", "-i", "b", "-i", "c"], /Cannot bridge 3 ports: expected two/],
    [["a{1", "a{2", "9000"], /Cannot read --burst "9000": expected a whole number from 1 to 8192/],
    [["a{1->"], /Cannot read patch "a\{1->": a port is missing after ->/],
    [["a{1<->b{1<->c{1"], /it has more than one <->/],
    [["a{1->b{1", "a{1->c{1"], /Cannot send what arrives at "netmap:a\{1" to two ports: it leaves by one/],
    [["a{1->b{1", "c{1"], /Cannot read "c\{1" beside a patch/],
    [["a{1", "b{1", "--rate", "1x"], /Cannot read --rate "1x": expected packets a second/],
    [["a{1", "b{1", "--loss", "2"], /Cannot read --loss "2": found "2", expected a probability from 0 to 1/],
    [["a{1", "b{1", "--rate", "1k", "--threads", "2"], /Cannot use --rate with --threads/],
    [["a{1", "b{1", "--capture", "-"], /Cannot use --capture with -/],
    [["a{1", "b{1", "--keep", "3"], /Cannot use --rotate-... and --keep with no --capture/],
    [["a{1", "b{1", "--drop", "0"], /Cannot read --drop "0": expected a whole number of at least 1/],
    [["a{1", "b{1", "--drop", "a{1->c{1: 5"], /the bridge has no direction netmap:a\{1 -> netmap:c\{1/],
    [
      ["a{1", "b{1", "--mirror", "b{1"],
      /Cannot use --mirror with netmap:b\{1: it is a port of the bridge already/,
    ],
    [["a{1", "b{1", "--threads", "2"], /each needs a ring of its own, and it has 1/],
    [
      ["a{1@conf:rings=2", "b{1", "--threads", "2"],
      /"netmap:a\{1@conf:rings=2" has 2 and "netmap:b\{1" has 1/,
    ],
  ] as const) {
    const { status, stdout, stderr } = await nm("bridge", ...words);
    assert.match(stderr, message, words.join(" "));
    assert.deepEqual([status, stdout], [2, ""], words.join(" "));
  }
});
