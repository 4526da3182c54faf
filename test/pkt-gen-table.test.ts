/**
 * Every option of netmap's pkt-gen, by its letter: what it does to packets, as tshark decodes them, or to the output.
 * The packets are taken out of the other end of a pipe.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { writeCapture } from "../lib/index.js";
import { options } from "../lib/pkt-gen/options.js";
import { captureFile } from "./capture-file.js";
import { freshNamespace } from "./namespace.js";
import { nmWith, type Run } from "./run.js";
import { jsonLines } from "./schema.js";
import { framesOf, starting } from "./started.js";
import { tsharkFields, withoutTshark } from "./tshark.js";

/** The letters of netmap's pkt-gen but -h, which every command of ours has. */
const letters = "46aAbBcCdDfFHiIlMnNopPrRsSTvwWXzZ";

const fields = [
  "eth.src",
  "eth.dst",
  "frame.len",
  "ip.src",
  "ip.dst",
  "ip.len",
  "ip.checksum.status",
  "ipv6.src",
  "ipv6.dst",
  "ipv6.plen",
  "udp.srcport",
  "udp.dstport",
  "udp.length",
  "udp.checksum.status",
] as const;

type Decoded = Readonly<Record<(typeof fields)[number], string>>;

async function decoded(t: TestContext, frames: readonly Uint8Array[]): Promise<Decoded[]> {
  const path = `${freshNamespace(t)}/sent.pcapng`;
  writeCapture(
    path,
    frames.map((bytes, i) => ({ timeNs: BigInt(i), bytes })),
  );
  const rows = await tsharkFields(path, ...fields);
  return rows.map((row) => Object.fromEntries(fields.map((name, i) => [name, row[i] ?? ""])) as Decoded);
}

async function sent(t: TestContext, words: string): Promise<Decoded[]> {
  const { frames, run } = await framesOf(t, { namespace: freshNamespace(t) }, ...words.split(" "));
  assert.equal(run.status, 0, run.stderr);
  return decoded(t, frames);
}

const good = "1";

/** Of every frame that pkt-gen makes: lengths that fit one another, and right checksums. */
function assertSound(packet: Decoded): void {
  const length = Number(packet["frame.len"]);
  if (packet["ip.src"] !== "") {
    assert.deepEqual([packet["ip.len"], packet["ip.checksum.status"]], [String(length - 14), good]);
    assert.equal(packet["udp.length"], String(length - 34));
  } else {
    assert.equal(packet["ipv6.plen"], String(length - 54));
    assert.equal(packet["udp.length"], String(length - 54));
  }
  assert.equal(packet["udp.checksum.status"], good);
}

/** How often each value occurs. */
function valuesOf(packets: readonly Decoded[], field: keyof Decoded): Map<string, number> {
  const counts = new Map<string, number>();
  for (const packet of packets) counts.set(packet[field], (counts.get(packet[field]) ?? 0) + 1);
  return counts;
}

/** Rows whose effect is in the packets: letters, words, and what tshark must see. */
const packetRows: readonly (readonly [
  letters: string,
  words: string,
  check: (packets: Decoded[]) => void,
])[] = [
  ["4", "-n 2 -4", (packets) => assert.deepEqual([...valuesOf(packets, "ip.src").keys()], ["10.0.0.1"])],
  [
    "6",
    "-n 3 -6",
    (packets) => {
      assert.deepEqual([...valuesOf(packets, "ipv6.src").keys()], ["fd00::1"]);
      assert.deepEqual([...valuesOf(packets, "ipv6.dst").keys()], ["fd00:1::1"]);
    },
  ],
  [
    "sd",
    "-n 12 -s 10.0.0.1:7-10.0.0.2:9 -d 10.9.0.1:53",
    (packets) => {
      const walked = packets.map((packet) => `${packet["ip.src"].slice(-1)}:${packet["udp.srcport"]}`);
      assert.deepEqual(walked.slice(0, 6), ["1:7", "1:8", "1:9", "2:7", "2:8", "2:9"]);
      assert.deepEqual(walked.slice(6), walked.slice(0, 6));
      assert.deepEqual([...valuesOf(packets, "udp.dstport").keys()], ["53"]);
    },
  ],
  [
    "6sd",
    "-n 6 -6 -s [fd00::1]:1-[fd00::3]:2 -d 0@[fd00::9]:5-[fd02::9]:5",
    (packets) => {
      assert.deepEqual(
        packets.map((packet) => `${packet["ipv6.src"]} ${packet["udp.srcport"]}`),
        ["fd00::1 1", "fd00::1 2", "fd00::2 1", "fd00::2 2", "fd00::3 1", "fd00::3 2"],
      );
    },
  ],
  [
    "zZ",
    "-n 200 -z -Z --seed 5",
    (packets) => {
      for (const field of ["ip.src", "ip.dst", "udp.srcport", "udp.dstport"] as const) {
        assert.ok(valuesOf(packets, field).size > 150, field);
      }
    },
  ],
  [
    "SD",
    "-n 1 -S 02:00:00:00:00:0a -D 02:00:00:00:00:0b",
    ([packet]) => {
      assert.deepEqual(
        [packet?.["eth.src"], packet?.["eth.dst"]],
        ["02:00:00:00:00:0a", "02:00:00:00:00:0b"],
      );
    },
  ],
  ["l", "-n 1 -l 1514", ([packet]) => assert.equal(packet?.["frame.len"], "1514")],
  [
    "l",
    "-n 300 -l 1500 -l 64 --seed 5",
    (packets) => {
      const lengths = packets.map((packet) => Number(packet["frame.len"]));
      assert.ok(lengths.every((length) => length >= 64 && length <= 1500));
      assert.ok(new Set(lengths).size > 200);
    },
  ],
  [
    "F",
    "-n 3 -l 100 -F 3",
    (packets) => assert.deepEqual([...valuesOf(packets, "frame.len").keys()], ["100"]),
  ],
  ["FM", "-n 3 -l 300 -F 2 -M 30", (packets) => assert.equal(packets.length, 3)],
  ["f", "-n 3 -f txseq -l 80", (packets) => assert.equal(packets.length, 3)],
  ["b", "-n 1000 -b 3 -s 10.0.0.1:1-10.0.0.9:7", (packets) => assert.equal(packets.length, 1000)],
];

for (const [letter, words, check] of packetRows) {
  test(`-${letter.split("").join(", -")}: ${words}`, { skip: withoutTshark }, async (t) => {
    const packets = await sent(t, words);
    for (const packet of packets) assertSound(packet);
    check(packets);
  });
}

test("-H: the header is not counted among the frame's bytes by its own lengths", {
  skip: withoutTshark,
}, async (t) => {
  const { frames } = await framesOf(t, { namespace: freshNamespace(t) }, "-n", "2", "-H", "12");
  const packets = await decoded(
    t,
    frames.map((bytes) => bytes.subarray(12)),
  );
  for (const packet of packets) assertSound(packet);
});

test("-P: the packets of a file, in turn", { skip: withoutTshark }, async (t) => {
  const made = await framesOf(
    t,
    { namespace: freshNamespace(t) },
    ..."-n 3 -s 10.0.0.1:1-10.0.0.1:3".split(" "),
  );
  const path = captureFile(t, made.frames);
  const packets = await sent(t, `-n 7 -P ${path}`);
  assert.deepEqual(
    packets.map((packet) => packet["udp.srcport"]),
    ["1", "2", "3", "1", "2", "3", "1"],
  );
});

test("-r: buffers go out as they are", async (t) => {
  const { frames } = await framesOf(t, { namespace: freshNamespace(t) }, "-n", "2", "-r", "-l", "100");
  assert.deepEqual(
    frames.map(({ length }) => length),
    [100, 100],
  );
  assert.ok(frames.every((bytes) => bytes.every((byte) => byte === 0)));
});

test("-I: a switch takes packets from the program's memory", { skip: withoutTshark }, async (t) => {
  const namespace = freshNamespace(t);
  const receiver = starting(namespace)("pkt-gen", "-i", "vale1:a", "-n", "3", "-X", "--json");
  await receiver.printed(/"report"/);
  const words = ["-i", "vale1:b", "-f", "tx", "-n", "3", "-I", "-l", "200"];
  const sender = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", ...words);
  assert.equal(sender.status, 0, sender.stderr);
  const lines = jsonLines((await receiver.ended).stdout).filter(({ type }) => type === "packet");
  const frames = lines.map(({ data }) => Buffer.from(String(data), "hex"));
  assert.equal(frames.length, 3);
  assert.ok(frames.every((bytes) => bytes.includes("netmap pkt-gen indirect payload")));
  for (const packet of await decoded(t, frames)) assertSound(packet);
});

/** Rows whose effect is in the output: what is on stdout and stderr of a sender to a switch nobody listens at. */
const outputRows: readonly (readonly [letters: string, words: string, check: (run: Run) => void])[] = [
  ["n", "-n 1001", ({ stdout }) => assert.match(stdout, /^Sent 1001 packets 60060 bytes /m)],
  [
    "l",
    "-n 100 -l 60 -l 1500 --seed 1",
    ({ stdout }) => {
      // The bytes that were sent, and not the last length times the packets.
      const [, bytes, each] = /^Sent 100 packets (\d+) bytes \d+ events (\d+) bytes each/m.exec(stdout) ?? [];
      assert.equal(Math.floor(Number(bytes) / 100), Number(each));
      assert.ok(Number(each) > 500 && Number(each) < 1100, stdout);
    },
  ],
  [
    "npC",
    "-n 1001 -p 2 -C 64,64,2,2",
    ({ stdout }) => {
      assert.match(stdout, /: 2 queues, 2 threads and \d+ cpus\.$/m);
      assert.match(stdout, /^Sent 1001 packets /m);
    },
  ],
  ["ac", "-n 1 -a 0 -c 1", ({ stdout }) => assert.match(stdout, / 1 threads and 1 cpus\.$/m)],
  ["i", "-n 1", ({ stdout }) => assert.match(stdout, /^Sending on vale1:a: /m)],
  ["R", "-n 20 -R 1000", ({ stdout }) => assert.match(stdout, /^Rate: asked 1000 pps, achieved /m)],
  [
    "T",
    "-R 1k --duration 350ms -T 100",
    ({ stderr }) => assert.match(stderr, / avg_batch [\s\S]* avg_batch /),
  ],
  ["A", "-R 1k --duration 250ms -T 100 -A", ({ stderr }) => assert.match(stderr, /pps \[avg\/std [\d.]+ /)],
  ["N", "-n 5 -N", ({ stdout }) => assert.match(stdout, /^Speed: \d+ pps Bandwidth: \d+ bps /m)],
  [
    "B",
    "-n 5 -B -N",
    ({ stdout }) => {
      const [, bandwidth, raw] = /Bandwidth: (\d+) bps \(raw (\d+) bps\)/.exec(stdout) ?? [];
      assert.ok(Math.abs(Number(raw) / Number(bandwidth) - 84 / 60) < 1e-6);
    },
  ],
  ["w", "-n 1 -w 0.2", ({ stderr }) => assert.match(stderr, /Wait 0\.2 secs for phy reset/)],
  ["X", "-n 2 -X", ({ stdout }) => assert.equal(stdout.match(/^ring 0x0 cur /gm)?.length, 2)],
  ["o", "-n 2 -o 64", ({ stdout }) => assert.equal(stdout.match(/^ring 0x0 cur /gm)?.length, 2)],
  ["v", "-n 1 -v", ({ stderr }) => assert.match(stderr, /"opened"/)],
];

for (const [letter, words, check] of outputRows) {
  test(`-${letter.split("").join(", -")}: ${words}`, async (t) => {
    const env = { NM_DIR: freshNamespace(t) };
    const run = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", "-f", "tx", ...words.split(" "));
    assert.equal(run.status, 0, run.stderr);
    check(run);
  });
}

test("-f, -W: a receiver ends a second after the last packet", async (t) => {
  const namespace = freshNamespace(t);
  const receiver = starting(namespace)("pkt-gen", "-i", "p}1", "-f", "rx", "-W");
  await receiver.printed(/Ready/);
  await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", "-i", "p{1", "-f", "tx", "-n", "3");
  assert.match((await receiver.ended).stdout, /^Received 3 packets /m);
});

test("every letter of netmap's pkt-gen has a row", () => {
  const rows = [...packetRows, ...outputRows].map(([letter]) => letter).join("");
  const others = "HPrIfW";
  const walked = new Set(rows + others);
  assert.deepEqual(
    [...letters].filter((letter) => !walked.has(letter)),
    [],
  );
  const ours = Object.values(options).flatMap((option) => ("alias" in option ? [option.alias] : []));
  assert.deepEqual(
    [...letters].filter((letter) => !ours.includes(letter as never)),
    [],
  );
});
