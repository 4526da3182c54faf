/** What may be wrong with the kernel's netmap, and with ports that it serves. */

import { type Check, type Finding, fault, note, ok, warning } from "./finding.js";
import type { KernelFacts } from "./kernel-facts.js";
import type { MachineFacts } from "./machine.js";
import type { PortFacts } from "./port-facts.js";

const kernelModule: Check<MachineFacts> = {
  name: "kernel_module",
  look({ netmap, nm }) {
    const { exists, refusal, unusable, isLoaded } = netmap;
    if (!exists && !isLoaded) return [ok("there is no /dev/netmap, so the embedded engine serves all ports")];
    if (!exists) {
      return [
        warning(
          "netmap's module is loaded, but /dev/netmap is not here, as in containers that were not given it: the embedded " +
            "engine serves all ports",
          "docker run --device /dev/netmap",
        ),
      ];
    }
    if (refusal !== undefined)
      return [
        warning(
          `/dev/netmap does not open (${refusal}): the embedded engine serves all ports`,
          `sudo ${nm} doctor`,
        ),
      ];
    if (unusable !== undefined)
      return [fault(`/dev/netmap is there, and cannot be used: ${unusable}`, "modinfo netmap")];
    return [ok(moduleWords(netmap))];
  },
};

function moduleWords({ version, nativeDrivers }: KernelFacts): string {
  const drivers =
    nativeDrivers.length > 0
      ? `${nativeDrivers.join(", ")} ${nativeDrivers.length === 1 ? "has" : "have"} native support`
      : "no loaded driver has native support";
  const which = version === undefined ? "" : `, version ${version}`;
  return `the kernel's netmap${which} serves ports, where NM_DIR names no namespace; ${drivers}, other interfaces are emulated`;
}

/** Parameters that cost speed or surprise, and what they should be. */
const parameters: readonly (readonly [string, (value: number) => boolean, (value: string) => Finding])[] = [
  [
    "admode",
    (value) => value === 2,
    () =>
      warning(
        "the module emulates all interfaces (admode 2), several times slower than native drivers",
        set("admode", 0),
      ),
  ],
  [
    "admode",
    (value) => value === 1,
    () =>
      note(
        "the module opens interfaces with native drivers only (admode 1) and refuses others",
        set("admode", 0),
      ),
  ],
  [
    "verbose",
    (value) => value !== 0,
    () => warning("the module logs what it does (verbose), which takes much of its speed", set("verbose", 0)),
  ],
  [
    "debug",
    (value) => value !== 0,
    (value) => warning(`the module's debugging is on (debug ${value})`, set("debug", 0)),
  ],
  [
    "fwd",
    (value) => value !== 0,
    () => note("interfaces pass the host's packets on by themselves (fwd)", set("fwd", 0)),
  ],
];

function set(parameter: string, value: number): string {
  return `echo ${value} > /sys/module/netmap/parameters/${parameter}`;
}

const kernelParameters: Check<MachineFacts> = {
  name: "kernel_parameters",
  look({ netmap: { parameters: values } }) {
    return parameters.flatMap(([name, isOdd, finding]) => {
      const value = values[name];
      return value !== undefined && isOdd(Number(value)) ? [finding(value)] : [];
    });
  },
};

/** Sizes take effect when nobody has a region in use, which is easily missed. */
const kernelMemory: Check<MachineFacts> = {
  name: "kernel_memory",
  look({ netmap: { parameters: values } }) {
    return ["if", "ring", "buf"].flatMap((pool) =>
      ["num", "size"].flatMap((what) => {
        const wanted = values[`${pool}_${what}`];
        const now = values[`${pool}_curr_${what}`];
        if (wanted === undefined || now === undefined || now === "0" || Number(now) >= Number(wanted))
          return [];
        return [
          note(
            `${pool}_${what} is set to ${wanted} and is still ${now}: it changes when no program has a port of region 1 open`,
          ),
        ];
      }),
    );
  },
};

export const kernelMachineChecks: readonly Check<MachineFacts>[] = [
  kernelModule,
  kernelParameters,
  kernelMemory,
];

const ptnetDrivers = /ptnet/;

/** A check of ports that the kernel serves. */
function kernelCheck(name: string, look: Check<PortFacts>["look"]): Check<PortFacts> {
  return { name, look: (facts) => (facts.backend === "kernel" ? look(facts) : []) };
}

const emulated = kernelCheck("emulated", ({ interface: facts, netmap }) => {
  if (!facts || facts.isLoopback || ptnetDrivers.test(facts.driver)) return [];
  const driver = facts.driver || facts.kind;
  if (netmap.parameters.admode === "2")
    return [warning("it is emulated, because admode is 2", set("admode", 0))];
  // Its module, or the one that replaces it: netmap's builds have names such as veth_netmap.
  const isNative = netmap.nativeDrivers.some(
    (name) => name.replace(/_netmap$/, "") === driver.replaceAll("-", "_"),
  );
  if (isNative) return [ok(`its driver, ${driver}, supports netmap natively`)];
  return [
    note(
      `its driver, ${driver || "unknown"}, does not support netmap: the port is emulated through socket buffers, several times slower`,
    ),
  ];
});

const vethPartner = kernelCheck("veth_partner", ({ interface: facts, standstill }) => {
  if (facts?.kind !== "veth") return [];
  const words = `a veth sends and receives natively only while its other end${facts.peerName ? `, ${facts.peerName},` : ""} is open in netmap as well`;
  return [standstill ? { ...note(words), stops: [standstill.direction] } : note(words)];
});

const silentKernel = kernelCheck("kernel_tells_nothing", ({ spec, standstill }) => {
  if (!standstill || (spec.kind !== "pipe" && spec.kind !== "vale")) return [];
  const nobody =
    spec.kind === "pipe"
      ? "the pipe's other end may not be open"
      : "nobody may be on the switch, or send to this port";
  return [
    {
      ...note(`${nobody}; the kernel module does not tell who has its ports open`),
      stops: [standstill.direction],
    },
  ];
});

const ptnet = kernelCheck("ptnet", ({ interface: facts, netmap, nm, spec }) => {
  if (!facts || !ptnetDrivers.test(facts.driver)) return [];
  const header = netmap.parameters.ptnet_vnet_hdr;
  if (spec.kind === "pipe" || spec.kind === "host")
    return [
      { ...fault("a ptnet port has no pipes and no host rings in the guest"), stops: ["tx", "rx"] as const },
    ];
  const limits = note(
    "it is a port of the virtual machine's host, passed through (ptnet): it has no pipes and no host rings here, and no other port can share its memory",
  );
  if (header === undefined) return [limits];
  const words =
    header === "0"
      ? "packets come without virtio-net headers, as forwarders and pkt-gen want them (ptnet_vnet_hdr 0)"
      : "packets begin with a virtio-net header of 12 bytes (ptnet_vnet_hdr 1), which hosts' sockets need for offloads; for forwarders and pkt-gen turn it off";
  const fix = `${nm} doctor ${facts.name} --ptnet-header ${header === "0" ? "on" : "off"}`;
  return [limits, note(words, fix)];
});

export const kernelPortChecks: readonly Check<PortFacts>[] = [emulated, vethPartner, silentKernel, ptnet];
