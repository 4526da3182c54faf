/** Port names, one by one: what netmap's grammars accept and refuse, and what we add. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  NR_EXCLUSIVE,
  NR_MONITOR_RX,
  NR_MONITOR_TX,
  NR_REG_ALL_NIC,
  NR_REG_NIC_SW,
  NR_REG_NULL,
  NR_REG_ONE_NIC,
  NR_REG_ONE_SW,
  NR_REG_SW,
  NR_RX_RINGS_ONLY,
  NR_TX_RINGS_ONLY,
  NR_ZCOPY_MON,
} from "../lib/abi.js";
import { NmError } from "../lib/errors.js";
import { formatPort, type PortSpec, parsePort, portRequest } from "../lib/port-spec.js";

/** A machine whose interfaces have the names that netmap cannot open. */
const machine = {
  interfaceExists: (name: string) => ["Te1-0", "eth0-1", "a@b", "x<1", "null@5"].includes(name),
};
const nothing = { interfaceExists: () => false };

const parse = (text: string) => parsePort(text, nothing);

const plain: PortSpec = {
  kind: "nic",
  name: "eth0",
  pipe: null,
  mode: "all_nic",
  ring: null,
  flags: [],
  memId: 0,
  options: {},
};

const a63 = "a".repeat(61);

/** What is typed, its printed form, and how it differs from `plain`. */
const accepted: readonly (readonly [text: string, canonical: string, spec: Partial<PortSpec>])[] = [
  ["netmap:eth0", "netmap:eth0", {}],
  ["eth0", "netmap:eth0", {}],

  // Which rings
  ["netmap:eth0^", "netmap:eth0^", { kind: "host", mode: "sw" }],
  ["netmap:eth0^3", "netmap:eth0^3", { kind: "host", mode: "one_sw", ring: 3 }],
  ["netmap:eth0*", "netmap:eth0*", { mode: "nic_sw" }],
  ["netmap:eth0-3", "netmap:eth0-3", { mode: "one_nic", ring: 3 }],
  ["eth0-0", "netmap:eth0-0", { mode: "one_nic", ring: 0 }],
  ["eth0-4094", "netmap:eth0-4094", { mode: "one_nic", ring: 4094 }],
  ["eth0-007", "netmap:eth0-7", { mode: "one_nic", ring: 7 }],

  // Flags and memory
  ["netmap:eth0/x", "netmap:eth0/x", { flags: ["exclusive"] }],
  ["netmap:eth0/z", "netmap:eth0/z", { kind: "monitor", flags: ["zcopy_mon"] }],
  ["netmap:eth0/t", "netmap:eth0/t", { kind: "monitor", flags: ["monitor_tx"] }],
  ["netmap:eth0/r", "netmap:eth0/r", { kind: "monitor", flags: ["monitor_rx"] }],
  ["netmap:eth0/R", "netmap:eth0/R", { flags: ["rx_rings_only"] }],
  ["netmap:eth0/T", "netmap:eth0/T", { flags: ["tx_rings_only"] }],
  ["eth0/Txx", "netmap:eth0/xT", { flags: ["exclusive", "tx_rings_only"] }],
  ["eth0/rt", "netmap:eth0/tr", { kind: "monitor", flags: ["monitor_tx", "monitor_rx"] }],
  ["eth0@7", "netmap:eth0@7", { memId: 7 }],
  ["eth0@65535", "netmap:eth0@65535", { memId: 65535 }],
  ["eth0@2/R", "netmap:eth0/R@2", { flags: ["rx_rings_only"], memId: 2 }],
  ["eth0/R@2", "netmap:eth0/R@2", { flags: ["rx_rings_only"], memId: 2 }],
  ["eth0@2/R@2", "netmap:eth0/R@2", { flags: ["rx_rings_only"], memId: 2 }],
  ["eth0/R@2/x", "netmap:eth0/xR@2", { flags: ["exclusive", "rx_rings_only"], memId: 2 }],
  [
    "ens4-0/x@2",
    "netmap:ens4-0/x@2",
    { name: "ens4", mode: "one_nic", ring: 0, flags: ["exclusive"], memId: 2 },
  ],
  ["eth0^/x", "netmap:eth0^/x", { kind: "host", mode: "sw", flags: ["exclusive"] }],
  ["eth0^@5", "netmap:eth0^@5", { kind: "host", mode: "sw", memId: 5 }],

  // Characters that mean nothing
  ["netmap:eth0.100", "netmap:eth0.100", { name: "eth0.100" }],
  ["netmap:eth0:1", "netmap:eth0:1", { name: "eth0:1" }],
  ["netmap:a b", "netmap:a b", { name: "a b" }],
  ["netmap:eth0&", "netmap:eth0&", { name: "eth0&" }],
  ["netmap:eth0+", "netmap:eth0+", { name: "eth0+" }],
  ["netmap:p<", 'netmap:"p<"', { name: "p<" }],
  ["netmapX", "netmap:netmapX", { name: "netmapX" }],

  // VALE ports
  ["vale1:10", "vale1:10", { kind: "vale", name: "vale1:10" }],
  ["vale:0", "vale:0", { kind: "vale", name: "vale:0" }],
  ["vale_A9:x.y:z", "vale_A9:x.y:z", { kind: "vale", name: "vale_A9:x.y:z" }],
  ["netmap:vale0:0", "vale0:0", { kind: "vale", name: "vale0:0" }],
  [
    "vale0:1-2/x@3",
    "vale0:1-2/x@3",
    { kind: "vale", name: "vale0:1", mode: "one_nic", ring: 2, flags: ["exclusive"], memId: 3 },
  ],
  ["vale0:1/r", "vale0:1/r", { kind: "monitor", name: "vale0:1", flags: ["monitor_rx"] }],
  ["vale0:1^", "vale0:1^", { kind: "vale", name: "vale0:1", mode: "sw" }],
  ["netmap:valX:1", "netmap:valX:1", { kind: "vale", name: "valX:1" }],
  [
    "vale01234567890:012345678901234",
    "vale01234567890:012345678901234",
    { kind: "vale", name: "vale01234567890:012345678901234" },
  ],
  ['vale0:"a-b"-1', 'vale0:"a-b"-1', { kind: "vale", name: "vale0:a-b", mode: "one_nic", ring: 1 }],

  // Pipes
  ["netmap:pipe0{1", "netmap:pipe0{1", pipe("pipe0", "1", "master")],
  ["netmap:pipe0}1", "netmap:pipe0}1", pipe("pipe0", "1", "slave")],
  ["netmap:pipe0<1", "netmap:pipe0{1", pipe("pipe0", "1", "master")],
  ["pipe0>1", "netmap:pipe0}1", pipe("pipe0", "1", "slave")],
  ["netmap:eth0{05", "netmap:eth0{05", pipe("eth0", "05", "master")],
  ["vale0:1{a_B", "vale0:1{a_B", pipe("vale0:1", "a_B", "master")],
  ["pipe{in-7", "netmap:pipe{in-7", { ...pipe("pipe", "in", "master"), mode: "one_nic", ring: 7 }],
  [
    "vale0:l{0/xT@3",
    "vale0:l{0/xT@3",
    { ...pipe("vale0:l", "0", "master"), flags: ["exclusive", "tx_rings_only"], memId: 3 },
  ],
  ["p{1/r", "netmap:p{1/r", { ...pipe("p", "1", "master"), kind: "monitor", flags: ["monitor_rx"] }],
  ["null{1", "netmap:null{1", pipe("null", "1", "master")],
  [`p{${a63}`, `netmap:p{${a63}`, pipe("p", a63, "master")],

  // Ports that are none of netmap's
  ["null", "null@1", { kind: "null", name: "null", mode: "null", memId: 1 }],
  ["null@9", "null@9", { kind: "null", name: "null", mode: "null", memId: 9 }],
  [
    "null/x@conf=0",
    "null/x@1@conf:rings=0",
    {
      kind: "null",
      name: "null",
      mode: "null",
      memId: 1,
      flags: ["exclusive"],
      options: { conf: { tx_rings: 0, rx_rings: 0 } },
    },
  ],
  [
    "null@extmem=f",
    "null@extmem:file=f",
    { kind: "null", name: "null", mode: "null", options: { extmem: { file: "f" } } },
  ],
  ["netmap:null", "netmap:null", { name: "null" }],
  ["tap:blue", "tap:blue", { kind: "tap", name: "blue" }],
  ["tap:vm-1", "tap:vm-1", { kind: "tap", name: "vm-1" }],
  ["netmap:tap:blue", "tap:blue", { kind: "tap", name: "blue" }],
  [
    'tap:"vm-1"-0/x@2',
    'tap:"vm-1"-0/x@2',
    { kind: "tap", name: "vm-1", mode: "one_nic", ring: 0, flags: ["exclusive"], memId: 2 },
  ],
  [
    "tap:blue/R@conf:rings=2",
    "tap:blue/R@conf:rings=2",
    { kind: "tap", name: "blue", flags: ["rx_rings_only"], options: { conf: { tx_rings: 2, rx_rings: 2 } } },
  ],
  ["tap0-1", 'tap:"tap0"-1', { kind: "tap", name: "tap0", mode: "one_nic", ring: 1 }],
  ["tap:blue/r", "tap:blue/r", { kind: "monitor", name: "tap:blue", flags: ["monitor_rx"] }],
  ['tap:"a@b"', 'tap:"a@b"', { kind: "tap", name: "a@b" }],
  ["tap0", "tap:tap0", { kind: "tap", name: "tap0" }],
  ["netmap:tap0", "netmap:tap0", { name: "tap0" }],

  // Quotes
  ['netmap:"Te1-0"', 'netmap:"Te1-0"', { name: "Te1-0" }],
  ['"Te1-0"-3/x', 'netmap:"Te1-0"-3/x', { name: "Te1-0", mode: "one_nic", ring: 3, flags: ["exclusive"] }],
  ['"Te1-0"{1', 'netmap:"Te1-0"{1', pipe("Te1-0", "1", "master")],
  ['"p<1"', 'netmap:"p<1"', { name: "p<1" }],
  ['"eth0"', "netmap:eth0", {}],
  ['"a""b"', 'netmap:"a""b"', { name: 'a"b' }],
  ['netmap:"vale0:a-b"', 'vale0:"a-b"', { kind: "vale", name: "vale0:a-b" }],

  // Options
  ["eth0@share:port=vale0:1", "netmap:eth0@share:port=vale0:1", { options: { share: { port: "vale0:1" } } }],
  [
    "eth0@share=eth1-3/x",
    "netmap:eth0@share:port=netmap:eth1",
    { options: { share: { port: "netmap:eth1" } } },
  ],
  [
    'eth0@share=netmap:"a@b"',
    'netmap:eth0@share:port=netmap:"a@b"',
    { options: { share: { port: 'netmap:"a@b"' } } },
  ],
  ["eth0@extmem:file=/dev/x", "netmap:eth0@extmem:file=/dev/x", { options: { extmem: { file: "/dev/x" } } }],
  ["eth0@extmem=/dev/x", "netmap:eth0@extmem:file=/dev/x", { options: { extmem: { file: "/dev/x" } } }],
  ['eth0@extmem="/a,b@c"', 'netmap:eth0@extmem:file="/a,b@c"', { options: { extmem: { file: "/a,b@c" } } }],
  [
    "eth0@extmem:buf-num=6,file=f,if_num=1,if_size=2,ring_num=3,ring_size=4,buf_size=7",
    "netmap:eth0@extmem:file=f,if_num=1,if_size=2,ring_num=3,ring_size=4,buf_num=6,buf_size=7",
    {
      options: {
        extmem: { file: "f", if_num: 1, if_size: 2, ring_num: 3, ring_size: 4, buf_num: 6, buf_size: 7 },
      },
    },
  ],
  [
    "eth0@conf:rings=4,slots=512",
    "netmap:eth0@conf:rings=4,slots=512",
    { options: { conf: { tx_rings: 4, rx_rings: 4, tx_slots: 512, rx_slots: 512 } } },
  ],
  [
    "eth0@conf:tx-slots=8,slots=9",
    "netmap:eth0@conf:tx_slots=8,rx_slots=9",
    { options: { conf: { tx_slots: 8, rx_slots: 9 } } },
  ],
  [
    "eth0@conf:host_rings=2,host_rx_rings=1",
    "netmap:eth0@conf:host_tx_rings=2,host_rx_rings=1",
    { options: { conf: { host_tx_rings: 2, host_rx_rings: 1 } } },
  ],
  ["eth0@conf=4", "netmap:eth0@conf:rings=4", { options: { conf: { tx_rings: 4, rx_rings: 4 } } }],
  ["eth0@conf:", "netmap:eth0", {}],
  [
    "eth0@conf:rings=1@conf:rx_rings=2",
    "netmap:eth0@conf:tx_rings=1,rx_rings=2",
    { options: { conf: { tx_rings: 1, rx_rings: 2 } } },
  ],
  [
    "eth0@offset:initial=64,bits=16",
    "netmap:eth0@offset:initial=64,bits=16",
    { options: { offset: { initial: 64, bits: 16 } } },
  ],
  ["eth0@offset=64", "netmap:eth0@offset:initial=64", { options: { offset: { initial: 64 } } }],
  ["eth0@driver=af_xdp", "netmap:eth0@driver:name=af_xdp", { options: { driver: { name: "af_xdp" } } }],
  [
    "eth0-1/x@2@conf:slots=5@offset=1",
    "netmap:eth0-1/x@2@conf:slots=5@offset:initial=1",
    {
      mode: "one_nic",
      ring: 1,
      flags: ["exclusive"],
      memId: 2,
      options: { conf: { tx_slots: 5, rx_slots: 5 }, offset: { initial: 1 } },
    },
  ],
];

function pipe(parent: string, id: string, side: "master" | "slave"): Partial<PortSpec> {
  return { kind: "pipe", name: `${parent}${side === "master" ? "{" : "}"}${id}`, pipe: { parent, id, side } };
}

for (const [text, canonical, differs] of accepted) {
  test(`parsePort reads ${text}`, () => {
    const spec = parse(text);
    assert.deepEqual(spec, { ...plain, ...differs });
    assert.equal(formatPort(spec, nothing), canonical);
    assert.deepEqual(parse(canonical), spec);
  });
}

/** What is typed, where it is wrong, what is said after "Cannot read port ...:", and what would work. */
const refused: readonly (readonly [text: string, position: number, reason: string, form: string])[] = [
  // Prefixes
  ["", 0, "a port name is missing", "netmap:NAME"],
  ["netmap", 6, '":" and an interface name is missing after "netmap"', "netmap:NAME"],
  ["vale0", 5, '":" and a port name is missing after "vale0"', "vale0:NAME"],
  ["val0", 4, '":" and a port name is missing after "val0"', "val0:NAME"],
  [
    'netmap:"valley-1"',
    14,
    'found "-" at position 14, expected a letter, digit or "_" of the switch name, or ":"',
    "netmap:valley:NAME",
  ],
  ['netmap:"vale0:"', 14, 'found """ at position 14, expected a port name', "netmap:vale0:NAME"],
  ["netmap:vale0", 12, '":" and a port name is missing after "vale0"', "netmap:vale0:NAME"],
  [
    "netmapX:eth0",
    0,
    'found "netmapX:" at position 0, expected "netmap:", "valeX:" or "tap:"',
    "netmap:eth0",
  ],
  ["pcap:/tmp/x", 0, 'found "pcap:" at position 0, expected "netmap:", "valeX:" or "tap:"', "netmap:NAME"],
  [
    "vale-0:1",
    4,
    'found "-" at position 4, expected a letter, digit or "_" of the switch name, or ":"',
    "vale:NAME",
  ],

  // Names
  ["netmap:", 7, 'an interface name is missing after ":"', "netmap:NAME"],
  ["netmap:^", 7, 'found "^" at position 7, expected an interface name', "netmap:NAME"],
  ["vale1:", 6, 'a port name is missing after ":"', "vale1:NAME"],
  ["vale0:{1", 6, 'found "{" at position 6, expected a port name', "vale0:NAME"],
  ["netmap:{1", 7, 'found "{" at position 7, expected an interface name', "netmap:NAME"],
  ["netmap:p{", 9, 'a pipe id is missing after "{"', "netmap:p{1"],
  [
    "netmap:p{a}b",
    10,
    'found "}" at position 10, expected a letter, digit or "_" of the pipe id',
    "netmap:p{a",
  ],
  [
    "netmap:p{1}2",
    10,
    'found "}" at position 10, expected a letter, digit or "_" of the pipe id',
    "netmap:p{1",
  ],
  ["p<1<2", 3, 'found "<" at position 3, expected a letter, digit or "_" of the pipe id', "p<1"],
  [
    "netmap:0123456789abcdef",
    7,
    'found "0123456789abcdef" at position 7, expected an interface name of at most 15 characters',
    "netmap:NAME",
  ],
  [
    "vale012345678901:1",
    0,
    'found "vale012345678901" at position 0, expected a switch name of at most 15 characters',
    "vale01234567890:NAME",
  ],
  [
    "vale0:0123456789abcdef",
    6,
    'found "0123456789abcdef" at position 6, expected a port name of at most 15 characters',
    "vale0:NAME",
  ],
  [`netmap:p{${a63}a`, 7, `found "p{${a63}a" at position 7, expected at most 63 characters`, "netmap:p{1"],
  [`netmap:p{${a63}a'`, 7, `found "p{${a63}a" at position 7, expected at most 63 characters`, "netmap:p{1"],
  [
    "ü".repeat(8),
    0,
    `found "${"ü".repeat(8)}" at position 0, expected an interface name of at most 15 characters`,
    "netmap:NAME",
  ],
  ["eth\u001b0", 3, 'found "\\u001b" at position 3, expected a printable character', "netmap:NAME"],
  ['netmap:"Te1-0', 13, 'a closing quote is missing after "0"', "netmap:NAME"],
  ['netmap:""', 8, 'found """ at position 8, expected something between the quotes', "netmap:NAME"],
  ['"a{b"', 0, 'found "a{b" at position 0, expected a name without "{" and "}"', "netmap:NAME"],
  ['"a"b', 3, 'found "b" at position 3, expected "/" and flags, "@" or the end', '"a"'],
  ["tap:", 4, 'the name of a tap device is missing after ":"', "tap:NAME"],
  ["tap:a/b", 6, 'found "b" at position 6, expected a flag (x, z, t, r, R, T)', "tap:a/x"],
  ["tap:a:b", 5, 'found ":" at position 5, expected "/" and flags, "@" or the end', "tap:a"],
  [
    "tap:a{1",
    4,
    'found "a{1" at position 4, expected the name of a tap device, without "/", ":", "%", "{", "}" and spaces',
    "tap:NAME",
  ],
  [
    "tap:a%d",
    4,
    'found "a%d" at position 4, expected the name of a tap device, without "/", ":", "%", "{", "}" and spaces',
    "tap:NAME",
  ],
  [
    'netmap:"tap:a"',
    0,
    'found "netmap:"tap:a"" at position 0, expected an interface, whose name has no ":", or tap: before the quotes',
    "tap:NAME",
  ],
  [
    'tap:"a"^',
    7,
    'found "^" at position 7, expected no host rings: the host is on the other side of a tap device',
    'tap:"a"',
  ],
  [
    "tap:0123456789abcdef",
    4,
    'found "0123456789abcdef" at position 4, expected the name of a tap device, at most 15 characters',
    "tap:NAME",
  ],

  // Rings
  ["netmap:eth0-", 12, 'a ring number (0 to 4094) is missing after "-"', "netmap:eth0-0"],
  ["netmap:eth0-x", 12, 'found "x" at position 12, expected a ring number (0 to 4094)', "netmap:eth0-0"],
  ["vale0:a-b", 8, 'found "b" at position 8, expected a ring number (0 to 4094)', "vale0:a-0"],
  ["eth0--1", 5, 'found "-" at position 5, expected a ring number (0 to 4094)', "eth0-0"],
  [
    "netmap:eth0-4095",
    12,
    'found "4095" at position 12, expected a ring number (0 to 4094)',
    "netmap:eth0-4094",
  ],
  [
    "eth0^99999999999999999999",
    5,
    'found "99999999999999999999" at position 5, expected a ring number (0 to 4094)',
    "eth0^4094",
  ],
  ["netmap:eth0-1x", 13, 'found "x" at position 13, expected "/" and flags, "@" or the end', "netmap:eth0-1"],
  ["eth0*3", 5, 'found "3" at position 5, expected "/" and flags, "@" or the end', "eth0*"],
  ["eth0^x", 5, 'found "x" at position 5, expected "/" and flags, "@" or the end', "eth0^"],
  [
    "null-1",
    4,
    'found "-" at position 4, expected "/", "@" or the end, because a null port has no rings to choose from',
    "null@1",
  ],

  // Flags and memory
  ["netmap:eth0/q", 12, 'found "q" at position 12, expected a flag (x, z, t, r, R, T)', "netmap:eth0/x"],
  ["netmap:eth0/xq", 13, 'found "q" at position 13, expected a flag (x, z, t, r, R, T)', "netmap:eth0/x"],
  ["eth0@2/", 7, 'a flag (x, z, t, r, R, T) is missing after "/"', "eth0@2/x"],
  ["eth0/@2", 5, 'found "@" at position 5, expected a flag (x, z, t, r, R, T)', "eth0/x"],
  ["eth0/R/x", 6, 'found "/" at position 6, expected a flag (x, z, t, r, R, T)', "eth0/R"],
  ["null/r", 5, 'found "r" at position 5, expected a flag (x, R, T)', "null/x"],
  ["eth0@0", 5, 'found "0" at position 5, expected a memory id (1 to 65535)', "eth0@1"],
  ["eth0@65536", 5, 'found "65536" at position 5, expected a memory id (1 to 65535)', "eth0@65535"],
  ["eth0@70000", 5, 'found "70000" at position 5, expected a memory id (1 to 65535)', "eth0@65535"],
  ["eth0@2/R@3", 9, 'found "3" at position 9, expected no second memory id after 2', "eth0@2/R"],
  ["eth0@2x", 6, 'found "x" at position 6, expected "/" and flags, "@" or the end', "eth0@2"],

  // Options
  [
    "eth0@",
    5,
    'a memory id or an option (share, extmem, conf, offset, driver) is missing after "@"',
    "eth0@conf:rings=1",
  ],
  [
    "eth0@@",
    5,
    'found "@" at position 5, expected a memory id or an option (share, extmem, conf, offset, driver)',
    "eth0@conf:rings=1",
  ],
  [
    "eth0@x",
    5,
    'found "x" at position 5, expected a memory id or an option (share, extmem, conf, offset, driver)',
    "eth0@conf:rings=1",
  ],
  [
    "eth0@conf:rings=1@2",
    18,
    'found "2" at position 18, expected an option (share, extmem, conf, offset, driver); a memory id stands before the options',
    "eth0@conf:rings=1",
  ],
  ["eth0@conf", 9, '":" and a key, or "=" and a value is missing after "conf"', "eth0@conf:rings=1"],
  [
    "eth0@conf:x=1",
    10,
    'found "x" at position 10, expected a key of the option "conf" (rings, host_rings, slots, tx_rings, rx_rings, host_tx_rings, host_rx_rings, tx_slots, rx_slots)',
    "eth0@conf:rings=1",
  ],
  ["eth0@conf:rings", 15, '"=" and a value is missing after "rings"', "eth0@conf:rings=1"],
  [
    "eth0@conf:rings=1,rings=2",
    18,
    'found "rings" at position 18, expected a key that has no value yet',
    "eth0@conf:rings=1",
  ],
  [
    "eth0@conf:rings=1,",
    18,
    'a key of the option "conf" (rings, host_rings, slots, tx_rings, rx_rings, host_tx_rings, host_rx_rings, tx_slots, rx_slots) is missing after ","',
    "eth0@conf:rings=1",
  ],
  ["eth0@conf:rings=", 16, 'a number (0 to 4096) is missing after "="', "eth0@conf:rings=1"],
  [
    "eth0@conf:rings=abc",
    16,
    'found "abc" at position 16, expected a number (0 to 4096)',
    "eth0@conf:rings=1",
  ],
  [
    "eth0@conf:rings=4/x",
    16,
    'found "4/x" at position 16, expected a number (0 to 4096)',
    "eth0@conf:rings=1",
  ],
  [
    "eth0@conf:rings=70000",
    16,
    'found "70000" at position 16, expected a number (0 to 4096)',
    "eth0@conf:rings=4096",
  ],
  [
    "eth0@conf:slots=4294967296",
    16,
    'found "4294967296" at position 16, expected a number (0 to 4294967295)',
    "eth0@conf:slots=4294967295",
  ],
  [
    "eth0@extmem:if_num=-1",
    19,
    'found "-1" at position 19, expected a number (0 to 4294967295)',
    "eth0@extmem:file=FILE,if_num=1",
  ],
  [
    "eth0@extmem:if_num=1",
    20,
    'the key "file" of the option "extmem" is missing after "1"',
    "eth0@extmem:file=FILE",
  ],
  ["eth0@extmem=", 12, 'a file is missing after "="', "eth0@extmem:file=FILE"],
  [
    "eth0@extmem=f@extmem=g",
    14,
    'found "extmem" at position 14, expected no second option "extmem"',
    "eth0@extmem=f",
  ],
  [
    "eth0@extmem=f,if_num=1",
    13,
    'found "," at position 13, expected "@" or the end; several keys are written after "@extmem:"',
    "eth0@extmem=f",
  ],
  ['eth0@extmem="f"g', 15, 'found "g" at position 15, expected ",", "@" or the end', "eth0@extmem:file=FILE"],
  ['eth0@extmem="f', 14, 'a closing quote is missing after "f"', "eth0@extmem:file=FILE"],
  ["eth0@share:", 11, 'the key "port" of the option "share" is missing after ":"', "eth0@share:port=vale0:1"],
  ["eth0@share=vale0:", 17, 'a port name is missing after ":"', "eth0@share=vale0:NAME"],
  ["eth0@share=vale0@offset=1", 16, '":" and a port name is missing after "vale0"', "eth0@share=vale0:NAME"],
  [
    "eth0@share=null",
    11,
    'found "null" at position 11, expected a port that has memory',
    "eth0@share:port=vale0:1",
  ],
  [
    "eth0@offset:bits=8",
    18,
    'the key "initial" of the option "offset" is missing after "8"',
    "eth0@offset:initial=1",
  ],
  [
    "eth0@offset:initial=1,bits=65",
    27,
    'found "65" at position 27, expected a number (0 to 64)',
    "eth0@offset:initial=1,bits=64",
  ],
  [
    "eth0@driver=",
    12,
    'a name of letters, digits, "_" and "-" is missing after "="',
    "eth0@driver:name=NAME",
  ],
  [
    "eth0@driver=a b",
    12,
    'found "a b" at position 12, expected a name of letters, digits, "_" and "-"',
    "eth0@driver:name=NAME",
  ],
  [
    "vale0:1@driver=x",
    8,
    'found "driver" at position 8, expected another option, because only network interfaces have drivers',
    "vale0:1",
  ],
];

for (const [text, position, reason, form] of refused) {
  test(`parsePort refuses ${JSON.stringify(text)}`, () => {
    const error = refusal(text);
    assert.equal(error.details.reason, reason);
    assert.ok(error.message.endsWith(`": ${reason}`));
    assert.equal(error.details.position, position);
    assert.equal(error.hint?.replace(/, or .*/, ""), `write it as ${form}`);
    assert.doesNotThrow(() => parse(form), `the hint "${form}" is not a port spec itself`);
  });
}

function refusal(text: string): NmError<"PORT_SYNTAX"> {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof NmError);
    return error as NmError<"PORT_SYNTAX">;
  }
  assert.fail(`${JSON.stringify(text)} was read`);
}

test("parsePort says what it found and what it expected", () => {
  const error = refusal("vale1:");
  assert.equal(error.message, 'Cannot read port "vale1:": a port name is missing after ":"');
  assert.equal(error.hint, "write it as vale1:NAME");
  assert.equal(error.exit, 2);
  assert.deepEqual(error.details, {
    text: "vale1:",
    reason: 'a port name is missing after ":"',
    position: 6,
    found: "",
    expected: "a port name",
    hint: "write it as vale1:NAME",
  });
});

test("parsePort advises quotes where a separator may belong to the name", () => {
  assert.equal(
    refusal("Te1-x").hint,
    `write it as Te1-0, or put an interface's name in quotes: netmap:"NAME"`,
  );
});

/** On `machine`: what is typed, the name that is opened, its ring, and the printed form. */
const withSeparators: readonly (readonly [
  text: string,
  name: string,
  ring: number | null,
  canonical: string,
])[] = [
  ["Te1-0", "Te1-0", null, 'netmap:"Te1-0"'],
  ["netmap:Te1-0-3/x", "Te1-0", 3, 'netmap:"Te1-0"-3/x'],
  ["Te1-00", "Te1", 0, 'netmap:"Te1"-0'],
  ["Te1-0{1", "Te1-0{1", null, 'netmap:"Te1-0"{1'],
  ["vale0:Te1-0", "vale0:Te1-0", null, 'vale0:"Te1-0"'],
  ["eth0-1", "eth0-1", null, 'netmap:"eth0-1"'],
  ["eth0-2", "eth0", 2, "netmap:eth0-2"],
  ['"eth0"-1', "eth0", 1, 'netmap:"eth0"-1'],
  ["a@b@2", "a@b", null, 'netmap:"a@b"@2'],
  ["x<1", "x<1", null, 'netmap:"x<1"'],
  ["x{1", "x{1", null, "netmap:x{1"],
  ["null@5", "null", null, "null@5"],
  ["netmap:null@5", "null@5", null, 'netmap:"null@5"'],
  ["vale0:null@5", "vale0:null@5", null, 'vale0:"null@5"'],
];

for (const [text, name, ring, canonical] of withSeparators) {
  test(`parsePort reads ${text} where interfaces have separators in their names`, () => {
    const spec = parsePort(text, machine);
    assert.equal(spec.name, name);
    assert.equal(spec.ring, ring);
    assert.equal(formatPort(spec, machine), canonical);
  });
}

test("parsePort asks the machine only about names that hold a separator", () => {
  const asked: string[] = [];
  const interfaceExists = (name: string) => asked.push(name) === 0;
  for (const text of ["eth0", "vale0:1", "p{1", "eth0/x", "tap:a-b", '"Te1-0"']) {
    parsePort(text, { interfaceExists });
  }
  assert.deepEqual(asked, []);

  parsePort("Te1-0/x", { interfaceExists });
  assert.deepEqual(asked, ["Te1-0"]);
});

test("parsePort does not look outside /sys/class/net", () => {
  assert.equal(parsePort("lo-0").name, "lo");
  assert.throws(() => parsePort("../lo-x/x"), NmError);
});

const requests: readonly (readonly [text: string, fields: Partial<ReturnType<typeof portRequest>>])[] = [
  ["eth0", {}],
  ["eth0^", { mode: NR_REG_SW }],
  ["eth0^3", { mode: NR_REG_ONE_SW, ringid: 3 }],
  ["eth0*", { mode: NR_REG_NIC_SW }],
  ["eth0-3", { mode: NR_REG_ONE_NIC, ringid: 3 }],
  ["eth0/x", { flags: NR_EXCLUSIVE }],
  ["eth0/z", { flags: NR_ZCOPY_MON }],
  ["eth0/tr", { flags: NR_MONITOR_TX | NR_MONITOR_RX }],
  ["eth0/RT", { flags: NR_RX_RINGS_ONLY | NR_TX_RINGS_ONLY }],
  ["eth0@7", { memId: 7 }],
  ["null", { name: "null", mode: NR_REG_NULL, memId: 1 }],
  ["vale1:10", { name: "vale1:10" }],
  ["pipe0>1", { name: "pipe0}1" }],
  [
    "eth0@conf:tx_rings=1,rx_rings=2,host_tx_rings=3,host_rx_rings=4,tx_slots=5,rx_slots=6",
    { txRings: 1, rxRings: 2, hostTxRings: 3, hostRxRings: 4, txSlots: 5, rxSlots: 6 },
  ],
];

for (const [text, differs] of requests) {
  test(`portRequest asks for ${text}`, () => {
    assert.deepEqual(portRequest(parse(text)), {
      name: "eth0",
      mode: NR_REG_ALL_NIC,
      ringid: 0,
      flags: 0,
      memId: 0,
      txSlots: 0,
      rxSlots: 0,
      txRings: 0,
      rxRings: 0,
      hostTxRings: 0,
      hostRxRings: 0,
      ...differs,
    });
  });
}

test("portRequest asks for a tap device by a name that says so", () => {
  assert.equal(portRequest(parse("tap:blue")).name, "tap:blue");
  assert.equal(portRequest(parse("tap:blue/t")).name, "tap:blue");
});
