/** The addresses of generated packets: what is read, and where a text is found wrong. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { readEndpoint, readMac } from "../lib/endpoint.js";
import { NmError } from "../lib/errors.js";

test("readEndpoint reads IPv4 addresses, ports and ranges, in either order", () => {
  for (const [text, firstAddress, lastAddress, firstPort, lastPort] of [
    ["10.0.0.1", 0x0a000001, 0x0a000001, 1234, 1234],
    ["255.255.255.255:0", 0xffffffff, 0xffffffff, 0, 0],
    ["10.0.0.1:80", 0x0a000001, 0x0a000001, 80, 80],
    ["10.0.0.1:0x50", 0x0a000001, 0x0a000001, 80, 80],
    ["10.0.0.1-10.0.0.9", 0x0a000001, 0x0a000009, 1234, 1234],
    ["10.0.0.1:7-10.0.0.9", 0x0a000001, 0x0a000009, 7, 7],
    ["10.0.0.1:1000-10.0.0.9:2000", 0x0a000001, 0x0a000009, 1000, 2000],
    ["10.0.0.9:1000-10.0.0.1:2000", 0x0a000001, 0x0a000009, 1000, 2000],
    ["10.0.0.1:2000-10.0.0.9:1000", 0x0a000001, 0x0a000009, 1000, 2000],
  ] as const) {
    assert.deepEqual(readEndpoint("from", text, 4), { firstAddress, lastAddress, firstPort, lastPort }, text);
  }
});

test("readEndpoint reads IPv6 addresses, of which it walks one group", () => {
  for (const [text, group, firstAddress, lastAddress, firstPort, lastPort, address] of [
    ["fd00::1", 7, 1, 1, 1234, 1234, "fd000000000000000000000000000001"],
    ["::", 7, 0, 0, 1234, 1234, "00000000000000000000000000000000"],
    ["[fd00::1]", 7, 1, 1, 1234, 1234, "fd000000000000000000000000000001"],
    ["[fd00::1]:53", 7, 1, 1, 53, 53, "fd000000000000000000000000000001"],
    ["fd00::1-fd00::ff", 7, 1, 255, 1234, 1234, "fd000000000000000000000000000001"],
    ["[::ff]:9-[::1]:7", 7, 1, 255, 7, 9, "000000000000000000000000000000ff"],
    ["3@fd00::-fd00:0:0:ff::", 3, 0, 255, 1234, 1234, "fd000000000000000000000000000000"],
    ["0@[2001:db8::5]:1-0@[2002:db8::5]:2", 0, 0x2001, 0x2002, 1, 2, "20010db8000000000000000000000005"],
    ["1:2:3:4:5:6:7:8", 7, 8, 8, 1234, 1234, "00010002000300040005000600070008"],
    ["::ffff:10.1.2.3", 7, 0x0203, 0x0203, 1234, 1234, "00000000000000000000ffff0a010203"],
    ["6@::ffff:10.1.2.3", 6, 0x0a01, 0x0a01, 1234, 1234, "00000000000000000000ffff0a010203"],
  ] as const) {
    const { address: bytes = new Uint8Array(), ...others } = readEndpoint("from", text, 6);
    assert.deepEqual(others, { firstAddress, lastAddress, firstPort, lastPort, group }, text);
    assert.equal(Buffer.from(bytes).toString("hex"), address, text);
  }
});

test("readEndpoint says where a text is wrong that netmap would take for something else", () => {
  for (const [family, text, position, found] of [
    [4, "", 0, ""],
    [4, "10.0.0", 0, "10.0.0"],
    [4, "10.0.0.256", 0, "10.0.0.256"],
    [4, "localhost", 0, "localhost"],
    [4, "::1", 0, ""],
    [4, "10.0.0.1:", 9, ""],
    [4, "10.0.0.1:65536", 9, "65536"],
    [4, "10.0.0.1:-1", 9, ""],
    [4, "10.0.0.1:010", 9, "010"],
    [4, "10.0.0.1:1:2", 9, "1:2"],
    [4, "10.0.0.1-", 9, ""],
    [4, "-10.0.0.1", 0, ""],
    [4, "10.0.0.1-10.0.0.9:1000-2000", 18, "1000-2000"],
    [4, " 10.0.0.1", 0, " 10.0.0.1"],
    [6, "10.0.0.1", 0, "10.0.0.1"],
    [6, "fd00::1::2", 0, "fd00::1::2"],
    [6, "fe80::1%lo", 0, "fe80::1%lo"],
    [6, "8@fd00::1", 0, "8"],
    [6, "@fd00::1", 0, ""],
    [6, "3@fd00::1-4@fd00::1", 10, "4"],
    [6, "[fd00::1", 8, ""],
    [6, "[fd00::1]53", 9, "53"],
    [6, "[fd00::1]:", 10, ""],
    [6, "[fd00::1]:99999", 10, "99999"],
    [6, "fd00::1-fd01::2", 8, "fd01::2"],
    [6, "3@fd00::1-fd00::2", 10, "fd00::2"],
  ] as const) {
    assert.throws(
      () => readEndpoint("from", text, family),
      (error) => {
        assert.ok(error instanceof NmError && error.code === "ADDRESS_SYNTAX", text);
        const details = error.details as { position: number; found: string };
        assert.deepEqual([details.position, details.found], [position, found], text);
        return true;
      },
    );
  }
});

test("readMac reads six bytes and nothing else", () => {
  assert.deepEqual(readMac("02:0:A:ff:10:9"), Uint8Array.of(2, 0, 10, 255, 16, 9));
  for (const text of ["", "02:00:00:00:00", "02:00:00:00:00:00:00", "02:00:00:00:00:100", "g:0:0:0:0:0"]) {
    assert.equal(readMac(text), undefined, text);
  }
});
