/** The one packet that all senders send, in the form that each wants it. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** UDP to a station that nobody is, so that a host throws it away as soon as it sees that. */
export function packet(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.write("020000000099020000000001", "hex");
  bytes.writeUInt16BE(0x0800, 12);
  bytes.write("4500", 14, "hex");
  bytes.writeUInt16BE(length - 14, 16);
  bytes.write("000000004011", 18, "hex");
  bytes.write("0a0000010a010001", 26, "hex");
  let sum = 0;
  for (let at = 14; at < 34; at += 2) sum += bytes.readUInt16BE(at);
  sum = (sum & 0xffff) + (sum >>> 16);
  bytes.writeUInt16BE(~(sum + (sum >>> 16)) & 0xffff, 24);
  bytes.writeUInt16BE(1234, 34);
  bytes.writeUInt16BE(1234, 36);
  bytes.writeUInt16BE(length - 34, 38);
  return bytes;
}

/** As pkt-gen's words. */
export function packetWords(length: number): string[] {
  return ["-l", String(length), "-D", "02:00:00:00:00:99", "-S", "02:00:00:00:00:01"];
}

export function trafgenFile(directory: string, length: number): string {
  const path = join(directory, `packet-${length}.cfg`);
  writeFileSync(path, `{ ${[...packet(length)].map((byte) => `0x${byte.toString(16)}`).join(", ")} }\n`);
  return path;
}

/** So many that what is done between two passes of a capture does not count. */
const packetsPerCapture = 10_000;

export function captureFile(directory: string, length: number): string {
  const path = join(directory, `packets-${length}.pcap`);
  const head = Buffer.alloc(24);
  for (const [at, value] of [
    [0, 0xa1b2c3d4],
    [16, 65_535],
    [20, 1],
  ] as const)
    head.writeUInt32LE(value, at);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  const record = Buffer.alloc(16);
  record.writeUInt32LE(length, 8);
  record.writeUInt32LE(length, 12);
  const one = Buffer.concat([record, packet(length)]);
  writeFileSync(path, Buffer.concat([head, ...Array<Buffer>(packetsPerCapture).fill(one)]));
  return path;
}
