/** The checks of nm doctor, over made-up facts. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { lookAtMachine, lookAtPort, portChecks } from "../lib/doctor/doctor.js";
import { cause, type Standstill } from "../lib/doctor/finding.js";
import type { KernelFacts } from "../lib/doctor/kernel-facts.js";
import { lockedMemory, type MachineFacts, type ProcessorFacts, quota } from "../lib/doctor/machine.js";
import { machineChecks } from "../lib/doctor/machine-checks.js";
import type { InterfaceFacts, PortFacts } from "../lib/doctor/port-facts.js";
import { type CounterName, counterMeanings } from "../lib/layout.js";
import type { OpenPort } from "../lib/open-ports.js";
import { formatPort, parsePort } from "../lib/port-spec.js";

const processors: ProcessorFacts = {
  allowed: [0, 1, 2, 3],
  isolated: [],
  quota: undefined,
  governors: { performance: 4 },
  isVirtual: false,
  load: 0,
  online: 4,
  distance_ns: 45,
};

const noKernel: KernelFacts = {
  exists: false,
  refusal: undefined,
  unusable: undefined,
  isLoaded: false,
  version: undefined,
  parameters: {},
  nativeDrivers: [],
};

/** The kernel's netmap, in order. */
const kernel: KernelFacts = {
  ...noKernel,
  exists: true,
  isLoaded: true,
  parameters: { admode: "0", ptnet_vnet_hdr: "1", buf_num: "163840", buf_curr_num: "163840" },
  nativeDrivers: ["veth"],
};

function module(change: Partial<KernelFacts>): Partial<MachineFacts> {
  return { netmap: { ...kernel, ...change } };
}

function parameter(name: string, value: string): Partial<MachineFacts> {
  return module({ parameters: { ...kernel.parameters, [name]: value } });
}

/** A machine that has all that could be wished for. */
const good: MachineFacts = {
  nm: "nm",
  release: "6.12.1",
  uid: 1000,
  addonMissing: undefined,
  netmap: noKernel,
  namespace: {
    directory: "/dev/shm/nm-1000",
    exists: true,
    isDirectory: true,
    owner: 1000,
    mode: 0o700,
    freeBytes: 1e9,
    sizeBytes: 2e9,
    isTmpfs: true,
    isWritable: true,
  },
  otherNamespaces: [],
  missingCapabilities: [],
  lockedMemory: Number.POSITIVE_INFINITY,
  processors,
  clock: { current: "tsc", available: ["tsc", "hpet"] },
  hugePages: { shared: "never", reserved: 0 },
  bpfJit: 1,
  kernelFeatures: { live_frames: true, tcx: true, af_xdp: true },
  tun: { exists: true, refusal: undefined },
  hasIp: true,
};

test("a machine that has everything gets only good words", () => {
  assert.deepEqual(
    lookAtMachine(good).filter(({ level }) => level !== "ok"),
    [],
  );
});

/** What is amiss, the check that must see it, how bad it is, and words that must be in the sentence and in the fix. */
const ills: readonly (readonly [
  string,
  Partial<MachineFacts>,
  string,
  string,
  RegExp,
  RegExp | undefined,
])[] = [
  [
    "the addon does not load",
    { addonMissing: "it has not been built" },
    "engine",
    "fault",
    /has not been built/,
    /npm rebuild/,
  ],
  [
    "a link is in the namespace's place",
    space({ isDirectory: false }),
    "namespace",
    "fault",
    /is not a directory/,
    /NM_DIR=/,
  ],
  [
    "the namespace is somebody else's",
    space({ owner: 0 }),
    "namespace",
    "fault",
    /belongs to user 0/,
    /NM_DIR=/,
  ],
  [
    "the namespace is open to others",
    space({ mode: 0o755 }),
    "namespace",
    "fault",
    /open to other users/,
    /^chmod 700 \/dev\/shm\/nm-1000$/,
  ],
  [
    "nobody may write there",
    space({ exists: false, isWritable: false }),
    "namespace",
    "fault",
    /cannot be made/,
    /NM_DIR=/,
  ],
  [
    "the filesystem is full",
    space({ freeBytes: 1e6 }),
    "namespace",
    "fault",
    /has 1 MB left, enough for 0 ports/,
    /remount,size=1g \/dev\/shm$/,
  ],
  [
    "the filesystem is small",
    space({ freeBytes: 40e6 }),
    "namespace",
    "warning",
    /has 40 MB left, enough for 9 ports/,
    /remount/,
  ],
  [
    "the namespace is on a disk",
    space({ isTmpfs: false }),
    "namespace",
    "warning",
    /not in memory/,
    /NM_DIR=\/dev\/shm/,
  ],
  [
    "another user has ports too",
    { otherNamespaces: [{ directory: "/dev/shm/nm-0", switches: undefined }] },
    "other_namespaces",
    "note",
    /\/dev\/shm\/nm-0/,
    undefined,
  ],
  [
    "there are no privileges",
    { missingCapabilities: ["CAP_NET_RAW", "CAP_BPF"] },
    "privileges",
    "note",
    /CAP_NET_RAW to open.*CAP_BPF for/,
    /^sudo nm doctor$/,
  ],
  [
    "little memory may be locked",
    { lockedMemory: 65536, missingCapabilities: ["CAP_IPC_LOCK"] },
    "locked_memory",
    "warning",
    /AF_XDP/,
    /^ulimit -l unlimited$/,
  ],
  [
    "there is one processor",
    cpu({ allowed: [0] }),
    "processors",
    "note",
    /1 of 4 processors.* share it/,
    undefined,
  ],
  [
    "a control group takes time away",
    cpu({ quota: 1.5 }),
    "processors",
    "warning",
    /1\.5 processors/,
    undefined,
  ],
  ["other programs run", cpu({ load: 7.25 }), "load", "warning", /7\.3 processors busy of 4/, /top/],
  [
    "the clock speed varies",
    cpu({ governors: { powersave: 4 } }),
    "governor",
    "warning",
    /governor powersave/,
    /scaling_governor$/,
  ],
  ["processors are far apart", cpu({ distance_ns: 230 }), "core_distance", "note", /230 ns/, undefined],
  [
    "the clock is slow to read",
    { clock: { current: "hpet", available: ["hpet", "tsc"] } },
    "clock",
    "warning",
    /hpet/,
    /^echo tsc > /,
  ],
  [
    "BPF programs are interpreted",
    { bpfJit: 0 },
    "bpf",
    "warning",
    /interpreted/,
    /^sysctl -w net\.core\.bpf_jit_enable=1$/,
  ],
  [
    "the kernel cannot run programs on live frames",
    { kernelFeatures: { live_frames: false, af_xdp: true } },
    "drivers",
    "note",
    /^the xdp-live driver .* since 5\.18$/,
    undefined,
  ],
  ["ip is not installed", { hasIp: false }, "lab", "note", /nm lab/, /iproute2$/],
  [
    "a container was not given /dev/netmap",
    module({ exists: false }),
    "kernel_module",
    "warning",
    /is not here/,
    /--device/,
  ],
  [
    "/dev/netmap does not open",
    module({ refusal: "permission denied" }),
    "kernel_module",
    "warning",
    /does not open \(permission denied\)/,
    /^sudo nm doctor$/,
  ],
  [
    "the module is of another age",
    module({ unusable: "its module speaks none" }),
    "kernel_module",
    "fault",
    /cannot be used: its module/,
    /modinfo/,
  ],
  [
    "all interfaces are emulated",
    parameter("admode", "2"),
    "kernel_parameters",
    "warning",
    /emulates all interfaces/,
    /^echo 0 > .*\/admode$/,
  ],
  [
    "only native drivers are taken",
    parameter("admode", "1"),
    "kernel_parameters",
    "note",
    /refuses others/,
    /admode$/,
  ],
  ["the module is verbose", parameter("verbose", "1"), "kernel_parameters", "warning", /logs/, /verbose$/],
  [
    "a pool has not become larger yet",
    parameter("buf_num", "300000"),
    "kernel_memory",
    "note",
    /^buf_num is set to 300000 and is still 163840/,
    undefined,
  ],
];

function space(change: Partial<MachineFacts["namespace"]>): Partial<MachineFacts> {
  return { namespace: { ...good.namespace, ...change } };
}

function cpu(change: Partial<ProcessorFacts>): Partial<MachineFacts> {
  return { processors: { ...processors, ...change } };
}

for (const [title, change, check, level, says, fix] of ills) {
  test(`doctor sees that ${title}`, () => {
    const found = lookAtMachine({ ...good, ...change }).filter(
      (finding) => finding.check === check && finding.level !== "ok",
    );
    assert.equal(found.length, 1);
    assert.equal(found[0]?.level, level);
    assert.match(found[0]?.says ?? "", says);
    if (fix) assert.match(found[0]?.fix ?? "", fix);
    else assert.equal(found[0]?.fix, undefined);
  });
}

test("every check of the machine is seen to complain, or to have nothing to complain of", () => {
  const complaining = new Set<string>(ills.map(([, , check]) => check));
  const never = machineChecks.map(({ name }) => name).filter((name) => !complaining.has(name));
  assert.deepEqual(never, ["huge_pages"]);
});

test("what cannot be found out is not complained of", () => {
  const unknown: MachineFacts = {
    ...good,
    lockedMemory: undefined,
    clock: undefined,
    bpfJit: undefined,
    hugePages: { shared: undefined, reserved: 0 },
    namespace: { ...good.namespace, freeBytes: undefined, sizeBytes: undefined, isTmpfs: undefined },
    processors: { ...processors, governors: {}, distance_ns: undefined },
  };
  assert.deepEqual(
    lookAtMachine(unknown).filter(({ level }) => level !== "ok"),
    [],
  );
});

test("limits are read as the system writes them", () => {
  assert.equal(
    lockedMemory("Max locked memory         8388608              8388608              bytes"),
    8388608,
  );
  assert.equal(
    lockedMemory("Max locked memory         unlimited            unlimited            bytes"),
    Number.POSITIVE_INFINITY,
  );
  assert.equal(lockedMemory(undefined), undefined);
  assert.equal(quota("150000 100000"), 1.5);
  assert.equal(quota("max 100000"), undefined);
  assert.equal(quota(undefined), undefined);
});

const veth: InterfaceFacts = {
  name: "eth7",
  index: 7,
  driver: "veth",
  mtu: 1500,
  txQueues: 1,
  rxQueues: 1,
  speedMbps: 10_000,
  isEthernet: true,
  isLoopback: false,
  isUp: true,
  hasCarrier: true,
  kind: "veth",
  promiscuous: 0,
  master: 0,
  masterName: undefined,
  peer: 8,
  peerNetwork: -1,
  peerName: "eth8",
  peerNamespace: undefined,
  xdpMode: 0,
  xdpProgram: 0,
  txSlots: 0,
  rxSlots: 0,
  mostTxSlots: 0,
  mostRxSlots: 0,
  queues: 1,
  mostQueues: 1,
  halfDuplex: false,
  gro: false,
  lro: false,
  gso: true,
  tso: true,
  rxChecksums: true,
  txChecksums: true,
  vlanStrip: true,
  rxPause: null,
  txPause: null,
  addresses: [],
  hasDefaultRoute: false,
  carriesThisSession: false,
  packetsPerSecond: { tx: 0, rx: 0 },
  counters: {},
};

function portFacts(name: string, change: Partial<PortFacts> = {}): PortFacts {
  const spec = parsePort(name, { interfaceExists: () => false });
  return {
    nm: "nm",
    missingCapabilities: [],
    standstill: undefined,
    spec,
    name: formatPort(spec),
    backend: "embedded",
    netmap: noKernel,
    namespace: "/dev/shm/nm-1000",
    open: [],
    otherNamespaces: [],
    interface: spec.kind === "nic" || spec.kind === "host" ? veth : undefined,
    elsewhere: [],
    interfaces: ["eth7", "lo"],
    ...change,
  };
}

function nic(change: Partial<InterfaceFacts>, more: Partial<PortFacts> = {}): PortFacts {
  return portFacts("eth7", { interface: { ...veth, ...change }, ...more });
}

const nothing = Object.fromEntries(Object.keys(counterMeanings).map((name) => [name, 0])) as Record<
  CounterName,
  number
>;

function opened(name: string, kind: OpenPort["kind"], change: Partial<OpenPort> = {}): OpenPort {
  return {
    pid: 42,
    program: "nm pkt-gen",
    name,
    kind,
    txRings: 1,
    rxRings: 1,
    sent: nothing,
    received: nothing,
    ...change,
  };
}

/** A port of the kernel's module. */
function ofKernel(change: Partial<PortFacts>, netmap: Partial<KernelFacts> = {}): Partial<PortFacts> {
  return { backend: "kernel", netmap: { ...kernel, ...netmap }, ...change };
}

const sending: Standstill = { direction: "tx", partner: "rx" };
const receiving: Standstill = { direction: "rx", partner: "tx" };

test("an interface that is up and nobody's gets only good words", () => {
  assert.deepEqual(
    lookAtPort(nic({})).filter(({ level }) => level !== "ok"),
    [],
  );
});

const portIlls: readonly (readonly [string, PortFacts, string, string, RegExp, RegExp | undefined])[] = [
  [
    "the kernel emulates it",
    nic({}, ofKernel({}, { nativeDrivers: ["e1000"] })),
    "emulated",
    "note",
    /veth, does not support netmap/,
    undefined,
  ],
  ["a veth needs both ends", nic({}, ofKernel({})), "veth_partner", "note", /, eth8, is open/, undefined],
  [
    "it is the host's of a virtual machine",
    nic({ driver: "ptnetmap-guest-drivers", kind: "" }, ofKernel({ spec: parsePort("eth7^") })),
    "ptnet",
    "fault",
    /no pipes and no host rings/,
    undefined,
  ],
  [
    "the kernel does not tell who is there",
    portFacts("p{1", ofKernel({ standstill: { direction: "tx", partner: "rx" } })),
    "kernel_tells_nothing",
    "note",
    /may not be open; the kernel/,
    undefined,
  ],
  [
    "there is no such interface",
    portFacts("eth9", { interface: null, interfaces: ["lo"] }),
    "interface",
    "fault",
    /there is no interface eth9; there are lo$/,
    /ip link/,
  ],
  [
    "its name is mistyped",
    portFacts("eht7", { interface: null }),
    "interface",
    "fault",
    /there is eth7$/,
    /^nm doctor eth7$/,
  ],
  [
    "it is in another network namespace",
    portFacts("x0", { interface: null, elsewhere: ["blue"] }),
    "interface",
    "fault",
    /network namespace blue has it/,
    /^ip netns exec blue nm doctor x0$/,
  ],
  ["it is the loopback", nic({ isLoopback: true }), "interface", "fault", /loopback/, /nm lab up/],
  ["it carries no Ethernet", nic({ isEthernet: false }), "interface", "fault", /no Ethernet/, undefined],
  [
    "one may not open it",
    nic({}, { missingCapabilities: ["CAP_NET_RAW"] }),
    "permitted",
    "fault",
    /takes CAP_NET_RAW/,
    /^sudo nm doctor eth7$/,
  ],
  [
    "it is down",
    nic({ isUp: false, hasCarrier: false }),
    "link",
    "fault",
    /it is down/,
    /^ip link set eth7 up$/,
  ],
  [
    "its other end is down",
    nic({ hasCarrier: false, peerNamespace: "blue" }),
    "link",
    "fault",
    /eth8 in namespace blue, is down/,
    /^ip -n blue link set eth8 up$/,
  ],
  [
    "there is no link",
    nic({ hasCarrier: false, kind: "", peerName: undefined }),
    "link",
    "fault",
    /no link/,
    undefined,
  ],
  ["the link is half duplex", nic({ halfDuplex: true }), "duplex", "warning", /half duplex/, undefined],
  [
    "the user came in through it",
    nic({ carriesThisSession: true, hasDefaultRoute: true }),
    "host_use",
    "warning",
    /cuts you off/,
    undefined,
  ],
  [
    "the host needs it",
    nic({ hasDefaultRoute: true, addresses: ["192.0.2.1"] }),
    "host_use",
    "warning",
    /default route/,
    undefined,
  ],
  [
    "the host has an address there",
    nic({ addresses: ["192.0.2.1"] }),
    "host_use",
    "note",
    /192\.0\.2\.1/,
    undefined,
  ],
  ["it is part of a bridge", nic({ masterName: "br0" }), "master", "note", /a port of br0/, /nomaster$/],
  [
    "another program has it by XDP",
    nic({ xdpMode: 1, xdpProgram: 9 }),
    "xdp_program",
    "warning",
    /XDP program 9 .*natively/,
    /^ip link set dev eth7 xdp off$/,
  ],
  ["it joins packets", nic({ lro: true }), "merging", "warning", /LRO/, /^ethtool -K eth7 lro off$/],
  ["the kernel joins packets", nic({ gro: true, kind: "" }), "merging", "note", /GRO/, /gro off$/],
  [
    "flow control is on",
    nic({ rxPause: true }),
    "flow_control",
    "note",
    /flow control/,
    /^ethtool -A eth7 rx off tx off$/,
  ],
  [
    "rings are short",
    nic({ rxSlots: 256, mostRxSlots: 4096 }),
    "ring_sizes",
    "note",
    /256 slots of 4096/,
    /^ethtool -G eth7 rx 4096$/,
  ],
  [
    "queues are unused",
    nic({ kind: "", queues: 1, mostQueues: 8 }),
    "queues",
    "note",
    /1 of 8 queues/,
    /combined 8$/,
  ],
  ["it is an imitation", nic({ kind: "", driver: "e1000" }), "emulated", "note", /virtio/, undefined],
  ["its packets are large", nic({ mtu: 9000 }), "jumbo", "note", /9018 bytes/, undefined],
  ["it lost packets", nic({ counters: { rx_missed_errors: 1200 } }), "missed", "note", /1,200/, undefined],
  [
    "a pipe has no other end",
    portFacts("p{1"),
    "pipe_peer",
    "note",
    /nobody has netmap:p\}1 open/,
    /^nm pkt-gen -i 'netmap:p\}1' -f rx$/,
  ],
  [
    "a switch has no other port",
    portFacts("vale1:a"),
    "switch_neighbours",
    "note",
    /no other port is on switch vale1$/,
    /^nm pkt-gen -i vale1:b -f rx$/,
  ],
  [
    "a monitor watches nobody",
    portFacts("vale1:a/r"),
    "monitor_watched",
    "note",
    /nobody has .* vale1:a, open|nobody has .*vale1:a open/,
    undefined,
  ],
  ["a null port leads nowhere", portFacts("null"), "null_port", "note", /null port/, undefined],
  ["nothing arrives", nic({}, { standstill: receiving }), "traffic", "note", /nothing arrives/, undefined],
];

for (const [title, facts, check, level, says, fix] of portIlls) {
  test(`doctor sees of a port that ${title}`, () => {
    const found = lookAtPort(facts).filter((finding) => finding.check === check && finding.level !== "ok");
    assert.equal(found.length, 1);
    assert.equal(found[0]?.level, level);
    assert.match(found[0]?.says ?? "", says);
    if (fix) assert.match(found[0]?.fix ?? "", fix);
    else assert.equal(found[0]?.fix, undefined);
  });
}

test("every check of a port is seen to complain, or to have nothing to complain of", () => {
  const complaining = new Set<string>(portIlls.map(([, , check]) => check));
  const never = portChecks.map(({ name }) => name).filter((name) => !complaining.has(name));
  assert.deepEqual(never, ["users"]);
});

test("an interface that cannot be opened has no other faults", () => {
  const found = lookAtPort(nic({ isLoopback: true, isUp: false, lro: true }));
  assert.deepEqual(
    found.filter(({ level }) => level !== "ok").map(({ check }) => check),
    ["interface"],
  );
});

const other = opened("vale1:b", "vale", { pid: 43, sent: { ...nothing, packets: 1200 } });

/** A run that stands still, and the reason that it gives. */
const standstills: readonly (readonly [PortFacts, RegExp])[] = [
  [
    portFacts("p{1", { standstill: sending }),
    /^nobody has netmap:p\}1 open, the pipe's other end, and takes packets from it$/,
  ],
  [
    portFacts("p}1", { standstill: receiving }),
    /^nobody has netmap:p\{1 open, the pipe's other end, and sends on it$/,
  ],
  [
    portFacts("p{1", { standstill: sending, open: [opened("p}1", "pipe_slave")] }),
    /^"nm pkt-gen", process 42 has netmap:p\}1 open, .* takes no packets$/,
  ],
  [portFacts("p}1", { standstill: receiving, open: [opened("p{1", "pipe_master")] }), /sends nothing$/],
  [portFacts("vale1:a", { standstill: receiving }), /^no other port is on switch vale1$/],
  [
    portFacts("vale1:a", {
      standstill: receiving,
      otherNamespaces: [
        { directory: "/dev/shm/nm-0", switches: ["vale1"] },
        { directory: "/dev/shm/nm-9", switches: [] },
      ],
    }),
    /; those in \/dev\/shm\/nm-0 do not meet it$/,
  ],
  [
    portFacts("vale1:a", { standstill: receiving, open: [other] }),
    /^vale1:b \("nm pkt-gen", process 43\) is on switch vale1, sent 1,200 packets, and sends none to this port now$/,
  ],
  [portFacts("vale1:a", { standstill: receiving, open: [{ ...other, sent: nothing }] }), /sent nothing yet$/],
  [
    portFacts("vale1:a", { standstill: receiving, open: [opened("vale2:b", "vale")] }),
    /^no other port is on switch vale1$/,
  ],
  [portFacts("vale1:a/r", { standstill: receiving, open: [opened("vale1:a", "vale")] }), /moves no packets$/],
  [portFacts("null", { standstill: sending }), /^no packet passes through a null port$/],
  [nic({ isUp: false }, { standstill: receiving }), /^it is down$/],
  [nic({ hasCarrier: false }, { standstill: sending }), /^the other end of the pair, eth8, is down$/],
  [nic({ xdpMode: 2, xdpProgram: 3 }, { standstill: receiving }), /^another program has XDP program 3/],
  [nic({}, { standstill: sending }), /takes no packets/],
  [
    nic({ packetsPerSecond: { tx: 0, rx: 50 } }, { standstill: receiving }),
    /^50 packets a second arrive at the interface, but not in the rings that are open$/,
  ],
];

for (const [facts, reason] of standstills) {
  const { direction } = facts.standstill ?? sending;
  test(`a standstill of ${facts.name} in ${direction} has a reason: ${reason}`, () => {
    assert.match(cause(lookAtPort(facts), direction)?.says ?? "", reason);
  });
}

test("our own XDP program is nobody else's", () => {
  const found = lookAtPort(nic({ xdpMode: 1, xdpProgram: 9 }, { open: [opened("eth7", "nic")] }));
  assert.deepEqual(
    found.filter(({ check }) => check === "xdp_program"),
    [],
  );
});

test("a ptnet port is told of with the limits that it has, and how to change its headers", () => {
  const found = lookAtPort(nic({ driver: "ptnetmap-guest-drivers", kind: "" }, ofKernel({}))).filter(
    ({ check }) => check === "ptnet",
  );
  assert.match(found[0]?.says ?? "", /has no pipes and no host rings here/);
  assert.match(found[1]?.says ?? "", /ptnet_vnet_hdr 1.*forwarders and pkt-gen turn it off/);
  assert.equal(found[1]?.fix, "nm doctor eth7 --ptnet-header off");
});

test("of the kernel's ports doctor says nothing that only the embedded engine could know", () => {
  const found = lookAtPort(portFacts("vale1:a", ofKernel({})));
  assert.deepEqual(found, []);
});
