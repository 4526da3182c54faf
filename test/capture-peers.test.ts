/**
 * Captures as others read them: pcap-parser, which knows classic files with microseconds, and tshark, which knows all.
 *
 * Ours go through nmreplay --write, which reads, times and writes every packet.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Packet, parse } from "pcap-parser";
import { nm } from "./run.js";
import { type MadePacket, makeTraffic, packetsOfPcap, pcapngOf, pcapOf, type ReadPacket } from "./traffic.js";

const tshark = spawnSync("tshark", ["--version"]).status === 0;
const needsTshark = tshark ? {} : { skip: "tshark is not installed" };

function scratch(t: TestContext): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), "nm-captures-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return (name) => join(directory, name);
}

/** What nm reads in a capture, also in one that is compressed or has several interfaces. */
async function readByNm(path: string, copy: string): Promise<ReadPacket[]> {
  const run = await nm("nmreplay", "-f", path, "--write", copy);
  assert.equal(run.status, 0, run.stderr);
  return packetsOfPcap(readFileSync(copy));
}

function readByPcapParser(path: string): Promise<ReadPacket[]> {
  return new Promise((done, failed) => {
    const packets: ReadPacket[] = [];
    parse(path)
      .on("packet", ({ header, data }: Packet) => {
        const us = BigInt(header.timestampSeconds) * 1_000_000n + BigInt(header.timestampMicroseconds);
        packets.push({ timeNs: us * 1000n, length: header.originalLength, bytes: Buffer.from(data) });
      })
      .on("end", () => done(packets))
      .on("error", failed);
  });
}

/** Times in whole microseconds, which every resolution in these tests can tell. */
function traffic(packets: number, seed: number): MadePacket[] {
  return makeTraffic({ packets, seed }).map((packet) => ({
    ...packet,
    timeNs: (packet.timeNs / 1000n) * 1000n,
  }));
}

test("classic captures are read as pcap-parser reads them, in both byte orders and cut", async (t) => {
  const path = scratch(t);
  for (const bigEndian of [false, true]) {
    for (const snaplen of [262_144, 96]) {
      const file = path("classic.pcap");
      writeFileSync(file, pcapOf(traffic(3000, 11), { bigEndian, snaplen }));
      const [ours, theirs] = [await readByNm(file, path("ours.pcap")), await readByPcapParser(file)];
      assert.equal(ours.length, 3000);
      assert.deepEqual(ours, theirs);
    }
  }
});

test("captures of every kind are read as tshark reads them", needsTshark, async (t) => {
  const path = scratch(t);
  const packets = traffic(2000, 12);
  const interfaces = [
    { name: "eth0", exponent: 6 },
    { name: "eth1", exponent: 9, offsetSeconds: 1_000_000_000n },
    // With picoseconds, tshark 4.0 multiplies beyond 64 bits.
    { name: "eth2", exponent: 10, offsetSeconds: 1_700_000_000n },
    { name: "eth3", exponent: 30, binary: true },
  ];
  const kinds = {
    "microseconds.pcap": pcapOf(packets),
    "nanoseconds.pcap": pcapOf(packets, { nanoseconds: true }),
    "cut.pcap": pcapOf(packets, { snaplen: 64 }),
    "plain.pcapng": pcapngOf(packets),
    "swapped.pcapng": pcapngOf(packets, { bigEndian: true }),
    "interfaces.pcapng": pcapngOf(packets, { interfaces, comments: true }),
    "sections.pcapng": pcapngOf(packets, { interfaces: interfaces.slice(0, 2), sectionOf: 300 }),
  };
  for (const [name, bytes] of Object.entries(kinds)) {
    writeFileSync(path(name), bytes);
    const ours = await readByNm(path(name), path("ours.pcap"));
    const run = spawnSync("tshark", ["-r", path(name), "-F", "nsecpcap", "-w", path("theirs.pcap")], {
      encoding: "utf8",
    });
    assert.equal(run.status, 0, run.stderr);
    const theirs = packetsOfPcap(readFileSync(path("theirs.pcap")));
    assert.equal(ours.length, packets.length, name);
    let latest = 0n;
    for (const [i, packet] of ours.entries()) {
      // Resolutions round differently. A packet that was captured a little before the one before it leaves with that one.
      const time = theirs[i]?.timeNs ?? 0n;
      if (time > latest) latest = time;
      assert.deepEqual(packet.bytes, theirs[i]?.bytes, `${name}, packet ${i}`);
      assert.equal(packet.length, theirs[i]?.length, `${name}, packet ${i}`);
      assert.equal(packet.timeNs, latest, `${name}, packet ${i}`);
    }
  }
});

test("edited packets have the checksums that tshark finds right", needsTshark, async (t) => {
  const path = scratch(t);
  writeFileSync(path("before.pcap"), pcapOf(traffic(3000, 13)));
  const edits = [
    ["--map", "10.1.0.0/16=172.20.0.0/16", "--map", "2001:db8:1::/48=fd00:1:2::/48"],
    ["--random-ips", "7"],
    ["--push-vlan", "100:5", "--to-mac", "02:aa:bb:cc:dd:ee", "--from-mac", "02:00:00:00:00:09"],
    ["--pop-vlan", "--random-ips", "9", "--map", "192.168.7.0/24=10.9.9.0/24"],
  ];
  const sums = ["ip", "tcp", "udp"].flatMap((name) => ["-o", `${name}.check_checksum:TRUE`]);
  const wrong = ["ip", "tcp", "udp", "icmp", "icmpv6"]
    .map((name) => `${name}.checksum.status == 0`)
    .join(" || ");
  for (const words of edits) {
    const run = await nm("nmreplay", "-f", path("before.pcap"), ...words, "--write", path("after.pcap"));
    assert.equal(run.status, 0, run.stderr);
    const found = spawnSync("tshark", [...sums, "-r", path("after.pcap"), "-Y", wrong], { encoding: "utf8" });
    assert.equal(found.status, 0, found.stderr);
    assert.equal(found.stdout, "", words.join(" "));
  }
  const moved = spawnSync("tshark", ["-r", path("after.pcap"), "-Y", "vlan || ip.addr == 192.168.7.0/24"], {
    encoding: "utf8",
  });
  assert.equal(moved.stdout, "");
});
