/** nmreplay from outside: what arrives at the other end of a pipe, what it tells, and how it ends. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { openPort } from "../lib/index.js";
import { freshNamespace } from "./namespace.js";
import { nm, nmWith, programFile, type Run } from "./run.js";
import { jsonLine, jsonLines, type Line } from "./schema.js";
import { starting } from "./started.js";
import { type MadePacket, makeTraffic, packetsOfPcap, pcapngOf, pcapOf } from "./traffic.js";

const libpcap = spawnSync("sh", ["-c", "ldconfig -p | grep -q libpcap.so"]).status === 0;

/** A directory for captures, which is removed after the test. */
function scratch(t: TestContext): (name: string, content?: Buffer) => string {
  const directory = mkdtempSync(join(tmpdir(), "nm-replay-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return (name, content) => {
    const path = join(directory, name);
    if (content) writeFileSync(path, content);
    return path;
  };
}

/** Takes what comes out of a pipe's end, in this process. */
function receiver(t: TestContext, namespace: string, name = "replay}1") {
  const port = openPort(name, { namespace });
  t.after(() => port.close());
  const frames: Buffer[] = [];
  const parts: Buffer[] = [];
  const take = () => {
    port.sync();
    for (const ring of port.rxRings) {
      ring.drain((payload, slot) => {
        parts.push(Buffer.from(payload));
        if (!slot.more) frames.push(Buffer.concat(parts.splice(0)));
      });
    }
    port.sync();
  };
  const timer = setInterval(take, 2);
  t.after(() => clearInterval(timer));
  return {
    frames,
    all: () => {
      take();
      return frames;
    },
  };
}

function summaryOf(run: Run): Line {
  const summary = jsonLines(run.stdout).at(-1);
  assert.equal(summary?.type, "summary", run.stdout + run.stderr);
  return summary as Line;
}

/** Compares frames one by one, so that what differs can be read. */
function assertFrames(
  actual: readonly Buffer[] | undefined,
  expected: readonly Buffer[],
  what = "frame",
): void {
  for (const [i, frame] of expected.entries()) {
    assert.equal(actual?.[i]?.toString("hex"), frame.toString("hex"), `${what} ${i} of ${expected.length}`);
  }
  assert.equal(actual?.length, expected.length, what);
}

const bytesOf = (packets: readonly { bytes: Buffer }[]) => packets.map(({ bytes }) => bytes);

/** Packets a millisecond apart. */
function everyMillisecond(count: number, length = 100): MadePacket[] {
  return Array.from({ length: count }, (_, i) => ({
    timeNs: 1_700_000_000_000_000_000n + BigInt(i) * 1_000_000n,
    bytes: Buffer.alloc(length, i),
    fromClient: true,
  }));
}

test("a capture arrives whole, in order and not before its time, and the run tells how late packets were", async (t) => {
  const namespace = freshNamespace(t);
  const packets = makeTraffic({ packets: 3000, seed: 21 });
  const file = scratch(t)("trace.pcapng", pcapngOf(packets));
  const arrived = receiver(t, namespace);
  const env = { NM_DIR: namespace };
  const run = await nmWith({ env }, "nmreplay", "-f", file, "-i", "replay{1", "--json", "-T", "50");

  assert.equal(run.status, 0, run.stderr);
  assertFrames(arrived.all(), bytesOf(packets));
  const summary = summaryOf(run) as Line & { seconds: number; lateness_ns: { max: number } };
  const captured = Number((packets.at(-1)?.timeNs ?? 0n) - (packets[0]?.timeNs ?? 0n)) / 1e9;
  assert.deepEqual([summary.packets, summary.pending, summary.drops], [3000, 0, {}]);
  // The first may have left late, the last a sync early.
  assert.ok(
    summary.seconds >= captured - (summary.lateness_ns.max + 1000) / 1e9,
    `${summary.seconds} of ${captured}`,
  );
  assert.ok(summary.lateness_ns.max > 0);
  assert.deepEqual(summary.ports, ["netmap:replay{1"]);
});

test("people read pkt-gen's closing lines, then lateness and what was not sent", async (t) => {
  const namespace = freshNamespace(t);
  const file = scratch(t)("trace.pcap", pcapOf(makeTraffic({ packets: 500, seed: 22 }), { snaplen: 80 }));
  const arrived = receiver(t, namespace);
  const words = ["-f", file, "-i", "replay{1", "-L", "0.1", "--to", "10ms"];
  const run = await nmWith({ env: { NM_DIR: namespace } }, "nmreplay", ...words);
  assert.equal(run.status, 0, run.stderr);
  const sent = arrived.all().length;
  assert.match(
    run.stdout,
    new RegExp(`^Sending .*trace.pcap on netmap:replay\\{1\\.\nSent ${sent} packets \\d+ bytes`),
  );
  assert.match(run.stdout, /^Speed: .*pps Bandwidth: .*bps/m);
  assert.match(run.stdout, /^Left out of \d+ packets: \d+ outside of the range\.$/m);
  assert.match(run.stdout, /^Lost by the model: \d+ packets\.$/m);
  assert.match(run.stdout, /^Captured in part: \d+ packets, whose ends were sent as zeros\.$/m);
  assert.match(run.stdout, /^Lateness: 50% \d.*, max \d.*; with(out)? real-time priority\.$/m);
});

test("loops repeat the capture, a limit ends them, and the same seed loses the same packets", async (t) => {
  const packets = makeTraffic({ packets: 200, seed: 23, gapNs: 2000 });
  const file = scratch(t)("trace.pcap", pcapOf(packets));
  const arrivals = [];
  for (const words of [
    ["--loop", "3"],
    ["--loop", "0", "--limit", "450"],
    ["-L", "0.3"],
    ["-L", "0.3"],
    ["-L", "0.3", "--seed", "2"],
  ]) {
    const namespace = freshNamespace(t);
    const arrived = receiver(t, namespace);
    const run = await nmWith(
      { env: { NM_DIR: namespace } },
      "nmreplay",
      "-f",
      file,
      "-i",
      "replay{1",
      ...words,
    );
    assert.equal(run.status, 0, run.stderr);
    arrivals.push(arrived.all());
  }
  const [three, limited, lossy, again, other] = arrivals;
  const once = bytesOf(packets);
  assertFrames(three, [...once, ...once, ...once]);
  assertFrames(limited, three?.slice(0, 450) ?? []);
  assertFrames(lossy, again ?? []);
  assert.notEqual(
    other?.map((bytes) => bytes.toString("hex")).join(),
    lossy?.map((bytes) => bytes.toString("hex")).join(),
  );
});

test("what clients and servers sent leaves by a port each", async (t) => {
  const packets = makeTraffic({ packets: 1000, seed: 24, gapNs: 1000 });
  const file = scratch(t)("trace.pcap", pcapOf(packets));
  for (const how of ["auto", "10.1.0.0/16,2001:db8:1::/48"]) {
    const namespace = freshNamespace(t);
    const [clients, servers] = [receiver(t, namespace, "clients}1"), receiver(t, namespace, "servers}1")];
    const words = [
      "-f",
      file,
      "-i",
      "clients{1",
      "-i",
      "servers{1",
      "--split",
      how,
      "--to-mac",
      "02:00:00:00:00:aa",
    ];
    const run = await nmWith(
      { env: { NM_DIR: namespace } },
      "nmreplay",
      ...words,
      "--to-mac",
      "02:00:00:00:00:bb",
    );
    assert.equal(run.status, 0, run.stderr);
    const expected = (fromClient: boolean, last: number) =>
      packets
        .filter((packet) => packet.fromClient === fromClient)
        .map(({ bytes }) => Buffer.concat([Buffer.from([2, 0, 0, 0, 0, last]), bytes.subarray(6)]));
    assertFrames(clients.all(), expected(true, 0xaa), how);
    assertFrames(servers.all(), expected(false, 0xbb), how);
  }
});

test("compressed captures are unpacked on the way, and what is wrong with them is told", async (t) => {
  const namespace = freshNamespace(t);
  const env = { NM_DIR: namespace };
  const path = scratch(t);
  const packets = makeTraffic({ packets: 500, seed: 25, gapNs: 1000 });
  const packed = gzipSync(pcapOf(packets));
  const arrived = receiver(t, namespace);
  const words = ["nmreplay", "-i", "replay{1", "-f"];
  const run = await nmWith({ env }, ...words, path("trace.pcap.gz", packed), "--loop", "2");
  assert.equal(run.status, 0, run.stderr);
  assertFrames(arrived.all(), [...bytesOf(packets), ...bytesOf(packets)]);

  const info = await nm("nmreplay", "--info", "--json", "-f", path("trace.pcap.gz"));
  assert.equal(jsonLine(info.stdout).packets, 500);

  const cut = await nmWith({ env }, ...words, path("cut.pcap.gz", packed.subarray(0, 5000)));
  assert.equal(cut.status, 1);
  assert.match(cut.stderr, /Cannot unpack capture ".*cut\.pcap\.gz": unexpected end of file\n/);

  const zstd = Buffer.from("28b52ffd00000000", "hex");
  const other = await nmWith({ env }, ...words, path("trace.zst", zstd));
  assert.equal(other.status, 1);
  assert.match(other.stderr, /Cannot unpack capture ".*trace\.zst": /);
});

test("what nm dump captured of a replay is the same capture again, and replays so", async (t) => {
  const namespace = freshNamespace(t);
  const path = scratch(t);
  const start = starting(namespace);
  const packets = makeTraffic({ packets: 500, seed: 29, gapNs: 20_000 });
  let from = path("original.pcapng", pcapngOf(packets));
  for (const name of ["first.pcap", "second.pcap"]) {
    const dump = start("dump", "-i", "replay}1", "--take", "-w", path(name), "-c", "500");
    await dump.printed(/replay\}1/);
    const replay = await start("nmreplay", "-f", from, "-i", "replay{1").ended;
    assert.equal(replay.status, 0, replay.stderr);
    assert.equal((await dump.ended).status, 0);
    const captured = packetsOfPcap(readFileSync(path(name)));
    assertFrames(bytesOf(captured), bytesOf(packets), name);
    for (const [i, { timeNs }] of captured.entries()) assert.ok(timeNs >= (captured[i - 1]?.timeNs ?? 0n));
    from = path(name);
  }
  // Times leave to the nanosecond as they were captured, where no machine comes between.
  const copy = await nm("nmreplay", "-f", from, "--write", path("copy.pcap"));
  assert.equal(copy.status, 0, copy.stderr);
  assert.deepEqual(packetsOfPcap(readFileSync(path("copy.pcap"))), packetsOfPcap(readFileSync(from)));
});

test("standard input is sent as it comes, before its end", async (t) => {
  const namespace = freshNamespace(t);
  const packets = everyMillisecond(20);
  const whole = pcapOf(packets);
  const half = pcapOf(packets.slice(0, 10));
  const arrived = receiver(t, namespace);
  const child = spawn(
    process.execPath,
    [programFile("nm"), "nmreplay", "-f", "-", "-i", "replay{1", "--json"],
    {
      env: { ...process.env, NM_DIR: namespace },
      stdio: ["pipe", "pipe", "inherit"],
      timeout: 30_000,
    },
  );
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  const ended = new Promise<number | null>((done) => child.on("close", done));
  child.stdin.write(half);
  while (arrived.frames.length < 10) await new Promise((done) => setTimeout(done, 5));
  child.stdin.end(whole.subarray(half.length));
  assert.equal(await ended, 0);
  assertFrames(arrived.all(), bytesOf(packets));
  assert.equal(jsonLines(stdout).at(-1)?.packets, 20);
});

test("a broken file is refused before anything leaves, with the byte; --partial sends what is before it", async (t) => {
  const namespace = freshNamespace(t);
  const env = { NM_DIR: namespace };
  const whole = pcapOf(everyMillisecond(5, 100));
  const file = scratch(t)("broken.pcap", whole.subarray(0, whole.length - 30));
  const arrived = receiver(t, namespace);
  const words = ["nmreplay", "-f", file, "-i", "replay{1"];
  const refused = await nmWith({ env }, ...words);
  assert.equal(refused.status, 1);
  const place = 24 + 4 * 116;
  const fault = new RegExp(
    `expected a whole packet or block at byte ${place}, found the end of the file after 86 bytes of it`,
  );
  assert.match(refused.stderr, fault);
  assert.equal(arrived.all().length, 0);

  const partial = await nmWith({ env }, ...words, "--partial");
  assert.equal(partial.status, 0, partial.stderr);
  assert.match(partial.stderr, fault);
  assert.equal(arrived.all().length, 4);
});

test("files that are no captures of Ethernet are refused with what they are", async (t) => {
  const path = scratch(t);
  const other = pcapOf(everyMillisecond(1));
  other.writeUInt32LE(113, 20);
  const cases: readonly [Buffer, RegExp][] = [
    [Buffer.alloc(0), /expected a pcap or pcapng header at byte 0, found an empty file/],
    [Buffer.from("hello, world"), /expected the magic number .* at byte 0, found 0x68656c6c/],
    [pcapOf([]), /it has no packets/],
    [other, /its packets are of link type 113, expected Ethernet, 1/],
  ];
  for (const [content, pattern] of cases) {
    const run = await nm("nmreplay", "-f", path("file", content), "-i", "a{1");
    assert.equal(run.status, 1);
    assert.match(run.stderr, pattern);
  }
  const missing = await nm("nmreplay", "-f", path("missing"), "-i", "a{1");
  assert.match(missing.stderr, /Cannot read capture ".*missing": no such file or directory/);
});

interface Due {
  readonly due_s: number;
}

test("paces and links give the times that follow from their definitions", async (t) => {
  // 5 packets of 125 bytes, that is 1000 bits, a millisecond apart.
  const file = scratch(t)("trace.pcap", pcapOf(everyMillisecond(5, 125)));
  const cases: readonly [readonly string[], readonly number[]][] = [
    [[], [0, 1, 2, 3, 4]],
    [
      ["--speed", "10x"],
      [0, 0.1, 0.2, 0.3, 0.4],
    ],
    [
      ["--speed", "0.5"],
      [0, 2, 4, 6, 8],
    ],
    [
      ["-B", "real,2"],
      [0, 0.5, 1, 1.5, 2],
    ],
    [
      ["--pps", "4k"],
      [0, 0.25, 0.5, 0.75, 1],
    ],
    [
      ["--gap", "30us"],
      [0, 0.03, 0.06, 0.09, 0.12],
    ],
    [
      ["--mbps", "0.5"],
      [0, 2, 4, 6, 8],
    ],
    [
      ["-B", "1M"],
      [0, 1, 2, 3, 4],
    ],
    [
      ["-B", "const,2M"],
      [0, 0.5, 1, 1.5, 2],
    ],
    // 149 bytes with framing.
    [
      ["-B", "ether,1M"],
      [0, 1.192, 2.384, 3.576, 4.768],
    ],
    [["--top-speed"], [0, 0, 0, 0, 0]],
    [
      ["-D", "7ms"],
      [7, 8, 9, 10, 11],
    ],
    [
      ["--top-speed", "-D", "7ms"],
      [7, 7, 7, 7, 7],
    ],
    [
      ["-B", "1M", "-D", "const,0.5m"],
      [0.5, 1.5, 2.5, 3.5, 4.5],
    ],
    [["-L", "1"], []],
    [
      ["--max-gap", "100us"],
      [0, 0.1, 0.2, 0.3, 0.4],
    ],
    [
      ["--from", "1ms", "--to", "3ms"],
      [0, 1],
    ],
    [
      ["--limit", "2"],
      [0, 1],
    ],
    [
      ["--duration", "3ms"],
      [0, 1, 2],
    ],
    [
      ["--loop", "2"],
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    ],
    [
      ["--loop", "2", "--gap", "10us", "--limit", "7"],
      [0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06],
    ],
  ];
  for (const [words, times_ms] of cases) {
    const run = await nm("nmreplay", "-f", file, "--dry-run", "--json", ...words);
    assert.equal(run.status, 0, run.stderr);
    const lines = jsonLines(run.stdout);
    const due = lines.slice(0, -1).map((line) => (line as unknown as Due).due_s);
    assert.deepEqual(
      due,
      times_ms.map((time) => Math.round(time * 1e6) / 1e9),
      words.join(" "),
    );
    assert.equal(lines.at(-1)?.packets, times_ms.length);
  }
});

test("a filter chooses packets as tcpdump would", {
  skip: !libpcap && "libpcap is not installed",
}, async (t) => {
  const path = scratch(t);
  const packets = makeTraffic({ packets: 1000, seed: 26, vlans: false });
  const file = path("trace.pcap", pcapOf(packets, { nanoseconds: true }));
  const run = await nm("nmreplay", "-f", file, "--filter", "udp port 53", "--write", path("dns.pcap"));
  assert.equal(run.status, 0, run.stderr);
  const isDns = (bytes: Buffer) => {
    const [next, ports] = bytes.readUInt16BE(12) === 0x0800 ? [23, 34] : [20, 54];
    return bytes[next] === 17 && [bytes.readUInt16BE(ports), bytes.readUInt16BE(ports + 2)].includes(53);
  };
  const expected = packets.filter(({ bytes }) => isDns(bytes));
  assert.ok(expected.length > 50);
  assert.deepEqual(
    packetsOfPcap(readFileSync(path("dns.pcap"))),
    expected.map(({ timeNs, bytes }) => ({ timeNs, length: bytes.length, bytes })),
  );
  const bad = await nm("nmreplay", "-f", file, "--filter", "udp port port", "--dry-run");
  assert.equal(bad.status, 2);
  assert.match(bad.stderr, /^nm nmreplay: Cannot read filter "udp port port": /);
});

test("--info counts what is in a capture", async (t) => {
  const packets = makeTraffic({ packets: 2000, seed: 27 });
  const interfaces = [
    { name: "eth0", exponent: 9 },
    { name: "wlan0", exponent: 9 },
  ];
  const file = scratch(t)("trace.pcapng", pcapngOf(packets, { interfaces, comments: true }));
  const run = await nm("nmreplay", "--info", "--json", "-f", file);
  assert.equal(run.status, 0, run.stderr);
  const found = jsonLine(run.stdout) as Line & Record<"sizes" | "over_time", never>;
  const bytes = packets.reduce((sum, packet) => sum + packet.bytes.length, 0);
  assert.deepEqual([found.packets, found.bytes, found.captured, found.comments], [2000, bytes, bytes, 200]);
  assert.deepEqual([found.first, found.out_of_order, found.cut], ["2023-11-14T22:13:20.123456000Z", 0, 0]);
  const duration = Number((packets.at(-1)?.timeNs ?? 0n) - (packets[0]?.timeNs ?? 0n)) / 1e9;
  assert.equal(found.duration_s, duration);
  const sum = (tallies: readonly { packets: number }[]) =>
    tallies.reduce((all, tally) => all + tally.packets, 0);
  assert.equal(sum(found.sizes), 2000);
  const { packets: overTime } = found.over_time as { packets: number[] };
  assert.equal(
    overTime.reduce((all, count) => all + count, 0),
    2000,
  );

  const text = await nm("nmreplay", "--info", "-f", file);
  assert.match(text.stdout, /trace\.pcapng: 2,000 packets, [\d,]+ bytes in \d/);
  assert.match(text.stdout, /^over time +[▁▂▃▄▅▆▇█ ]+$/m);
  assert.match(text.stdout, /^captured on eth0 Ethernet, times of 1 ns\n +wlan0 Ethernet/m);
  assert.match(text.stdout, /^TCP +[\d,]+ +\d+\.\d%/m);
});

test("an interrupted run ends with 130, an endless one with 0, and both with their figures", async (t) => {
  const namespace = freshNamespace(t);
  receiver(t, namespace);
  const path = scratch(t);
  const slow = path("slow.pcap", pcapOf([everyMillisecond(1), everyMillisecond(100_001).slice(-1)].flat()));
  const start = starting(namespace);
  for (const [words, status] of [
    [[], 130],
    [["--loop", "0"], 0],
    [["--duration", "1h"], 130],
  ] as const) {
    const run = start("nmreplay", "-f", slow, "-i", "replay{1", "-T", "50", ...words);
    await run.printed(/pps/);
    run.signal("SIGINT");
    const { status: found, stdout } = await run.ended;
    assert.equal(found, status, words.join(" "));
    assert.match(stdout, /^Sent 1 packets/m);
  }
});

test("a run whose receiver takes nothing says so and waits", async (t) => {
  const namespace = freshNamespace(t);
  const port = openPort("replay}1", { namespace });
  t.after(() => port.close());
  const file = scratch(t)("trace.pcap", pcapOf(makeTraffic({ packets: 3000, seed: 28, gapNs: 10 })));
  const run = starting(namespace)("nmreplay", "-f", file, "-i", "replay{1");
  await run.printed(
    /Nothing could be sent on netmap:replay\{1 for 3 s: .* has netmap:replay\}1 open, .* and takes no packets/,
  );
  run.signal("SIGINT");
  assert.equal((await run.ended).status, 130);
});

test("what cannot be done together or read is refused with what was expected", async (t) => {
  const file = scratch(t)("trace.pcap", pcapOf(everyMillisecond(3)));
  const cases: readonly [readonly string[], RegExp][] = [
    [["-f", file], /Cannot run nmreplay: -i PORT is missing\n.*For example: nm nmreplay/],
    [["-i", "a{1"], /Cannot run nmreplay: -f FILE is missing/],
    [
      ["-f", file, "-i", "a{1", "-i", "b{1"],
      /Cannot send by 2 ports: nothing says which packets.*\n.*--split auto/,
    ],
    [["-f", file, "-i", "a{1", "--split", "auto"], /Cannot use --split with 1 port: expected two/],
    [["-f", file, "-i", "a{1", "--split", "x"], /Cannot read --split "x": expected auto, ports, networks/],
    [["-f", file, "-i", "a{1", "--pps", "5", "--top-speed"], /Cannot use --pps with --top-speed/],
    [["-f", file, "-i", "a{1", "-B", "1M", "--speed", "2"], /Cannot use --speed with --bandwidth/],
    [["-f", file, "-i", "a{1", "--speed", "0"], /Cannot read --speed "0": expected how many times as fast/],
    [["-f", file, "-i", "a{1", "--gap", "5"], /Cannot read --gap "5": expected a time with its unit/],
    [
      ["-f", file, "-i", "a{1", "--from", "5s", "--to", "3s"],
      /Cannot read --to "3s": expected a time after that of --from, 5s/,
    ],
    [["-f", file, "-i", "a{1", "-D", "abc"], /Cannot read -D "abc": found "abc", expected a time/],
    [
      ["-f", file, "-i", "a{1", "--map", "10.0.0.0/8=11.0.0.0/9"],
      /Cannot read --map .*: expected two networks of one size/,
    ],
    [["-f", file, "-i", "a{1", "--map", "10.0.0.0/8=fd00::/8"], /Cannot read --map/],
    [
      ["-f", file, "-i", "a{1", "--push-vlan", "5000"],
      /Cannot read --push-vlan "5000": expected a VLAN from 0 to 4095/,
    ],
    [["-f", file, "-i", "a{1", "--to-mac", "x"], /Cannot read --to-mac "x": expected six bytes/],
    [
      ["-f", file, "-i", "a{1", "--to-mac", "2:0:0:0:0:1", "--to-mac", "2:0:0:0:0:2"],
      /Cannot use a second --to-mac with one port/,
    ],
    [["-f", file, "-i", "a{1", "-C", "999"], /Cannot read --cpu "999": expected a processor/],
    [["-f", file, "-i", "vale1:"], /a port name is missing/],
  ];
  for (const [words, pattern] of cases) {
    const run = await nm("nmreplay", ...words);
    assert.equal(run.status, 2, words.join(" ") + run.stderr);
    assert.match(run.stderr, pattern);
    assert.equal(run.stdout, "");
  }
});
