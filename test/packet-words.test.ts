/** Packets in words. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { checksumWords } from "../lib/packet-checksums.js";
import { macWords, packetWords } from "../lib/packet-words.js";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

const macs = "ffffffffffff 020000000001";
const udp4 =
  `${macs} 0800 4510002e00004000401126ad0a0000010a010001 04d204d2001a1580` +
  "6e65746d617020706b742d67656e20444952";
const ends = "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff";

test("packetWords knows IPv4, IPv6, tags, fragments and what is no IP", () => {
  assert.equal(packetWords(hex(udp4)), "10.0.0.1:1234 > 10.1.0.1:1234 UDP");
  const tagged = udp4.replace("0800", "8100 0064 0800");
  assert.equal(packetWords(hex(tagged)), "vlan 100, 10.0.0.1:1234 > 10.1.0.1:1234 UDP");
  const ipv6 = `${macs} 86dd 60000000 0008 3b40 fd000000000000000000000000000001 20010db8000000000001000000000002`;
  assert.equal(packetWords(hex(ipv6)), "fd00::1 > 2001:db8::1:0:0:2 protocol 59");
  const fragment = udp4.replace("4000401", "20b9401");
  assert.match(packetWords(hex(fragment)), /^10\.0\.0\.1 > 10\.1\.0\.1 UDP, fragment at 1480$/);
  assert.equal(packetWords(hex(`${macs} 0806 0001`)), `ARP ${ends}`);
  assert.equal(packetWords(hex("ffff")), "less than an Ethernet header");
  assert.equal(macWords(hex(udp4)), ends);
});

test("checksumWords tells right ones from wrong ones", () => {
  const frame = hex(udp4);
  assert.equal(checksumWords(frame), "right");
  assert.equal(checksumWords(frame.subarray(0, 50)), "cut off");
  assert.equal(checksumWords(frame.subarray(0, 30)), "cut off");
  frame[50] = 0;
  assert.equal(checksumWords(frame), "wrong UDP checksum");
  frame.writeUInt16BE(0, 40);
  assert.equal(checksumWords(frame), "no UDP checksum");
  frame[26] = 11;
  assert.equal(checksumWords(frame), "wrong IP checksum");
  assert.equal(checksumWords(hex(`${macs} 0806 0001`)), "");
});

test("whatever the bytes are, there are words for them", () => {
  let state = 1;
  const next = () => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state >> 16;
  };
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from({ length: next() % 80 }, next);
    if (bytes.length >= 15) bytes.set(i % 2 === 0 ? [0x08, 0x00, 0x45] : [0x86, 0xdd, 0x60], 12);
    assert.notEqual(packetWords(bytes), "");
    assert.equal(typeof checksumWords(bytes), "string");
    macWords(bytes);
  }
});
