/**
 * Every failure a user can see, in one table.
 *
 * A row's name is the code that scripts match on, so it never changes. `exit` is the status the program ends
 * with: 1 it did not work, 2 the command line was wrong. `says` is the line printed on stderr: what we were
 * doing, a colon, why it did not work. `hint` is the next thing to try; it is omitted only where there is
 * nothing to try. The details a row asks for are also the extra fields of the JSON error line.
 * The table also feeds the ERRORS section of nm(1).
 */

import { engineLimits, kernelDevice, type Status } from "./layout.js";

/** What the program's exit status says. Scripts rely on it. */
export const exitStatus = {
  done: 0,
  failed: 1,
  wrongCommandLine: 2,
  expectationFailed: 3,
  interrupted: 130,
} as const;

/** What a row may know about one failure. Names are snake_case, because they are printed as JSON. */
type Fields = Record<string, string | number | null | undefined>;

interface Row {
  readonly exit: 1 | 2;
  readonly says: (details: never) => string;
  readonly hint?: string | ((details: never) => string);
}

/** A request to a netmap device that did not work. */
export interface PortFailure {
  /** What was tried, for example "open port". */
  readonly action: string;
  readonly port: string;
  /** The namespace directory of the embedded engine. */
  readonly namespace: string;
  readonly status: Status;
  /** Of a filesystem that is full: what it has left, and about what the port would have taken. */
  readonly free_bytes?: number;
  readonly needed_bytes?: number;
  /** Of a network interface: why each driver refused, and the capability that is all that is missing. */
  readonly refusals?: string | undefined;
  readonly capability?: string | undefined;
  /** Of a ring that was set back, where they are known: which ("RX ring 0"), and what it held. */
  readonly ring?: string;
  readonly head?: number;
  readonly cur?: number;
}

function because(reason: string | ((failure: PortFailure) => string)) {
  return (d: PortFailure) =>
    `Cannot ${d.action} "${d.port}": ${typeof reason === "function" ? reason(d) : reason}`;
}

const table = {
  UNKNOWN_COMMAND: {
    exit: 2,
    says: (d: { command: string; suggestion?: string | undefined }) =>
      `nm has no command "${d.command}" in this version`,
    hint: (d: { suggestion?: string | undefined }) =>
      d.suggestion ? `Did you mean "nm ${d.suggestion}"?` : '"nm --help" lists the commands',
  },
  UNKNOWN_OPTION: {
    exit: 2,
    says: (d: { option: string; command: string; suggestion?: string | undefined }) =>
      `Cannot read ${d.option}: ${d.command} has no such option`,
    hint: (d: { command: string; suggestion?: string | undefined }) =>
      d.suggestion ? `Did you mean ${d.suggestion}?` : `"nm ${d.command} --help" lists the options`,
  },
  OPTION_VALUE: {
    exit: 2,
    says: (d: { option: string; text: string; expected: string; example: string }) =>
      `Cannot read ${d.option} "${d.text}": expected ${d.expected}`,
    hint: (d: { example: string }) => `Write it as ${d.example}`,
  },
  ADDRESS_SYNTAX: {
    exit: 2,
    says: (d: {
      option: string;
      text: string;
      position: number;
      found: string;
      expected: string;
      example: string;
    }) =>
      d.found === ""
        ? `Cannot read ${d.option} "${d.text}": ${d.expected} is missing at position ${d.position}`
        : `Cannot read ${d.option} "${d.text}": found "${d.found}" at position ${d.position}, expected ${d.expected}`,
    hint: (d: { example: string }) => `Write it as ${d.example}`,
  },
  PROFILE_SYNTAX: {
    exit: 2,
    says: (d: { text: string; position: number; found: string; expected: string; example: string }) =>
      d.found === ""
        ? `Cannot read --profile "${d.text}": ${d.expected} is missing at position ${d.position}`
        : `Cannot read --profile "${d.text}": found "${d.found}" at position ${d.position}, expected ${d.expected}`,
    hint: (d: { example: string }) => `Write it as --profile "${d.example}"`,
  },
  LINE_RATE_UNKNOWN: {
    exit: 2,
    says: (d: { text: string; port: string }) =>
      `Cannot send at ${d.text} of the line rate on port "${d.port}": it has none that is known`,
    hint: "Give it with --line-rate, for example --line-rate 10Gbps, or write the rate itself",
  },
  MODEL_SYNTAX: {
    exit: 2,
    says: (d: { option: string; text: string; reason: string; forms: string }) =>
      `Cannot read ${d.option} "${d.text}": ${d.reason}`,
    hint: (d: { forms: string }) => `Write it like one of: ${d.forms}`,
  },
  LINK_PORTS: {
    exit: 2,
    says: (d: { ports: number }) =>
      `Cannot run tlem with ${d.ports} ${d.ports === 1 ? "port" : "ports"}: expected two`,
    hint: "Give both ends of the link, for example nm tlem -i vale0:a -i vale1:a",
  },
  LINK_ONE_PORT: {
    exit: 2,
    says: (d: { port: string }) =>
      `Cannot run tlem with "${d.port}" at both ends: expected two different ports`,
    hint: "Give two ports, for example nm tlem -i vale0:a -i vale1:a",
  },
  LINK_OPTION_MANY: {
    exit: 2,
    says: (d: { option: string; text: string }) =>
      `Cannot read ${d.option} "${d.text}": it is given more than twice, and a link has two directions`,
    hint: (d: { option: string }) => `Give ${d.option} once for both directions, or once for each`,
  },
  CONFIG_UNREADABLE: {
    exit: 1,
    says: (d: { path: string; reason: string }) => `Cannot read "${d.path}": ${d.reason}`,
    hint: "Check its name and who may read it",
  },
  CONFIG_LINE: {
    exit: 2,
    says: (d: { path: string; line: number; found: string; expected: string }) =>
      `Cannot read line ${d.line} of "${d.path}": found "${d.found}", expected ${d.expected}`,
    hint: "Write one option a line, for example: -B 10M",
  },
  OPTION_NEEDS_VALUE: {
    exit: 2,
    says: (d: { option: string; expected: string; example: string }) =>
      `Cannot read ${d.option}: it needs ${d.expected} after it`,
    hint: (d: { example: string }) => `Write it as ${d.example}`,
  },
  OPTION_TAKES_NO_VALUE: {
    exit: 2,
    says: (d: { option: string; text: string }) => `Cannot read ${d.option} "${d.text}": it takes no value`,
    hint: (d: { option: string }) => `Write ${d.option} alone, or leave it out`,
  },
  OPTION_TWICE: {
    exit: 2,
    says: (d: { option: string }) => `Cannot read ${d.option}: it is given more than once`,
    hint: (d: { option: string }) => `Keep one ${d.option}`,
  },
  OPTION_MISSING: {
    exit: 2,
    says: (d: { option: string; command: string; example: string }) =>
      `Cannot run ${d.command}: ${d.option} is missing`,
    hint: (d: { example: string }) => `For example: ${d.example}`,
  },
  ARGUMENT_MISSING: {
    exit: 2,
    says: (d: { argument: string; command: string; example: string }) =>
      `Cannot run ${d.command}: ${d.argument} is missing`,
    hint: (d: { example: string }) => `For example: ${d.example}`,
  },
  ARGUMENT_VALUE: {
    exit: 2,
    says: (d: { argument: string; text: string; expected: string; command: string }) =>
      `Cannot read ${d.argument} "${d.text}": expected ${d.expected}`,
    hint: (d: { command: string }) => `"nm ${d.command} --help" says more`,
  },
  ARGUMENT_UNEXPECTED: {
    exit: 2,
    says: (d: { text: string; command: string; takes: string }) =>
      `Cannot read "${d.text}": ${d.command} takes ${d.takes}`,
    hint: (d: { command: string }) => `"nm ${d.command} --help" shows how to write it`,
  },
  OPTION_CONFLICT: {
    exit: 2,
    says: (d: { option: string; with: string; reason: string }) =>
      `Cannot use ${d.option} with ${d.with}: ${d.reason}`,
    hint: (d: { option: string; with: string }) => `Leave out ${d.option}, or ${d.with}`,
  },
  SPLIT_MISSING: {
    exit: 2,
    says: (d: { ports: number }) =>
      `Cannot send by ${d.ports} ports: nothing says which packets leave by which of them`,
    hint: "Add --split auto, which sends what clients sent by the first port and what servers sent by the second",
  },
  SPLIT_PORTS: {
    exit: 2,
    says: (d: { ports: number }) =>
      `Cannot use --split with ${d.ports} port${d.ports === 1 ? "" : "s"}: expected two`,
    hint: "Give -i twice: -i vale1:a -i vale2:a",
  },
  PATCH_SYNTAX: {
    exit: 2,
    says: (d: { text: string; reason: string }) => `Cannot read patch "${d.text}": ${d.reason}`,
    hint: "Write it as 'vale0:a<->vale1:b' for both directions, or 'vale0:a->vale1:b' for one, in quotes",
  },
  PATCH_SOURCE_TWICE: {
    exit: 2,
    says: (d: { port: string }) => `Cannot send what arrives at "${d.port}" to two ports: it leaves by one`,
    hint: "Leave out one patch; --mirror PORT gives a copy of all that passes to one more port",
  },
  BRIDGE_MISSING: {
    exit: 2,
    says: (d: { command: string }) => `Cannot run ${d.command}: there is no port to bridge`,
    hint: "For example: nm bridge -i vale0:a -i vale1:b",
  },
  BRIDGE_ONE_PORT: {
    exit: 2,
    says: (d: { port: string }) =>
      `Cannot bridge port "${d.port}" with its host stack: only a network interface has one`,
    hint: "Give a second port: -i PORT; or -L to send back what arrives",
  },
  BRIDGE_MANY_PORTS: {
    exit: 2,
    says: (d: { ports: number }) => `Cannot bridge ${d.ports} ports: expected two`,
    hint: "Join more by patches: nm bridge 'vale0:a<->vale1:a' 'vale0:b->vale2:a'",
  },
  BRIDGE_WAYS_MIXED: {
    exit: 2,
    says: (d: { text: string }) =>
      `Cannot read "${d.text}" beside a patch: ports are named in one way at a time`,
    hint: "Write all of it as patches: nm bridge 'vale0:a<->vale1:a' 'vale0:b->vale2:a'",
  },
  DIRECTION_UNKNOWN: {
    exit: 2,
    says: (d: { option: string; text: string; direction: string; known: string }) =>
      `Cannot read ${d.option} "${d.text}": the bridge has no direction ${d.direction}`,
    hint: (d: { known: string }) => `Its directions are: ${d.known}`,
  },
  BRIDGE_RINGS_DIFFER: {
    exit: 2,
    says: (d: { port: string; rings: number; other: string; other_rings: number }) =>
      `Cannot share rings among threads: port "${d.port}" has ${d.rings} and "${d.other}" has ${d.other_rings}`,
    hint: "Give both as many, @conf:rings=N after the name of a new software port; or leave out --threads",
  },
  LB_PREFIX_MISSING: {
    exit: 2,
    says: (d: { port: string }) =>
      `Cannot name pipes after port "${d.port}": only those of a switch or a network interface give a name`,
    hint: "Say what pipes are called: -p web:4 makes web}0 to web}3",
  },
  LB_OTHER_MEMORY: {
    exit: 1,
    says: (d: { port: string; input: string }) =>
      `Cannot open "${d.port}" in the memory of "${d.input}": the pipe is there already, in other memory`,
    hint: "Close the programs that use its ends, and start nm lb before them; or choose another name, -p PREFIX:N",
  },
  CAPTURE_UNREADABLE: {
    exit: 1,
    says: (d: { path: string; reason: string }) => `Cannot read capture "${d.path}": ${d.reason}`,
    hint: "Give the path of a pcap or pcapng file that you may read",
  },
  CAPTURE_UNWRITABLE: {
    exit: 1,
    says: (d: { path: string; reason: string }) => `Cannot write capture "${d.path}": ${d.reason}`,
    hint: "Give a path where you may write, on a disk with room",
  },
  CAPTURE_ON_TERMINAL: {
    exit: 2,
    says: (d: { port: string }) => `Cannot write the capture of "${d.port}" to a terminal: it is not text`,
    hint: (d: { port: string }) =>
      `Name a file, -w trace.pcapng; or see packets: nm dump -i '${d.port}' | tcpdump -nr -`,
  },
  CAPTURE_NOT_OPEN: {
    exit: 1,
    says: (d: { port: string }) => `Cannot watch port "${d.port}": no program has it open`,
    hint: "tcpdump sees what the host sees; --take opens the port and takes its packets from the host",
  },
  CAPTURE_BROKEN: {
    exit: 1,
    says: (d: { path: string; kind: string; offset: number; expected: string; found: string }) =>
      `Cannot read capture "${d.path}": expected ${d.expected} at byte ${d.offset}, found ${d.found}`,
    hint: "Write the file anew: tcpdump, tshark and editcap write pcap and pcapng files",
  },
  CAPTURE_TOO_LARGE: {
    exit: 1,
    says: (d: { path: string }) =>
      `Cannot keep capture "${d.path}" in memory: it holds more than 1 GiB of packets`,
    hint: "editcap -r takes some packets out of a capture",
  },
  CAPTURE_PACKET_TOO_LONG: {
    exit: 1,
    says: (d: { path: string; offset: number; length: number }) =>
      `Cannot send capture "${d.path}": the packet before byte ${d.offset} has ${d.length} bytes, expected 65535 at most`,
    hint: "editcap -s cuts the packets of a capture",
  },
  CAPTURE_LINK_TYPE: {
    exit: 1,
    says: (d: { path: string; link_type: number }) =>
      `Cannot send capture "${d.path}": its packets are of link type ${d.link_type}, expected Ethernet, 1`,
    hint: "Capture on an Ethernet interface, not on any",
  },
  FILE_UNWRITABLE: {
    exit: 1,
    says: (d: { path: string; reason: string }) => `Cannot write "${d.path}": ${d.reason}`,
    hint: "Name a file in a directory that exists and that you may write to",
  },
  CAPTURE_EMPTY: {
    exit: 1,
    says: (d: { path: string }) => `Cannot send capture "${d.path}": it has no packets`,
    hint: "nm pkt-gen without -P makes packets of its own",
  },
  CAPTURE_NOTHING_LEFT: {
    exit: 1,
    says: (d: { path: string }) =>
      `Cannot send capture "${d.path}": of its packets, none is to be sent, or it has none`,
    hint: "nm nmreplay --info FILE tells what is in it; --from, --to and --filter choose packets",
  },
  CAPTURE_COMPRESSION: {
    exit: 1,
    says: (d: { path: string; reason: string }) => `Cannot unpack capture "${d.path}": ${d.reason}`,
    hint: "gzip -t or zstd -t tells whether the file is whole",
  },
  ZSTD_MISSING: {
    exit: 1,
    says: (d: { path: string; node: string }) =>
      `Cannot unpack capture "${d.path}": Node ${d.node} has no zstd, which came with 22.15`,
    hint: "Unpack it on the way: zstd -dc FILE | nm nmreplay -f - -i PORT",
  },
  FILTER_SYNTAX: {
    exit: 2,
    says: (d: { expression: string; reason: string }) => `Cannot read filter "${d.expression}": ${d.reason}`,
    hint: "Filters are written as for tcpdump, for example: udp port 53; man pcap-filter has the language",
  },
  LIBPCAP_MISSING: {
    exit: 1,
    says: (d: { expression: string; reason: string }) =>
      `Cannot compile filter "${d.expression}": libpcap does not load (${d.reason})`,
    hint: "Install it (apt install libpcap0.8, dnf install libpcap), or leave the filter out",
  },
  THREADS_BEYOND_RINGS: {
    exit: 2,
    says: (d: { port: string; kind: string; threads: number; rings: number }) =>
      `Cannot run ${d.threads} threads on port "${d.port}": each needs a ring of its own, and it has ${d.rings} to ${d.kind === "tx" ? "send" : "receive"} with`,
    hint: (d: { threads: number }) =>
      `@conf:rings=${d.threads} after the name gives a new software port that many; or use fewer threads`,
  },
  TOO_MANY_SLOTS: {
    exit: 2,
    says: (d: { port: string; length: number; slots: number; bytes: number; most: number }) =>
      `Cannot send packets of ${d.length} bytes on port "${d.port}": they take ${d.slots} slots, and it takes ${d.most} for a packet`,
    hint: (d: { bytes: number }) =>
      `A slot holds ${d.bytes} bytes; send shorter packets, or give -M more bytes, -F fewer slots, or @conf:slots=N`,
  },
  PACKET_BEYOND_MTU: {
    exit: 2,
    says: (d: { port: string; length: number; mtu: number }) =>
      `Cannot send packets of ${d.length} bytes on port "${d.port}": without their 14 bytes of Ethernet header they are longer than its MTU, ${d.mtu}`,
    hint: (d: { mtu: number }) =>
      typeof d.mtu === "number"
        ? `Send at most ${d.mtu + 14} bytes, or raise the MTU of the interface`
        : "Send shorter packets, or raise the MTU of the interface",
  },
  PACKET_BEYOND_HEADER: {
    exit: 2,
    says: (d: { port: string; length: number; header: number; most: number }) =>
      `Cannot send packets of ${d.length} bytes on port "${d.port}": with a virtio-net header of ${d.header} bytes they can have ${d.most}`,
    hint: (d: { most: number }) =>
      typeof d.most === "number" ? `Send at most ${d.most} bytes` : "Send shorter packets",
  },
  PORT_WITHOUT_RINGS: {
    exit: 2,
    says: (d: { port: string; kind: string }) =>
      `Cannot ${d.kind === "tx" ? "send" : "receive"} on port "${d.port}": it has no ${d.kind} rings`,
    hint: "/R opens receive rings only and /T transmit rings only; a null port has rings with @conf:rings=1,slots=64",
  },
  PORT_SYNTAX: {
    exit: 2,
    says: (d: {
      text: string;
      reason: string;
      position: number;
      found: string;
      expected: string;
      hint: string;
    }) => `Cannot read port "${d.text}": ${d.reason}`,
    hint: (d: { hint: string }) => d.hint,
  },
  BACKEND_MISSING: {
    exit: 1,
    says: (d: { backend: string; reason: string }) => `Cannot use the ${d.backend} backend: ${d.reason}`,
    hint: "Leave out --backend and NM_BACKEND, or set them to embedded",
  },
  KERNEL_NOT_PERMITTED: {
    exit: 1,
    says: () => "Cannot use the kernel backend: this user may not open /dev/netmap",
    hint: 'Run it as root, or give yourself the device: "chgrp netmap /dev/netmap; chmod 660 /dev/netmap"',
  },
  KERNEL_NOT_LOADED: {
    exit: 1,
    says: () => "Cannot use the kernel backend: /dev/netmap is there, but its module is not loaded",
    hint: 'Load it ("modprobe netmap"), or use --backend embedded',
  },
  KERNEL_VERSION: {
    exit: 1,
    says: () => "Cannot use the kernel backend: its module speaks none of the versions 11 to 15 of netmap",
    hint: "Build the module from netmap's current sources, or use --backend embedded",
  },
  KERNEL_LACKS: {
    exit: 2,
    says: (d: { port: string; what: string }) =>
      `Cannot open "${d.port}": the kernel module has no ${d.what}`,
    hint: "Use the embedded engine, --backend embedded, or leave it out",
  },
  NATIVE_MISSING: {
    exit: 1,
    says: (d: { path: string; reason: string }) => `Cannot load ${d.path}: ${d.reason}`,
    hint: 'Run "npm rebuild netmap-tools", or "npm run build" in a clone; both need a C++ compiler and python3',
  },
  PROGRAM_NOT_FOUND: {
    exit: 1,
    says: (d: { program: string; reason: string }) => `Cannot run "${d.program}": ${d.reason}`,
    hint: "Write it with its directory, for example ./PROGRAM, or check PATH",
  },
  PROGRAM_NOT_EXECUTABLE: {
    exit: 1,
    says: (d: { program: string; path: string; reason: string }) => `Cannot run "${d.program}": ${d.reason}`,
    hint: "It must be a program, or a script whose first line names its interpreter: #!/bin/sh",
  },
  PROGRAM_STATIC: {
    exit: 1,
    says: (d: { program: string; path: string }) =>
      `Cannot run "${d.program}": ${d.path} is statically linked, so nothing can serve its calls`,
    hint: "Link it dynamically (without -static), or compile it to use the kernel module",
  },
  PROGRAM_PRIVILEGED: {
    exit: 1,
    says: (d: { program: string; path: string; privileged: string }) =>
      `Cannot run "${d.program}": ${d.path} ${d.privileged}, and the system lets nothing be loaded into such programs`,
    hint: "A copy of it has no such rights: cp PROGRAM /tmp/ and run that",
  },
  PROGRAM_FOREIGN: {
    exit: 1,
    says: (d: { program: string; path: string; reason: string }) =>
      `Cannot run "${d.program}": ${d.path} ${d.reason}`,
    hint: "Run a program that was built for this machine and its C library",
  },
  PROGRAM_REFUSED: {
    exit: 1,
    says: (d: { program: string; path: string; reason: string }) =>
      `Cannot run "${d.program}": the system refused to start ${d.path} (${d.reason})`,
    hint: "Start it without nm to see whether it runs at all",
  },
  QEMU_UNFIT: {
    exit: 1,
    says: (d: { qemu: string; reason: string }) => `Cannot give netmap ports to ${d.qemu}: ${d.reason}`,
    hint: "Build github.com/netmap-unipi/qemu with --enable-netmap and name it with --qemu, or use --emulated where only ptnet is missing",
  },
  PORT_NOT_PASSED: {
    exit: 2,
    says: (d: { port: string; reason: string }) => `Cannot give port "${d.port}" to a machine: ${d.reason}`,
    hint: "Ports of the kernel module can be given: vale0:a, p{1 or eth0",
  },
  PORT_CLOSED: {
    exit: 1,
    says: (d: { port: string }) => `Cannot use port "${d.port}": it is closed`,
    hint: "Open it again",
  },
  PORT_WAITING: {
    exit: 1,
    says: (d: { port: string }) => `Cannot wait for port "${d.port}": another wait is under way`,
    hint: "Await the first wait, or abort it with its signal",
  },
  PORT_RUNNING: {
    exit: 1,
    says: (d: { port: string }) => `Cannot use port "${d.port}": a traffic loop or a wait is under way`,
    hint: "Await its end first",
  },
  API_VERSION: {
    exit: 1,
    says: because("the device speaks another version of netmap's interface"),
    hint: "NM_BACKEND=embedded uses the engine that comes with nm",
  },
  REQUEST_REFUSED: {
    exit: 1,
    says: because((d) => `the device refused the request (${d.status})`),
    hint: "This is a fault of nm; NM_LOG=debug shows the request",
  },
  REQUEST_UNSUPPORTED: {
    exit: 1,
    says: because("the embedded engine does not do that in this version"),
    hint: "VALE ports (vale1:a), pipes (a{1) and null ports work",
  },
  PORT_OPTION_UNSUPPORTED: {
    exit: 1,
    says: because("the embedded engine does not serve one of its @options in this version"),
    hint: "Leave out the one that this kind of port cannot have",
  },
  PORT_NAME: {
    exit: 2,
    says: because("the name is missing before or after the brace of a pipe"),
    hint: "Write a pipe as NAME{1 for one end and NAME}1 for the other",
  },
  SWITCH_NAME: {
    exit: 2,
    says: because("a part of the name is empty, longer than 15 characters, or has odd characters"),
    hint: "Write a switch port as vale1:NAME, with letters, digits and _ before the colon",
  },
  PORT_MODE: {
    exit: 2,
    says: because("this kind of port does not have the rings that were asked for"),
    hint: "Leave out what follows the name: ^ and * are for network interfaces",
  },
  PORT_RING: {
    exit: 2,
    says: because("it has no ring of that number"),
    hint: "Rings count from 0; @conf:rings=N gives a new software port more of them",
  },
  PORT_GEOMETRY: {
    exit: 2,
    says: because(
      `more rings or slots than a port can have: ${engineLimits.slots} slots in a ring, ` +
        `${engineLimits.valeRings} rings of a switch port, ${engineLimits.pipeRings} of a pipe`,
    ),
    hint: "Ask for less with @conf:rings=N,slots=N",
  },
  INTERFACE_NOT_FOUND: {
    exit: 1,
    says: because("no network interface has this name"),
    hint: '"ip link" lists the interfaces; software ports need none: vale1:a, a{1',
  },
  INTERFACE_UNFIT: {
    exit: 1,
    says: because("the network interface carries no Ethernet frames to and from a network"),
    hint: 'Use an Ethernet interface ("ip link" lists them with link/ether), a switch port or a pipe: vale1:a, a{1',
  },
  INTERFACE_NOT_ATTACHED: {
    exit: 1,
    says: because(
      "the part after the colon names a network interface or a persistent port, which is not attached to the switch",
    ),
    hint: "Attach it first, or choose another name for the port",
  },
  INTERFACE_GONE: {
    exit: 1,
    says: because("the network interface went away while it was open"),
    hint: "Open it again when it is back",
  },
  INTERFACE_DOWN: {
    exit: 1,
    says: because("the network interface was taken down while it was open"),
    hint: "Bring it up (ip link set NAME up) and open it again",
  },
  DRIVER_UNKNOWN: {
    exit: 2,
    says: because("there is no driver of that name"),
    hint: "Leave @driver and NM_DRIVER out, and the best driver that works is taken",
  },
  DRIVER_DIFFERS: {
    exit: 1,
    says: because("it is open with another driver than asked for"),
    hint: "Leave the driver out, or close the port everywhere first",
  },
  DRIVER_NONE: {
    exit: 1,
    says: because((d) => `no driver works with this network interface (${d.refusals})`),
    hint: '"nm doctor PORT" looks what is missing',
  },
  INTERFACE_NOT_PERMITTED: {
    exit: 1,
    says: because((d) => `a network interface takes the capability ${d.capability}`),
    hint:
      "Run it with sudo, or let node have what it takes: " +
      'sudo setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon+ep "$(readlink -f "$(command -v node)")"',
  },
  WORKER_MISSING: {
    exit: 1,
    says: because(
      "the program nm-switch-worker, which moves an attached interface's packets, cannot be started",
    ),
    hint: 'It lies in build/Release of this package; "npm rebuild" makes it',
  },
  WORKER_FAILED: {
    exit: 1,
    says: because("the process that was to move the interface's packets ended before it was ready"),
    hint: "Try again; the interface is as it was",
  },
  WORKER_STUCK: {
    exit: 1,
    says: because("the process that moves the interface's packets does not let go of it"),
    hint: 'Look what nm-switch-worker does ("ps -C nm-switch-worker"), or kill it: the interface is free then',
  },
  NOTHING_TO_ATTACH: {
    exit: 1,
    says: because("the name after the colon is no network interface and no persistent port"),
    hint: "Make it first (nm vale-ctl create NAME); ports that programs open need no attaching",
  },
  NAME_TAKEN: {
    exit: 1,
    says: because("a port or a network interface has this name"),
    hint: "Choose another name",
  },
  PERSISTENT_NAME: {
    exit: 2,
    says: because("no persistent port can have this name"),
    hint: 'Write 1 to 15 characters that do not begin with "val", without "/", ":", "{", "}" and spaces',
  },
  PORT_NOT_PERSISTENT: {
    exit: 1,
    says: because("it is not a persistent port"),
    hint: "Only what VALE_NEWIF made can be deleted; other ports go when they are closed",
  },
  PERSISTENT_NOT_FOUND: {
    exit: 1,
    says: because("there is no persistent port of this name"),
    hint: '"nm vale-ctl list" shows them',
  },
  PORT_ATTACHED: {
    exit: 1,
    says: because("it is on a switch"),
    hint: "Detach it first",
  },
  PORT_JOINS_SWITCHES: {
    exit: 1,
    says: because("it joins two switches"),
    hint: "Detach it from the one that it was attached to last",
  },
  PORT_EPHEMERAL: {
    exit: 1,
    says: because("it is on its switch for as long as a program has it open"),
    hint: "Close it there; only network interfaces and persistent ports are attached and detached",
  },
  PORT_USED: {
    exit: 1,
    says: because("a program has it open, or pipes hang on it"),
    hint: "Close it and its pipes first",
  },
  PORT_AWAITS_SENDER: {
    exit: 1,
    says: because("a sender that is stopped is in the middle of copying a packet to it"),
    hint: "Find the stopped program (ps shows it in state T) and continue or end it",
  },
  REGION_CHOSEN: {
    exit: 1,
    says: because("it has its memory already, in another region than asked for"),
    hint: "A persistent port gets its region when it is made; leave it out here",
  },
  PORT_POLLED: {
    exit: 1,
    says: because("the interface is polled"),
    hint: "Stop that first, with VALE_POLLING_DISABLE (vale-ctl -P PORT)",
  },
  POLLING_PROCESSORS: {
    exit: 1,
    says: because("it cannot be polled in this way, or on these processors"),
    hint: "Choose one processor with NETMAP_POLLING_MODE_SINGLE_CPU, or several that there are",
  },
  POLLING_ALREADY: {
    exit: 1,
    says: because("it is polled already"),
    hint: "Stop that first, with VALE_POLLING_DISABLE (vale-ctl -P PORT)",
  },
  POLLING_NOT: {
    exit: 1,
    says: because("it is not polled"),
    hint: "VALE_POLLING_ENABLE begins it (vale-ctl -p PORT -C 1,0,1)",
  },
  POLLING_UNSUPPORTED: {
    exit: 1,
    says: because("only a network interface on a switch can be polled"),
    hint: "Software ports need no polling: who sends does the work",
  },
  PORT_NOT_FOUND: {
    exit: 1,
    says: because("there is no port of this name"),
    hint: "Start what should open it first, with the same NM_DIR",
  },
  SWITCH_NOT_FOUND: {
    exit: 1,
    says: because("there is no switch of this name"),
    hint: "A switch is there while it has a port",
  },
  PIPE_NOT_FOUND: {
    exit: 1,
    says: because("nobody has a pipe of this name open"),
    hint: "Start what should open it first, with the same NM_DIR",
  },
  REGION_NOT_FOUND: {
    exit: 1,
    says: because("no memory region has this id"),
    hint: "Leave out @ID, or write @share:port=PORT to use the memory of a port that is open",
  },
  WATCHED_NOT_OPEN: {
    exit: 1,
    says: because("a monitor watches a port that is open, and this one is not"),
    hint: "Start what should open it first, with the same NM_DIR; it is open under the name without /t, /r and /z",
  },
  MONITORS_FULL: {
    exit: 1,
    says: because(`its memory has ${engineLimits.monitors} monitors, which is all it has room for`),
    hint: "Close a monitor",
  },
  MONITOR_CANNOT_SEND: {
    exit: 1,
    says: because("a monitor only receives"),
    hint: "Send on the port itself: leave out /t, /r and /z",
  },
  HEADER_REQUIRED: {
    exit: 1,
    says: because("its packets begin with a virtio-net header"),
    hint: "Ask whoever set the header up to turn it off",
  },
  HEADER_UNSUPPORTED: {
    exit: 1,
    says: because("only ports of a switch can have a virtio-net header"),
  },
  HEADER_LENGTH: {
    exit: 2,
    says: because("a virtio-net header has 10 or 12 bytes, or none"),
  },
  PORT_EXCLUSIVE: {
    exit: 1,
    says: because("another program has its rings for itself"),
    hint: "Wait for that program to end, or open it there without /x",
  },
  PORT_IN_USE: {
    exit: 1,
    says: because("/x asks for its rings alone, but another program uses them"),
    hint: "Leave out /x, or wait for that program to end",
  },
  OFFSETS_UNSUPPORTED: {
    exit: 1,
    says: because("packets of such a port begin where their buffers do"),
    hint: "Leave out @offset; VALE ports, pipes, null ports and copying monitors can have it",
  },
  OFFSETS_INVALID: {
    exit: 2,
    says: because("the offset is larger than a buffer, or has more bits than were given for it"),
    hint: "Give a smaller offset, or more bits: @offset:initial=64,bits=16",
  },
  OFFSETS_AGREED: {
    exit: 1,
    says: because("others have its rings open with a smaller offset"),
    hint: "Ask for the same offset as they did, or for none",
  },
  SWITCHES_FULL: {
    exit: 1,
    says: because(`the namespace has ${engineLimits.switches} switches, which is all it has room for`),
    hint: "Use a switch that exists, or another namespace: NM_DIR=DIR",
  },
  SWITCH_FULL: {
    exit: 1,
    says: because(`the switch has ${engineLimits.switchPorts} ports, which is all it has room for`),
    hint: "Close a port, or use another switch",
  },
  MIRROR_NOT_FOUND: {
    exit: 1,
    says: because("the port that is to get copies is no other port of its switch"),
    hint: "nm vale-ctl list shows the ports of each switch; the mirror must be there first",
  },
  STATION_ADDRESS: {
    exit: 2,
    says: because("the address is that of a group, or all zero, and no station's"),
    hint: "Pin the address that a station sends from, for example 02:00:00:00:00:01",
  },
  STATION_NOT_PINNED: {
    exit: 1,
    says: because("no station of that address is pinned there"),
    hint: "nm vale-ctl macs SWITCH lists the stations and which are pinned",
  },
  STATION_PLACE_TAKEN: {
    exit: 1,
    says: because("another pinned station has its place in the table"),
    hint: "The table has one place for about a thousandth of all addresses: unpin the other, or use another switch",
  },
  TOPOLOGY_UNREADABLE: {
    exit: 1,
    says: (d: { file: string; reason: string }) => `Cannot read "${d.file}": ${d.reason}`,
    hint: "Give a YAML or JSON file, or - for what comes on stdin",
  },
  TOPOLOGY_SYNTAX: {
    exit: 2,
    says: (d: { file: string; line: number; column: number; reason: string }) =>
      `Cannot apply ${d.file}:${d.line}:${d.column}: ${d.reason}`,
    hint: "nm vale-ctl --help shows a whole file; schema/topology.schema.json describes all of it",
  },
  TOPOLOGY_PORT_OPEN: {
    exit: 1,
    says: (d: { port: string; is: string; pids: string }) =>
      `Cannot make "${d.port}" as declared: it is ${d.is}, and process ${d.pids} has it open`,
    hint: "End that program, or leave the port out of the file",
  },
  ACTION_TWICE: {
    exit: 2,
    says: (d: { first: string; second: string }) =>
      `Cannot do ${d.first} and ${d.second} at once: vale-ctl does one thing at a time`,
    hint: (d: { second: string }) => `Run it again for ${d.second}`,
  },
  LISTEN_FAILED: {
    exit: 1,
    says: (d: { address: string; reason: string }) => `Cannot listen on ${d.address}: ${d.reason}`,
    hint: "Give another address or port, for example --listen 127.0.0.1:9464",
  },
  PIPES_FULL: {
    exit: 1,
    says: because(`the parent has ${engineLimits.pipesPerParent} pipes, which is all it has room for`),
    hint: "Close a pipe, or use another name before the brace",
  },
  OPEN_PORTS_FULL: {
    exit: 1,
    says: because(`the namespace has ${engineLimits.openPorts} open ports, which is all it has room for`),
    hint: "Close a port, or use another namespace: NM_DIR=DIR",
  },
  REGIONS_FULL: {
    exit: 1,
    says: because(`the namespace has ${engineLimits.regions} memory regions, which is all it has room for`),
    hint: "Close a port, or let ports share memory: @share:port=PORT",
  },
  REGION_INTERFACES_FULL: {
    exit: 1,
    says: because(
      `its memory region serves all the open ports that it can; one that nobody sized, ${engineLimits.regionInterfaces}`,
    ),
    hint: "Close a port of the region, or open this one in a region of its own",
  },
  REGION_RINGS_FULL: {
    exit: 1,
    says: because(
      `its memory region has no room for so many rings; one that nobody sized has ${engineLimits.regionRings}`,
    ),
    hint: "Close a port of the region, or ask for fewer rings: @conf:rings=N",
  },
  SYNC_LOOP_OWNS_RINGS: {
    exit: 1,
    says: because("a sync loop has its rings"),
    hint: "End the loop with NETMAP_REQ_SYNC_KLOOP_STOP; a descriptor with control blocks is never synced otherwise",
  },
  SYNC_LOOP_INVALID: {
    exit: 1,
    says: because("a sync loop cannot be run like this"),
    hint: "See NETMAP_REQ_SYNC_KLOOP_START in netmap(4)",
  },
  EXTMEM_SMALL: {
    exit: 1,
    says: because("the file of its memory has no room for the pools that were asked for"),
    hint: "Make the file larger (truncate -s 16M FILE), or ask for fewer objects: @extmem:file=FILE,buf_num=N",
  },
  EXTMEM_UNFIT: {
    exit: 1,
    says: because("the file of its memory cannot be used"),
    hint: "It must be a file that all programs of the namespace can open for reading and writing, as long as its ports are open",
  },
  EXTMEM_POOLS: {
    exit: 1,
    says: because("there are no memory pools of such sizes"),
    hint: `Ask for less: objects of at most 1 MiB, buffers of at most 65536 bytes, ${engineLimits.regionRings} rings`,
  },
  REGION_RINGS_SMALL: {
    exit: 1,
    says: because("the rings of its memory region have no room for so many slots"),
    hint: "Ask for fewer slots, @conf:slots=N, or make the region with larger rings, @extmem:file=FILE,ring_size=BYTES",
  },
  REGION_BUFFERS_FULL: {
    exit: 1,
    says: because(
      `its memory region has no room for so many buffers; one that nobody sized has ${engineLimits.regionBuffers}`,
    ),
    hint: "Close a port of the region, or ask for fewer slots: @conf:slots=N",
  },
  SPACE_EXHAUSTED: {
    exit: 1,
    says: because(
      (d) =>
        `it needs about ${megabytes(d.needed_bytes)} of memory and the filesystem of ${d.namespace} ` +
        `has ${megabytes(d.free_bytes)} left`,
    ),
    hint:
      "Give it more (docker run --shm-size=256m, mount -o remount,size=256m /dev/shm), use another tmpfs " +
      "(NM_DIR=DIR), or ask for fewer slots (@conf:slots=256)",
  },
  NAMESPACE_FOREIGN: {
    exit: 1,
    says: because((d) => `the namespace directory ${d.namespace} belongs to another user`),
    hint: "Set NM_DIR to a directory of your own",
  },
  NAMESPACE_OPEN: {
    exit: 1,
    says: because((d) => `the namespace directory ${d.namespace} is open to other users`),
    hint: (d: PortFailure) => `chmod 700 ${d.namespace} closes it, or set NM_DIR to another directory`,
  },
  NAMESPACE_NOT_DIRECTORY: {
    exit: 1,
    says: because((d) => `the namespace ${d.namespace} is a link or not a directory`),
    hint: "Set NM_DIR to a directory on a tmpfs; it is made if it does not exist",
  },
  NAMESPACE_VERSION: {
    exit: 1,
    says: because((d) => `another version of nm made the namespace ${d.namespace}`),
    hint: (d: PortFailure) =>
      `Stop the programs that use it and remove it (rm -r ${d.namespace}), or set NM_DIR to a new directory`,
  },
  NAMESPACE_CORRUPT: {
    exit: 1,
    says: because((d) => `a file of the namespace ${d.namespace} does not hold what it should`),
    hint: (d: PortFailure) =>
      `Stop the programs that use it and remove it (rm -r ${d.namespace}), or set NM_DIR to a new directory`,
  },
  NAMESPACE_BUSY: {
    exit: 1,
    says: because((d) => `another program has held the namespace ${d.namespace} locked for too long`),
    hint: "Find a stopped program that uses it (ps shows it in state T) and continue or end it",
  },
  NAMESPACE_UNUSABLE: {
    exit: 1,
    says: because((d) => `the namespace directory ${d.namespace} cannot be made or opened`),
    hint: "Set NM_DIR to a directory that you can write to, best on a tmpfs",
  },
  KERNEL_SWITCHES: {
    exit: 1,
    says: () =>
      "Cannot do this with switches of the kernel module: it has no counters, stations or policies that a program could reach",
    hint: "What works there: nm vale-ctl list, info, attach, detach, create, destroy and poll. --backend embedded has the rest",
  },
  PTNET_HEADER: {
    exit: 1,
    says: (d: { reason: string }) => `Cannot set ptnet_vnet_hdr: ${d.reason}`,
    hint: "It works as root in a virtual machine whose netmap was built with --enable-ptnetmap",
  },
  NATIVE_DRIVER_MISSING: {
    exit: 1,
    says: because("the kernel module is set to native drivers only (admode 1), and this interface has none"),
    hint: "echo 0 > /sys/module/netmap/parameters/admode",
  },
  KERNEL_INTERFACE_UNFIT: {
    exit: 1,
    says: because(
      "the kernel module does not take this interface: it is a loopback, or its MTU is larger than netmap's buffers",
    ),
    hint: (d: PortFailure) =>
      `ip link set dev ${d.port.replace(/^netmap:/, "").replace(/[^\w.-].*/, "")} mtu 1500, or enlarge buf_size in /sys/module/netmap/parameters`,
  },
  KERNEL_FULL: {
    exit: 1,
    says: because(
      "the kernel module has no room for it: no memory objects left in its region, or no free switch or switch port",
    ),
    hint: "Close other ports, or raise ring_num, buf_num or max_bridges of the netmap module",
  },
  KERNEL_REFUSED: {
    exit: 1,
    says: because("the kernel module refused it and gave no reason"),
    hint: 'Its log may say more: "dmesg | tail"',
  },
  EXTMEM_UNSUPPORTED: {
    exit: 1,
    says: because("the kernel module was built without external memory"),
    hint: "Configure it with --enable-extmem, or use --backend embedded",
  },
  NOT_COUNTED: {
    exit: 1,
    says: because("the kernel module does not count what passes through its rings"),
    hint: "Use the counts of the program that moves the packets, or --backend embedded",
  },
  PORT_GONE: {
    exit: 1,
    says: because("it went away while it was open"),
    hint: "Open it again",
  },
  RING_RESET: {
    exit: 1,
    says: because((d) => {
      const ring = d.ring === undefined ? "one of its rings" : `its ${d.ring}`;
      const held =
        d.head === undefined
          ? "a head or cur that cannot be"
          : `head ${d.head} and cur ${d.cur}, which cannot be`;
      return `${ring} had ${held}, and was set back`;
    }),
    hint: 'Another program uses the same ring, or writes into its memory: "/x" after the name of a port asks for its rings alone',
  },
  NOT_PERMITTED: {
    exit: 1,
    says: because("the operating system refused access"),
    hint: (d: PortFailure) =>
      d.namespace === kernelDevice ? "Run it as root" : `Check who owns the files in ${d.namespace}`,
  },
  TIMED_OUT: {
    exit: 1,
    says: because("nothing happened within the time given"),
    hint: "Give it more time, or check that the other side runs",
  },
  STOPPED: {
    exit: 1,
    says: because("it was told to stop"),
    hint: "Start it again",
  },
  SYSTEM_ERROR: {
    exit: 1,
    says: because("the operating system refused a call that should have worked"),
    hint: 'Look for exhausted limits: open files ("ulimit -n"), memory, processes',
  },
  TOOL_MISSING: {
    exit: 1,
    says: (d: { tool: string; package: string }) => `Cannot run "${d.tool}": there is no such program here`,
    hint: (d: { package: string }) => `Install it: apt install ${d.package}, or dnf install ${d.package}`,
  },
  CAPABILITY_MISSING: {
    exit: 1,
    says: (d: { action: string; capabilities: string }) =>
      `Cannot ${d.action}: this process does not have ${d.capabilities}`,
    hint: "Run it as root (sudo); a container needs --cap-add, or --privileged",
  },
  LAB_DIFFERS: {
    exit: 1,
    says: (d: { name: string; is: string; asked: string }) =>
      `Cannot make lab "${d.name}": it is up, and was made by "${d.is}"`,
    hint: (d: { name: string }) =>
      `Take it down first (nm lab down --name ${d.name}), or give this one another --name`,
  },
  LAB_BUSY: {
    exit: 1,
    says: (d: { name: string }) => `Cannot change lab "${d.name}": another nm lab is at work on it`,
    hint: "Wait for that one to end",
  },
  IP_FAILED: {
    exit: 1,
    says: (d: { command: string; reason: string }) => `Cannot run "${d.command}": ${d.reason}`,
    hint: "Run it by hand to see more; nm lab down takes away what is half-done",
  },
  PROGRAM_FAILED: {
    exit: 1,
    says: (d: { command: string; reason: string; hint: string | null }) =>
      `Cannot run "nm pkt-gen ${d.command}": ${d.reason}`,
    hint: (d: { hint: string | null }) => d.hint ?? "Run it by hand to see more",
  },
  OUTPUT_FAILED: {
    exit: 1,
    says: (d: { reason: string }) => `Cannot write to stdout: ${d.reason}`,
    hint: "Free some space there, or send the output somewhere else",
  },
  INTERNAL: {
    exit: 1,
    says: (d: { reason: string }) => `Cannot go on: ${d.reason}`,
    hint: "This is a fault of nm; NM_LOG=debug shows where it happened",
  },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof table;
export type ErrorDetails<Code extends ErrorCode> = Parameters<(typeof table)[Code]["says"]>[0];

export const errorCodes = Object.keys(table) as ErrorCode[];

export class NmError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "NmError";
  readonly exit: 1 | 2;
  readonly hint: string | undefined;

  constructor(
    readonly code: Code,
    readonly details: ErrorDetails<Code>,
    options?: ErrorOptions,
  ) {
    const row: Row = table[code];
    super(row.says(details as never), options);
    this.exit = row.exit;
    this.hint = typeof row.hint === "function" ? row.hint(details as never) : row.hint;
  }
}

/** What to call each way in which a device can fail. A status added in C++ does not compile here until it is named. */
export const statusErrors = {
  bad_version: "API_VERSION",
  bad_request: "REQUEST_REFUSED",
  bad_option: "REQUEST_REFUSED",
  unsupported_option: "PORT_OPTION_UNSUPPORTED",
  unsupported_request: "REQUEST_UNSUPPORTED",
  no_passthrough: "REQUEST_UNSUPPORTED",
  bad_address: "REQUEST_REFUSED",
  too_long_request: "REQUEST_REFUSED",
  bad_name: "PORT_NAME",
  bad_switch_name: "SWITCH_NAME",
  bad_mode: "PORT_MODE",
  bad_ring: "PORT_RING",
  bad_geometry: "PORT_GEOMETRY",
  no_such_interface: "INTERFACE_NOT_FOUND",
  interface_unfit: "INTERFACE_UNFIT",
  interface_gone: "INTERFACE_GONE",
  interface_down: "INTERFACE_DOWN",
  no_such_driver: "DRIVER_UNKNOWN",
  driver_differs: "DRIVER_DIFFERS",
  no_driver: "DRIVER_NONE",
  interface_not_attached: "INTERFACE_NOT_ATTACHED",
  interface_exists: "NAME_TAKEN",
  worker_missing: "WORKER_MISSING",
  worker_failed: "WORKER_FAILED",
  worker_stuck: "WORKER_STUCK",
  nothing_to_attach: "NOTHING_TO_ATTACH",
  bad_interface_name: "PERSISTENT_NAME",
  not_a_persistent_port: "PORT_NOT_PERSISTENT",
  port_attached: "PORT_ATTACHED",
  port_joins_switches: "PORT_JOINS_SWITCHES",
  port_ephemeral: "PORT_EPHEMERAL",
  port_used: "PORT_USED",
  port_awaits_sender: "PORT_AWAITS_SENDER",
  region_chosen: "REGION_CHOSEN",
  port_polled: "PORT_POLLED",
  bad_polling: "POLLING_PROCESSORS",
  polls_already: "POLLING_ALREADY",
  polls_not: "POLLING_NOT",
  polling_unsupported: "POLLING_UNSUPPORTED",
  no_such_port: "PORT_NOT_FOUND",
  no_such_switch: "SWITCH_NOT_FOUND",
  no_more_ports: "PORT_NOT_FOUND",
  not_on_a_switch: "SWITCH_NAME",
  no_such_mirror: "MIRROR_NOT_FOUND",
  bad_station: "STATION_ADDRESS",
  station_unknown: "STATION_NOT_PINNED",
  pin_taken: "STATION_PLACE_TAKEN",
  no_such_pipe: "PIPE_NOT_FOUND",
  no_such_region: "REGION_NOT_FOUND",
  watched_not_open: "WATCHED_NOT_OPEN",
  monitors_full: "MONITORS_FULL",
  monitor_receives_only: "MONITOR_CANNOT_SEND",
  header_required: "HEADER_REQUIRED",
  header_unsupported: "HEADER_UNSUPPORTED",
  bad_header_length: "HEADER_LENGTH",
  already_registered: "REQUEST_REFUSED",
  not_registered: "REQUEST_REFUSED",
  port_exclusive: "PORT_EXCLUSIVE",
  port_in_use: "PORT_IN_USE",
  offsets_unsupported: "OFFSETS_UNSUPPORTED",
  bad_offsets: "OFFSETS_INVALID",
  offsets_agreed: "OFFSETS_AGREED",
  switches_full: "SWITCHES_FULL",
  switch_full: "SWITCH_FULL",
  pipes_full: "PIPES_FULL",
  clients_full: "OPEN_PORTS_FULL",
  regions_full: "REGIONS_FULL",
  no_interfaces_left: "REGION_INTERFACES_FULL",
  no_rings_left: "REGION_RINGS_FULL",
  csb_mode: "SYNC_LOOP_OWNS_RINGS",
  csb_missing: "SYNC_LOOP_INVALID",
  csb_not_exclusive: "SYNC_LOOP_INVALID",
  csb_unaligned: "SYNC_LOOP_INVALID",
  kloop_running: "SYNC_LOOP_OWNS_RINGS",
  kloop_sleep_too_long: "SYNC_LOOP_INVALID",
  bad_kloop_mode: "SYNC_LOOP_INVALID",
  eventfds_mismatch: "SYNC_LOOP_INVALID",
  direct_needs_eventfds: "SYNC_LOOP_INVALID",
  bad_descriptor: "SYNC_LOOP_INVALID",
  not_an_eventfd: "SYNC_LOOP_INVALID",
  external_too_small: "EXTMEM_SMALL",
  external_unaligned: "EXTMEM_UNFIT",
  external_unreachable: "EXTMEM_UNFIT",
  bad_pools: "EXTMEM_POOLS",
  rings_too_small: "REGION_RINGS_SMALL",
  no_buffers_left: "REGION_BUFFERS_FULL",
  space_exhausted: "SPACE_EXHAUSTED",
  namespace_foreign: "NAMESPACE_FOREIGN",
  namespace_open: "NAMESPACE_OPEN",
  namespace_not_directory: "NAMESPACE_NOT_DIRECTORY",
  namespace_version: "NAMESPACE_VERSION",
  namespace_corrupt: "NAMESPACE_CORRUPT",
  namespace_busy: "NAMESPACE_BUSY",
  namespace_unusable: "NAMESPACE_UNUSABLE",
  module_version: "KERNEL_VERSION",
  no_module: "KERNEL_NOT_LOADED",
  device_not_permitted: "KERNEL_NOT_PERMITTED",
  no_native_driver: "NATIVE_DRIVER_MISSING",
  interface_unfit_for_kernel: "KERNEL_INTERFACE_UNFIT",
  kernel_full: "KERNEL_FULL",
  kernel_invalid: "KERNEL_REFUSED",
  external_unsupported: "EXTMEM_UNSUPPORTED",
  not_counted: "NOT_COUNTED",
  port_gone: "PORT_GONE",
  ring_reset: "RING_RESET",
  not_permitted: "NOT_PERMITTED",
  no_device: "BACKEND_MISSING",
  timed_out: "TIMED_OUT",
  interrupted: "STOPPED",
  system_error: "SYSTEM_ERROR",
} as const satisfies Record<Exclude<Status, "ok">, ErrorCode>;

/**
 * The run worked, and what it found is not what an --expect option asked for. The command has printed its
 * figures; the program prints this message, which has a line for each that was not so, and ends with status 3.
 */
export class ExpectationFailed extends Error {
  override readonly name = "ExpectationFailed";
}

/**
 * The user stopped the run before the count that was asked for. The command has printed its figures; the
 * program ends with status 130 and adds nothing.
 */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

function megabytes(bytes: number | undefined): string {
  return typeof bytes === "number" ? `${(bytes / 1e6).toFixed(1)} MB` : `${bytes}`;
}

/** The error as the one line that --json prints on stdout. */
export function errorLine(error: NmError): { readonly type: "error" } & Readonly<Record<string, unknown>> {
  const { code, message, hint } = error;
  return { type: "error", code, message, hint: hint ?? null, ...(error.details as Fields) };
}

/** How the manual describes an error: its row filled with the names of its details instead of their values. */
export function describeError(code: ErrorCode): { exit: number; says: string; hint: string | undefined } {
  const row: Row = table[code];
  const names = new Proxy({}, { get: (_, name) => String(name).toUpperCase() }) as never;
  const hint = typeof row.hint === "function" ? row.hint(names) : row.hint;
  return { exit: row.exit, says: row.says(names), hint };
}
