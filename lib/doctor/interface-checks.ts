/** What keeps packets from moving through a network interface, or makes them slow, or harms the host meanwhile. */

import { closest } from "../text.js";
import { type Check, fault, note, ok, warning } from "./finding.js";
import type { InterfaceFacts, PortFacts } from "./port-facts.js";

/** A check that looks only at ports whose interface is there, and can be opened. */
function interfaceCheck(
  name: string,
  look: (facts: InterfaceFacts, port: PortFacts) => ReturnType<Check<PortFacts>["look"]>,
): Check<PortFacts> {
  const canOpen = ({ isEthernet, isLoopback }: InterfaceFacts) => isEthernet && !isLoopback;
  return {
    name,
    look: (port) => (port.interface && canOpen(port.interface) ? look(port.interface, port) : []),
  };
}

const both = ["tx", "rx"] as const;

const there: Check<PortFacts> = {
  name: "interface",
  look({ interface: facts, spec, elsewhere, interfaces, nm }) {
    if (facts === undefined || (spec.kind === "tap" && facts === null)) return [];
    const { name } = spec;
    if (facts === null) {
      const [network] = elsewhere;
      if (network !== undefined) {
        return [
          fault(
            `there is no interface ${name} here; network namespace ${elsewhere.join(" and ")} has it`,
            `ip netns exec ${network} ${nm} doctor ${name}`,
          ),
        ];
      }
      const near = closest(name, interfaces);
      if (near) return [fault(`there is no interface ${name}; there is ${near}`, `${nm} doctor ${near}`)];
      return [fault(`there is no interface ${name}; there are ${interfaces.join(", ")}`, "ip link show")];
    }
    if (facts.isLoopback)
      return [fault(`${name} is the loopback, which netmap does not open`, `${nm} lab up`)];
    if (!facts.isEthernet) return [fault(`${name} carries no Ethernet frames, so it cannot be opened`)];
    return [ok(interfaceWords(facts))];
  },
};

function interfaceWords({ kind, driver, mtu, txQueues, rxQueues, speedMbps }: InterfaceFacts): string {
  const speed =
    speedMbps === 0 ? "" : `, ${speedMbps >= 1000 ? `${speedMbps / 1000} Gbit/s` : `${speedMbps} Mbit/s`}`;
  const what = kind || driver ? `a network interface (${kind || driver})` : "a network interface";
  return `${what}${speed}, MTU ${mtu}, transmit queues ${txQueues}, receive queues ${rxQueues}`;
}

const permitted: Check<PortFacts> = {
  name: "permitted",
  look({ spec, interface: facts, missingCapabilities, nm }) {
    if (spec.kind !== "tap" && !facts) return [];
    const needed =
      spec.kind === "tap" ? (["CAP_NET_ADMIN"] as const) : (["CAP_NET_RAW", "CAP_NET_ADMIN"] as const);
    const missing = needed.filter((name) => missingCapabilities.includes(name));
    if (missing.length === 0) return [];
    return [
      fault(
        `opening it takes ${missing.join(" and ")}, which this process does not have`,
        `sudo ${nm} doctor ${spec.name}`,
      ),
    ];
  },
};

const up = interfaceCheck("link", (facts) => {
  const { name, isUp, hasCarrier, kind, peerName, peerNamespace } = facts;
  if (!isUp) return [{ ...fault("it is down", `ip link set ${name} up`), stops: both }];
  if (hasCarrier) return [ok("it is up, and so is the link")];
  if (kind === "veth" && peerName !== undefined) {
    const place = peerNamespace === undefined ? "" : ` in namespace ${peerNamespace}`;
    const within = peerNamespace === undefined ? "" : ` -n ${peerNamespace}`;
    return [
      {
        ...fault(
          `the other end of the pair, ${peerName}${place}, is down`,
          `ip${within} link set ${peerName} up`,
        ),
        stops: both,
      },
    ];
  }
  return [{ ...fault("there is no link: the cable is out, or the other side is down"), stops: both }];
});

const duplex = interfaceCheck("duplex", ({ halfDuplex }) =>
  halfDuplex ? [warning("the link is half duplex: sending and receiving take turns, with collisions")] : [],
);

const hostUse = interfaceCheck("host_use", (facts) => {
  const { carriesThisSession, hasDefaultRoute, addresses } = facts;
  if (carriesThisSession)
    return [warning("this terminal's connection comes in through it: opening it cuts you off")];
  if (hasDefaultRoute)
    return [warning("the host's default route goes through it: while it is open the host has no network")];
  if (addresses.length > 0)
    return [note(`the host has ${addresses.join(", ")} on it, and cannot be reached there while it is open`)];
  return [];
});

const master = interfaceCheck("master", ({ name, masterName }) =>
  masterName === undefined
    ? []
    : [
        note(
          `it is a port of ${masterName}, which gets none of its packets while it is open`,
          `ip link set ${name} nomaster`,
        ),
      ],
);

const xdpModes = ["", "natively", "generically", "in hardware", "in several ways"];

const xdpProgram = interfaceCheck("xdp_program", ({ name, xdpMode, xdpProgram: id }, { open }) => {
  if (xdpMode === 0) return [];
  // Ours goes when whoever has the port open ends.
  if (open.some((port) => port.kind === "nic" && port.name === name)) return [];
  const words = `another program has XDP program ${id} attached to it (${xdpModes[xdpMode] ?? "somehow"}), which may take packets first`;
  return [{ ...warning(words, `ip link set dev ${name} xdp off`), stops: ["rx"] }];
});

const merging = interfaceCheck("merging", ({ name, kind, lro, gro }) => {
  if (lro)
    return [
      warning(
        "it joins received packets into larger ones (LRO), which are not what was on the wire",
        `ethtool -K ${name} lro off`,
      ),
    ];
  // A veth has GRO for its queues to be polled, which the fast drivers want.
  if (gro && kind !== "veth")
    return [
      note(
        "the kernel joins received packets into larger ones (GRO); drivers that get them so cut them again",
        `ethtool -K ${name} gro off`,
      ),
    ];
  return [];
});

const flowControl = interfaceCheck("flow_control", ({ name, rxPause, txPause }) =>
  rxPause || txPause
    ? [
        note(
          "flow control is on: a slow receiver holds its sender back, and both look slow",
          `ethtool -A ${name} rx off tx off`,
        ),
      ]
    : [],
);

const slots = interfaceCheck("ring_sizes", ({ name, rxSlots, mostRxSlots }) =>
  rxSlots > 0 && rxSlots * 2 <= mostRxSlots
    ? [
        note(
          `its receive rings have ${rxSlots} slots of ${mostRxSlots} possible ones: longer rings lose less in bursts`,
          `ethtool -G ${name} rx ${mostRxSlots}`,
        ),
      ]
    : [],
);

const queues = interfaceCheck("queues", ({ name, queues: used, mostQueues, kind }) =>
  used > 0 && used < mostQueues && kind !== "veth"
    ? [
        note(
          `it uses ${used} of ${mostQueues} queues, and a thread serves at least one`,
          `ethtool -L ${name} combined ${mostQueues}`,
        ),
      ]
    : [],
);

const emulated = interfaceCheck("emulated", ({ driver }) =>
  /^(e1000|8139cp|8139too|ne2k-pci|pcnet32|tulip)$/.test(driver)
    ? [
        note(
          `${driver} is an adapter that virtual machines imitate, at a few hundred thousand packets a second; virtio is several times faster`,
        ),
      ]
    : [],
);

const jumbo = interfaceCheck("jumbo", ({ mtu }) => {
  const bytes = mtu + 18;
  return bytes > 2048
    ? [note(`its packets may have ${bytes} bytes, and those over 2048 take several slots (NS_MOREFRAG)`)]
    : [];
});

const missed = interfaceCheck("missed", ({ counters }) => {
  const lost =
    (counters.rx_missed_errors ?? 0) + (counters.rx_over_errors ?? 0) + (counters.rx_fifo_errors ?? 0);
  return lost > 0
    ? [
        note(
          `since it is there it has lost ${lost.toLocaleString("en-US")} received packets for want of room`,
        ),
      ]
    : [];
});

/** The last resort of a run that stands still. */
const traffic = interfaceCheck("traffic", ({ packetsPerSecond }, { standstill, spec }) => {
  if (!standstill || !packetsPerSecond) return [];
  if (standstill.direction === "tx")
    return [{ ...note("the interface takes no packets from its transmit rings"), stops: ["tx"] }];
  if (packetsPerSecond.rx > 0 && spec.ring !== null) {
    return [
      {
        ...note(
          `${packetsPerSecond.rx} packets a second arrive at the interface, but none in ring ${spec.ring}`,
        ),
        stops: ["rx"],
      },
    ];
  }
  if (packetsPerSecond.rx > 0)
    return [
      {
        ...note(
          `${packetsPerSecond.rx} packets a second arrive at the interface, but not in the rings that are open`,
        ),
        stops: ["rx"],
      },
    ];
  return [
    {
      ...note("nothing arrives at the interface: whoever is on the other side sends nothing"),
      stops: ["rx"],
    },
  ];
});

/** In the order in which they are told. */
export const interfaceChecks: readonly Check<PortFacts>[] = [
  there,
  permitted,
  up,
  duplex,
  hostUse,
  master,
  xdpProgram,
  merging,
  flowControl,
  slots,
  queues,
  emulated,
  jumbo,
  missed,
  traffic,
];
