/** What a load balancer makes of captures, judged by tshark: each flow has one consumer, whatever way its packets go. */

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { readRecording } from "../lib/index.js";
import { captureFile } from "./capture-file.js";
import { freshNamespace } from "./namespace.js";
import { jsonLines, type Line } from "./schema.js";
import { starting } from "./started.js";
import { makeTraffic, randomFrom } from "./traffic.js";
import { tsharkRows, withoutTshark } from "./tshark.js";

const consumers = 4;

/** A packet as tshark sees it. What it cannot tell of it is undefined. */
interface Seen {
  /** Protocol, addresses and ports of the innermost packet, in an order that both directions share. */
  readonly flow: string | undefined;
  /** Of a fragment: what its datagram is known by, and whether it is the first. */
  readonly datagram: string | undefined;
  readonly first: boolean;
}

const carriers = ["eth", "ethertype", "vlan", "ieee8021ad", "gre", "vxlan"];
const fields = [
  "frame.protocols",
  ...["ip.src", "ip.dst", "ip.id", "ip.flags.mf", "ip.frag_offset"],
  ...["ipv6.src", "ipv6.dst", "ipv6.fraghdr.ident", "ipv6.fraghdr.offset"],
  ...["tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"],
];

async function packetsOf(path: string): Promise<Seen[]> {
  const rows = await tsharkRows(path, ["ip.defragment:FALSE", "ipv6.defragment:FALSE"], fields);
  return rows.map((row) => seenOf(new Map(fields.map((field, i) => [field, row[i] ?? ""]))));
}

/** Goes through a packet's layers, outermost first, as far as a load balancer looks. */
function seenOf(row: ReadonlyMap<string, string>): Seen {
  const values = new Map(fields.map((field) => [field, (row.get(field) ?? "").split(",")]));
  const next = (field: string) => values.get(field)?.shift() ?? "";
  const both = (protocol: string) => [next(`${protocol}.src`), next(`${protocol}.dst`)];
  let addresses: string[] = [];
  let ports: string[] = [];
  let datagram: string | undefined;
  let first = false;
  let known = false;
  const layers = (row.get("frame.protocols") ?? "").split(":");
  for (const [i, layer] of layers.entries()) {
    if (layer === "ip" || layer === "ipv6") {
      addresses = both(layer);
      ports = [];
      known = true;
    }
    if (layer === "ip") {
      const [id, more, offset] = [next("ip.id"), next("ip.flags.mf"), Number(next("ip.frag_offset"))];
      const fragment = ["1", "True"].includes(more) || offset > 0;
      datagram = fragment ? `${addresses} ${id}` : undefined;
      first = offset === 0;
    } else if (layer === "ipv6.fraghdr") {
      datagram = `${addresses} ${next("ipv6.fraghdr.ident")}`;
      first = Number(next("ipv6.fraghdr.offset")) === 0;
    } else if (layer === "tcp" || layer === "udp") {
      ports = [next(`${layer}.srcport`), next(`${layer}.dstport`)];
      if (layers[i + 1] !== "vxlan") break;
    } else if (!carriers.includes(layer) && !layer.startsWith("ip")) {
      // Of what else has ports nothing is claimed.
      known &&= layer.startsWith("icmp");
      break;
    }
  }
  const ends = addresses.map((address, i) => `${address}:${ports[i] ?? ""}`).sort();
  const tells = known && (datagram === undefined || (first && ports.length > 0));
  return { flow: tells ? ends.join(" ") : undefined, datagram, first };
}

/** Packets in captures that are being written, as far as can be told: one may end within a packet. */
function inFiles(files: readonly string[]): number {
  try {
    return files.reduce((sum, file) => sum + readRecording(file).packets, 0);
  } catch {
    return 0;
  }
}

/** What nmreplay read, and what of it has no bytes or more than a ring takes. */
interface Replayed {
  readonly read: number;
  readonly empty: number;
  readonly too_long: number;
}

/** Replays a capture through `nm lb` to consumers that keep what they get, each in a file. */
async function balance(t: TestContext, capture: string) {
  const namespace = freshNamespace(t);
  const start = starting(namespace);
  const balancer = start("lb", "-i", "in}1", "-p", `web:${consumers}`, "--json");
  await balancer.printed(/"report"/);
  const files = Array.from({ length: consumers }, (_, i) => `${namespace}/${i}.pcap`);
  const dumps = files.map((file, i) => start("dump", "-i", `web}${i}`, "-w", file, "--json"));
  for (const i of files.keys())
    await balancer.printed(new RegExp(`"port":"netmap:web\\}${i}","pid":\\d+,"state":"opened"`));
  const replay = await start("nmreplay", "-f", capture, "-i", "in{1", "--pps", "20000", "--json").ended;
  assert.equal(replay.status, 0, replay.stderr);
  balancer.signal("SIGINT");
  const run = await balancer.ended;
  assert.equal(run.status, 0, run.stderr);
  const { packets, drops } = jsonLines(run.stdout).at(-1) as Line & { packets: number; drops: object };
  const dropped = Object.values(drops).reduce((sum: number, count) => sum + count, 0);
  // What was on its way to them is taken, if it takes them long.
  for (let round = 0; inFiles(files) < packets - dropped && round < 500; round++)
    await new Promise((done) => setTimeout(done, 10));
  for (const dump of dumps) dump.signal("SIGINT");
  for (const dump of dumps) assert.equal((await dump.ended).status, 0);
  const { capture: replayed } = jsonLines(replay.stdout).at(-1) as Line & { capture: Replayed };
  return { packets, dropped, replayed, taken: await Promise.all(files.map(packetsOf)) };
}

/** Every packet is in one file or was counted as dropped; no flow is in two, and no datagram. */
async function check(t: TestContext, capture: string): Promise<void> {
  const sent = await packetsOf(capture);
  const { packets, dropped, replayed, taken } = await balance(t, capture);
  assert.equal(replayed.read, sent.length);
  assert.equal(packets, replayed.read - replayed.empty - replayed.too_long);
  assert.equal(taken.flat().length + dropped, packets);

  // A fragment that comes before the first of its datagram goes by its addresses.
  const begun = new Map<string, boolean>();
  for (const { datagram, first } of sent)
    if (datagram !== undefined && !begun.has(datagram)) begun.set(datagram, first);
  const homes = new Map<string, Set<number>>();
  for (const [consumer, seen] of taken.entries())
    for (const { flow, datagram } of seen)
      for (const key of [flow, datagram && begun.get(datagram) ? datagram : undefined])
        if (key !== undefined) homes.set(key, (homes.get(key) ?? new Set()).add(consumer));
  const split = [...homes].filter(([, where]) => where.size > 1).map(([key, where]) => [key, ...where]);
  assert.deepEqual(split, []);
  t.diagnostic(`${sent.length} packets, ${homes.size} flows and datagrams, ${dropped} dropped`);
  t.diagnostic(`packets of the consumers: ${taken.map((seen) => seen.length)}`);
}

const big = (value: number) => [value >> 8, value & 0xff];

/** An IPv4 packet from and to any of ten hosts, with this inside. */
function ipv4(protocol: number, below: (limit: number) => number, inside: Buffer): Buffer {
  const hosts = [172, 16, 0, below(10), 172, 16, 1, below(10)];
  return Buffer.from([
    0x45,
    0,
    ...big(20 + inside.length),
    0,
    0,
    0,
    0,
    64,
    protocol,
    0,
    0,
    ...hosts,
    ...inside,
  ]);
}

function ethernet(type: number, inside: Buffer): Buffer {
  const frame = Buffer.from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...big(type), ...inside]);
  return Buffer.concat([frame, Buffer.alloc(Math.max(0, 60 - frame.length))]);
}

/** What is behind the MAC addresses and tags of a frame. */
function network(frame: Buffer): { type: number; packet: Buffer } {
  const at = frame.readUInt16BE(12) === 0x8100 ? 16 : 12;
  return { type: frame.readUInt16BE(at), packet: frame.subarray(at + 2) };
}

/** A frame in a tunnel whose ends have nothing to do with it, each time others. */
function tunnelled(frame: Buffer, below: (limit: number) => number): Buffer {
  const { type, packet } = network(frame);
  switch (below(6)) {
    case 0: {
      const vxlan = Buffer.from([8, 0, 0, 0, 0, 0, below(250), 0, ...frame]);
      const udp = [...big(20000 + below(10000)), ...big(4789), ...big(8 + vxlan.length), 0, 0, ...vxlan];
      return ethernet(0x0800, ipv4(17, below, Buffer.from(udp)));
    }
    case 1:
      return ethernet(0x0800, ipv4(47, below, Buffer.from([0, 0, ...big(type), ...packet])));
    case 2:
      return ethernet(0x0800, ipv4(47, below, Buffer.from([0x20, 0, ...big(type), 0, 0, 0, 7, ...packet])));
    case 3:
      return ethernet(0x0800, ipv4(type === 0x0800 ? 4 : 41, below, packet));
    case 4:
      return ethernet(
        0x88a8,
        Buffer.from([...big(below(100)), ...big(0x8100), 0, 5, ...big(type), ...packet]),
      );
    default:
      return frame;
  }
}

/** An IPv4 packet in parts of 8 to 400 bytes, in order. */
function fragments(frame: Buffer, id: number, below: (limit: number) => number): Buffer[] {
  const { type, packet } = network(frame);
  const payload = packet.subarray(20, packet.readUInt16BE(2));
  if (type !== 0x0800 || payload.length < 64) return [frame];
  const parts: Buffer[] = [];
  for (let at = 0, size = 0; at < payload.length; at += size) {
    size = at === 0 ? 24 : 8 * (1 + below(50));
    const part = payload.subarray(at, at + size);
    const header = Buffer.from(packet.subarray(0, 20));
    header.writeUInt16BE(20 + part.length, 2);
    header.writeUInt16BE(id & 0xffff, 4);
    header.writeUInt16BE((at + size < payload.length ? 0x2000 : 0) | (at / 8), 6);
    parts.push(ethernet(0x0800, Buffer.concat([header, part])));
  }
  return parts;
}

test("both directions of conversations meet at one consumer, in whatever tunnels, whole or in fragments", {
  skip: withoutTshark,
}, async (t) => {
  const seed = Number(process.env.NM_SEED ?? Date.now() % 1_000_000_007);
  t.diagnostic(`NM_SEED=${seed}`);
  const random = randomFrom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const isIp = (frame: Buffer) => [0x0800, 0x86dd].includes(network(frame).type);
  const frames = makeTraffic({ packets: 3000, seed }).flatMap(({ bytes }, i) => {
    if (!isIp(bytes)) return [bytes];
    return below(4) === 0 ? fragments(bytes, i, below) : [tunnelled(bytes, below)];
  });
  await check(t, captureFile(t, frames));
});

test("conversations that were captured elsewhere meet at one consumer", {
  skip: withoutTshark,
}, async (t) => {
  // A mail server's, which comes with pcap-parser; and those of Ethernet that NM_CAPTURES lists, as PATH does.
  const smtp = join(dirname(createRequire(import.meta.url).resolve("pcap-parser")), "../test/smtp.pcap");
  const more = process.env.NM_CAPTURES?.split(delimiter) ?? [];
  for (const capture of [smtp, ...more]) await check(t, capture);
});
