/** Load balancers: what consumers get, how they come and go, and what is told of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPort, type Port } from "../lib/index.js";
import { freshNamespace } from "./namespace.js";
import { nm, type Run } from "./run.js";
import { jsonLines, type Line } from "./schema.js";
import { starting } from "./started.js";

interface Output {
  readonly consumer: string;
  readonly packets: number;
  readonly pid: number | null;
  readonly drops: { readonly full?: number };
}

type Summary = Line & { readonly outputs: readonly Output[]; readonly forwarded: number };

function summaryOf(run: Run): Summary {
  const summary = jsonLines(run.stdout).at(-1);
  assert.equal(summary?.type, "summary", run.stdout + run.stderr);
  return summary as Summary;
}

/** Sources of the packets that have come, as the last byte of their address and the port. */
function take(port: Port): string[] {
  const sources: string[] = [];
  port.sync();
  port.rx.drain((bytes) => {
    sources.push(`${bytes[29]}:${((bytes[34] ?? 0) << 8) | (bytes[35] ?? 0)}`);
  });
  port.sync();
  return sources;
}

test("packets of a pipe are spread over others by flow, and each consumer is told", async (t) => {
  const namespace = freshNamespace(t);
  const start = starting(namespace);
  const balancer = start("lb", "-i", "in}1", "-p", "web:4", "--json");
  await balancer.printed(/"report"/);
  const consumers = [0, 1, 2, 3].map((i) => openPort(`web}${i}`, { namespace }));
  t.after(() => {
    for (const port of consumers) port.close();
  });
  await balancer.printed(/"consumer","port":"netmap:web\}3","pid":\d+,"state":"opened"/);
  // 400 flows of two packets each.
  const range = "10.0.0.1:1000-10.0.0.4:1099";
  const sender = await start("pkt-gen", "-i", "in{1", "-f", "tx", "-n", "800", "-s", range).ended;
  assert.equal(sender.status, 0, sender.stderr);

  const taken = consumers.map(() => [] as string[]);
  for (let round = 0; taken.flat().length < 800 && round < 500; round++) {
    for (const [i, port] of consumers.entries()) taken[i]?.push(...take(port));
    await new Promise((done) => setTimeout(done, 10));
  }
  assert.equal(taken.flat().length, 800);
  // Every flow has one consumer, which got both of its packets.
  assert.equal(
    taken.reduce((sum, sources) => sum + new Set(sources).size, 0),
    400,
  );
  assert.ok(
    taken.every((sources) => sources.length > 120),
    `${taken.map((sources) => sources.length)}`,
  );

  consumers[2]?.close();
  await balancer.printed(/"consumer","port":"netmap:web\}2","pid":\d+,"state":"closed"/);
  balancer.signal("SIGINT");
  const run = await balancer.ended;
  assert.equal(run.status, 0, run.stderr);
  const { packets, forwarded, outputs, drops } = summaryOf(run);
  assert.deepEqual([packets, forwarded, drops], [800, 800, {}]);
  assert.deepEqual(
    outputs.map(({ packets }) => packets),
    taken.map((sources) => sources.length),
  );
  assert.deepEqual(
    outputs.map(({ pid }) => pid),
    [process.pid, process.pid, null, process.pid],
  );
});

test("a consumer that is killed loses its share only, and what it lost is counted", async (t) => {
  const namespace = freshNamespace(t);
  const start = starting(namespace);
  const balancer = start("lb", "-i", "in}1", "-p", "web:2", "--json");
  await balancer.printed(/"report"/);
  const [one, other] = [0, 1].map((i) =>
    start("pkt-gen", "-i", `web}${i}`, "-f", "rx", "--json", "-T", "100"),
  );
  for (const i of [0, 1])
    await balancer.printed(new RegExp(`"port":"netmap:web\\}${i}","pid":\\d+,"state":"opened"`));
  other?.signal("SIGKILL");
  await balancer.printed(/"port":"netmap:web\}1","pid":\d+,"state":"closed"/);
  const range = "10.0.0.1:1000-10.0.0.9:1999";
  const sender = await start("pkt-gen", "-i", "in{1", "-f", "tx", "-n", "10000", "-R", "20k", "-s", range)
    .ended;
  assert.equal(sender.status, 0, sender.stderr);
  balancer.signal("SIGINT");
  const { packets, outputs } = summaryOf(await balancer.ended);
  one?.signal("SIGINT");
  const received = jsonLines((await one?.ended)?.stdout ?? "").at(-1);
  assert.equal(packets, 10000);
  assert.deepEqual(outputs[0]?.drops, {});
  assert.equal(received?.packets, outputs[0]?.packets);
  const lost = outputs[1];
  assert.equal((outputs[0]?.packets ?? 0) + (lost?.packets ?? 0) + (lost?.drops.full ?? 0), 10000);
  // Its ring was filled, and the rest dropped.
  assert.ok((lost?.drops.full ?? 0) > 3000, JSON.stringify(lost));
});

test("-o prints netmap's statistics, key by key", async (t) => {
  const namespace = freshNamespace(t);
  const balancer = starting(namespace)("lb", "-i", "vale0:in", "-p", "2", "-B", "100", "-o", "0.2");
  await balancer.printed(/"output_ring":null/);
  balancer.signal("SIGINT");
  const { status, stdout } = await balancer.ended;
  assert.equal(status, 0);
  const [first = "", second = "", total = ""] = stdout.split("\n");
  const { ts, ...pipe } = JSON.parse(first);
  assert.ok(Math.abs(ts - Date.now() / 1000) < 60, `${ts}`);
  const rates = {
    data_forward_rate_Mbps: 0,
    data_drop_rate_Mbps: 0,
    packet_forward_rate_kpps: 0,
    packet_drop_rate_kpps: 0,
  };
  const counts = { packets_forwarded: 0, packets_dropped: 0 };
  assert.match(pipe.interface, /^vale0:in\{0\/xT@\d+$/);
  const { interface: _, ...others } = pipe;
  assert.deepEqual(others, { output_ring: 0, ...counts, ...rates, overflow_queue_size: 0 });
  assert.equal(JSON.parse(second).output_ring, 1);
  const { ts: __, ...sums } = JSON.parse(total);
  assert.deepEqual(sums, {
    interface: "vale0:in",
    output_ring: null,
    packets_received: 0,
    ...counts,
    non_ip_packets: 0,
    ...rates,
    free_buffer_slots: 100,
  });
  assert.match(stdout, /^0 packets forwarded\. {2}0 packets dropped\. Total 0$/m);
});

test("groups with one prefix have pipes with numbers in a row", async (t) => {
  const namespace = freshNamespace(t);
  const words = ["-i", "vale0:in", "-p", "web:2", "-p", "log:1", "-p", "netmap:web:1", "--duration", "100ms"];
  const { status, stdout } = await starting(namespace)("lb", ...words, "--json").ended;
  assert.equal(status, 0);
  const { outputs } = jsonLines(stdout).at(-1) as Line & { outputs: { consumer: string; group: number }[] };
  assert.deepEqual(
    outputs.map(({ consumer, group }) => [consumer, group]),
    [
      ["netmap:web}0", 0],
      ["netmap:web}1", 0],
      ["netmap:log}0", 1],
      ["netmap:web}2", 2],
    ],
  );
});

test("a pipe that is in other memory already is refused, and so is a command line that is wrong", async (t) => {
  const namespace = freshNamespace(t);
  using _ = openPort("web}0", { namespace });
  const { status, stderr } = await starting(namespace)("lb", "-i", "vale0:in", "-p", "web:2").ended;
  assert.equal(status, 1);
  assert.match(stderr, /Cannot open "netmap:web\{0\/xT@\d+" in the memory of "vale0:in\/R"/);

  for (const [words, message] of [
    [[], /-i PORT is missing/],
    [["-i", "p}1"], /Cannot name pipes after port "netmap:p\}1"/],
    [["-i", "vale0:a", "-p", "web:0"], /"web:0"/],
    [["-i", "vale0:a", "--hash", "x"], /--hash/],
  ] as const) {
    const run = await nm("lb", ...words);
    assert.equal(run.status, 2, run.stderr);
    assert.match(run.stderr, message);
  }
});
