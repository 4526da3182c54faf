/**
 * doctor: what this machine offers, what is wrong with a port, and the command that sets it right.
 *
 * What is looked at is lib/doctor/, facts and checks apart; this file prints what was found.
 */

import { backendOption, command } from "../lib/command.js";
import { lookAtMachine, lookAtPort } from "../lib/doctor/doctor.js";
import { type Found, type Level, levels } from "../lib/doctor/finding.js";
import { setPtnetHeader } from "../lib/doctor/kernel-facts.js";
import { gatherMachine, type MachineFacts } from "../lib/doctor/machine.js";
import { gatherPort, type InterfaceFacts, interfaceFacts, interfaceNames } from "../lib/doctor/port-facts.js";
import { ExpectationFailed } from "../lib/errors.js";
import type { Output, Paint } from "../lib/output.js";
import { packageVersion } from "../lib/package.js";
import { type PortSpec, parsePort } from "../lib/port-spec.js";
import { wrap } from "../lib/text.js";

export default command({
  name: "doctor",
  summary: "Find out what the machine offers, what is wrong with a port, and the fix",
  details:
    "Without PORT it looks at the machine: whether the engine works, where ports live and how much room is left, what " +
    "this user may do, processors and clocks, and the network interfaces that there are. With PORT it looks at that port: " +
    "its interface and link, who has it open, what is on the other side. Nothing is changed but by --ptnet-header. What is wrong comes with " +
    "the command that sets it right.\n\n" +
    "A fault is what does not work, a warning what costs packets or speed, a note what is worth knowing. The exit status " +
    "is 3 when there is a fault, 0 otherwise. Runs that move no packets for three seconds say why from the same checks.",

  positionals: {
    port: { type: "string", describe: "A port to look at, for example eth0, vale1:a or p{1" },
  },

  options: {
    backend: backendOption,
    ptnetHeader: {
      type: "string",
      choices: ["on", "off"],
      describe:
        "In a virtual machine, let ptnet ports begin their packets with a virtio-net header, or not: the module's " +
        "ptnet_vnet_hdr, for ports that are made from then on",
    },
  },

  examples: [
    ["nm doctor", "Look at the machine"],
    ["nm doctor eth0", "Find out why nothing moves on a network interface"],
    ["nm doctor 'p{1' --json", "Look at a pipe, for a program"],
  ],

  async run({ port, backend, ptnetHeader, json }, { out }) {
    if (ptnetHeader !== undefined) setPtnetHeader(ptnetHeader === "on");
    const spec = port === undefined ? undefined : parsePort(port);
    const machine = await gatherMachine();
    const ofMachine = lookAtMachine(machine);
    const canLook = machine.addonMissing === undefined;
    const facts = spec && canLook ? await gatherPort(spec, { backend }) : undefined;
    const interfaces = canLook && !spec ? await allInterfaces() : [];
    // Who asks about a port wants of the machine only what is amiss.
    const found = facts
      ? [...lookAtPort(facts), ...ofMachine.filter(({ level }) => isAmiss(level))]
      : ofMachine;

    if (json) printJson(out, found, { machine, interfaces });
    else printText(out, found, { machine, interfaces, spec });
    const faults = found.filter(({ level }) => level === "fault");
    if (faults.length > 0)
      throw new ExpectationFailed(
        `Expected no faults: there ${faults.length === 1 ? "is 1" : `are ${faults.length}`}`,
      );
  },
});

interface Seen {
  readonly machine: MachineFacts;
  readonly interfaces: readonly InterfaceFacts[];
  readonly spec?: PortSpec | undefined;
}

async function allInterfaces(): Promise<InterfaceFacts[]> {
  const all = await Promise.all(interfaceNames().map(interfaceFacts));
  return all.filter((facts) => facts !== null);
}

function isAmiss(level: Level): boolean {
  return level === "warning" || level === "fault";
}

function printJson(out: Output, found: readonly Found[], { machine, interfaces }: Seen): void {
  for (const { check, about, level, says, fix } of found) {
    out.json({ type: "finding", check, about, level, says, fix: fix ?? null });
  }
  const count = (level: Level) => found.filter((finding) => finding.level === level).length;
  out.summary({
    faults: count("fault"),
    warnings: count("warning"),
    notes: count("note"),
    machine: {
      version: packageVersion(),
      kernel: machine.release,
      processors: machine.processors.allowed.length,
      core_distance_ns: machine.processors.distance_ns ?? null,
      clock: machine.clock?.current ?? null,
      namespace: machine.namespace.directory,
      namespace_bytes: machine.namespace.sizeBytes ?? null,
      namespace_free_bytes: machine.namespace.freeBytes ?? null,
      kernel_module: machine.netmap.exists,
      netmap: machine.netmap.isLoaded
        ? {
            version: machine.netmap.version ?? null,
            parameters: machine.netmap.parameters,
            native_drivers: machine.netmap.nativeDrivers,
          }
        : null,
      missing_capabilities: machine.missingCapabilities,
      kernel_features: machine.kernelFeatures,
    },
    interfaces: interfaces.map((facts) => ({
      name: facts.name,
      kind: facts.kind || null,
      driver: facts.driver || null,
      link: linkOf(facts),
      speed_mbps: facts.speedMbps || null,
      mtu: facts.mtu,
      tx_queues: facts.txQueues,
      rx_queues: facts.rxQueues,
      addresses: facts.addresses,
    })),
  });
}

function linkOf({ isUp, hasCarrier }: InterfaceFacts): "up" | "no_link" | "down" {
  return isUp ? (hasCarrier ? "up" : "no_link") : "down";
}

function printText(out: Output, found: readonly Found[], { machine, interfaces, spec }: Seen): void {
  const { bold } = out.paint;
  out.print(`nm ${packageVersion()} on Linux ${machine.release}`);
  for (const about of new Set(found.map((finding) => finding.about))) {
    out.print();
    out.print(bold(about === "machine" ? "This machine" : `Port ${about}`));
    for (const finding of found.filter((one) => one.about === about)) printFinding(out, finding);
  }
  if (interfaces.length > 0) {
    out.print();
    printInterfaces(out, interfaces);
  }
  if (!spec) {
    out.print();
    out.print(`"${machine.nm} doctor PORT" looks at one port, or one interface.`);
  }
}

const colours: Readonly<Record<Level, keyof Paint>> = {
  ok: "green",
  note: "cyan",
  warning: "yellow",
  fault: "red",
};

function printFinding(out: Output, { level, says, fix }: Found): void {
  const column = Math.max(...levels.map((name) => name.length));
  const margin = " ".repeat(column + 4);
  const [first = "", ...rest] = wrap(`${says}.`, out.width - margin.length);
  out.print(`  ${out.paint[colours[level]](level.padEnd(column))}  ${first}`);
  for (const line of rest) out.print(margin + line);
  if (fix) out.print(`${margin}${out.paint.dim(level === "note" ? "try:" : "fix:")} ${out.paint.bold(fix)}`);
}

function printInterfaces(out: Output, interfaces: readonly InterfaceFacts[]): void {
  const right = (heading: string) => ({ heading, align: "right" }) as const;
  out.table(
    [
      { heading: "interface" },
      { heading: "driver" },
      { heading: "link" },
      { heading: "speed" },
      right("MTU"),
      right("tx queues"),
      right("rx queues"),
      { heading: "host's addresses" },
    ],
    interfaces.map((facts) => [
      facts.name,
      facts.kind || facts.driver || (facts.isLoopback ? "loopback" : ""),
      linkOf(facts).replace("_", " "),
      facts.speedMbps === 0 ? "" : `${facts.speedMbps / 1000} Gbit/s`,
      facts.mtu,
      facts.txQueues,
      facts.rxQueues,
      facts.addresses.join(" "),
    ]),
  );
}
