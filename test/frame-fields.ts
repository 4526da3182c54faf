/** What tests look for in the frames that pkt-gen sends. */

import assert from "node:assert/strict";

/** The endpoints of an IPv4 frame. */
export function ipv4(frame: Buffer) {
  return {
    from: `${[...frame.subarray(26, 30)].join(".")}:${frame.readUInt16BE(34)}`,
    to: `${[...frame.subarray(30, 34)].join(".")}:${frame.readUInt16BE(36)}`,
  };
}

/** The ones' complement sum of 16-bit words, which is 0xffff where a checksum among them is right. */
function onesSum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += ((part[i] ?? 0) << 8) | (part[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Those of an IPv4 or IPv6 frame with UDP. */
export function assertChecksums(frame: Buffer): void {
  const is4 = frame.readUInt16BE(12) === 0x0800;
  const [addresses, udp] = is4 ? [26, 34] : [22, 54];
  if (is4) assert.equal(onesSum(frame.subarray(14, 34)), 0xffff, "IPv4 header");
  const pseudoHeader = Uint8Array.of(0, 17, ...frame.subarray(udp + 4, udp + 6));
  assert.equal(onesSum(frame.subarray(addresses, udp), pseudoHeader, frame.subarray(udp)), 0xffff, "UDP");
}
