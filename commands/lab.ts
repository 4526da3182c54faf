/**
 * lab: two network namespaces joined by a wire, for trying things on interfaces that nobody else uses.
 *
 * What a lab is made of is lib/lab/plan.ts, making and removing it lib/lab/lab.ts; this file prints.
 */

import { type Context, command } from "../lib/command.js";
import { NmError } from "../lib/errors.js";
import { ownName } from "../lib/invocation.js";
import { findLab, type Lab, makeLab, removeLab } from "../lib/lab/lab.js";
import {
  addressB,
  type LabInterface,
  type LabOptions,
  longestName,
  planOf,
  usualLab,
} from "../lib/lab/plan.js";
import type { Output } from "../lib/output.js";

export default command({
  name: "lab",
  summary: "Make two network namespaces joined by a wire, for trying things",
  details:
    "up makes the namespaces nm-lab-a and nm-lab-b and joins them by a veth pair, nmlab0 and nmlab1, with addresses " +
    "198.18.0.1 and 198.18.0.2. Each is a host of its own, so packets really go from one to the other, and nothing " +
    "of them reaches the machine's network. IPv6 is off, so that only what you send is on the wire. down takes it all " +
    "away, also what a command left half-done; status shows what is there. It needs root, and ip from iproute2.\n\n" +
    'Programs run in a namespace with "ip netns exec NAMESPACE PROGRAM".',

  positionals: {
    action: {
      type: "string",
      demandOption: true,
      choices: ["up", "down", "status"],
      describe: "What to do",
    },
  },

  options: {
    queues: {
      type: "number",
      default: usualLab.queues,
      min: 1,
      max: 64,
      describe: "Give each interface this many queues in each direction",
    },
    mtu: {
      type: "number",
      value: "BYTES",
      default: usualLab.mtu,
      min: 68,
      max: 65535,
      describe: "Let packets have this many bytes after their Ethernet header",
    },
    middle: {
      type: "boolean",
      describe:
        "Put a third namespace between the two, nm-lab-m, with an interface to each and no addresses: a place for bridges",
    },
    name: {
      type: "string",
      default: usualLab.name,
      describe: `Make another lab beside the usual one, with this instead of "lab" in all names`,
    },
  },

  examples: [
    ["nm lab up", "Make it, and see what can be tried"],
    ["ip netns exec nm-lab-a ping -c 3 198.18.0.2", "Send packets from one host to the other"],
    ["nm lab up --queues 4 --mtu 9000 --name big", "Another lab, with 4 queues and room for jumbo frames"],
    ["nm lab down", "Take it all away"],
  ],

  async run({ action, queues, mtu, middle, name, json }, context) {
    if (!/^[a-z0-9]+$/.test(name) || name.length > longestName) {
      const expected = `1 to ${longestName} small letters and digits`;
      throw new NmError("OPTION_VALUE", { option: "--name", text: name, expected, example: "--name lab2" });
    }
    const told = json ? jsonTeller(context.out) : textTeller(context.out);
    const options = { name, queues, mtu, middle };
    if (action === "up") await up(options, told, context);
    else if (action === "down") told.removed(await removeLab(name));
    else told.found(await findLab(name));
  },
});

async function up(options: LabOptions, told: Teller, { signal }: Context): Promise<void> {
  const { lab, made } = await makeLab(options, signal);
  told.made(lab, made);
}

interface Teller {
  made(lab: Lab, made: boolean): void;
  removed(lab: Lab): void;
  found(lab: Lab): void;
}

function jsonTeller(out: Output): Teller {
  const line = (lab: Lab, changed: boolean) => out.json(labLine(lab, changed));
  return {
    made: line,
    removed: ({ name, state }) =>
      line({ name, state: "down", options: undefined, namespaces: [] }, state !== "down"),
    found: (lab) => line(lab, false),
  };
}

function labLine({ name, state, options, namespaces }: Lab, changed: boolean) {
  return {
    type: "lab",
    name,
    state: state === "half-done" ? "half_done" : state,
    changed,
    options: options ? { queues: options.queues, mtu: options.mtu, middle: options.middle } : null,
    namespaces: namespaces.map((namespace) => ({
      name: namespace.name,
      interfaces: namespace.links.map((link) => ({
        name: link.ifname,
        mac: link.address,
        addresses: link.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
        mtu: link.mtu,
        tx_queues: link.num_tx_queues,
        rx_queues: link.num_rx_queues,
        state: link.operstate.toLowerCase(),
      })),
      processes: namespace.processes,
    })),
    try_next: options ? tryNext(options).map(({ line }) => line) : [],
  };
}

function textTeller(out: Output): Teller {
  return {
    made(lab, made) {
      out.print(made ? `Lab "${lab.name}" is up.` : `Lab "${lab.name}" was up already.`);
      printLab(out, lab);
    },
    removed(lab) {
      if (lab.state === "down") return out.print(`Lab "${lab.name}" was down already.`);
      out.print(`Lab "${lab.name}" is gone.`);
      for (const { name, processes } of lab.namespaces) {
        if (processes.length === 0) continue;
        out.print(`Still running in what was ${name}: ${processWords(processes)}`);
      }
    },
    found(lab) {
      const hint = {
        up: "up",
        down: `down; "nm lab up" makes it`,
        "half-done": `half-done; "nm lab up" makes it anew, "nm lab down" takes away what is there`,
      };
      out.print(`Lab "${lab.name}" is ${hint[lab.state]}.`);
      if (lab.state !== "down") printLab(out, lab);
    },
  };
}

function processWords(processes: Lab["namespaces"][number]["processes"]): string {
  return processes.map(({ pid, command }) => `${command} (${pid})`).join(", ");
}

function printLab(out: Output, { namespaces, options }: Lab): void {
  const right = (heading: string) => ({ heading, align: "right" }) as const;
  out.print();
  out.table(
    [
      { heading: "namespace" },
      { heading: "interface" },
      { heading: "address" },
      { heading: "MAC" },
      right("MTU"),
      right("queues"),
      { heading: "state" },
      { heading: "programs" },
    ],
    namespaces.flatMap(({ name, links, processes }) =>
      links.map((link, i) => [
        i === 0 ? name : "",
        link.ifname,
        link.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`).join(" "),
        link.address,
        link.mtu,
        link.num_tx_queues,
        link.operstate.toLowerCase(),
        i === 0 ? processWords(processes) : "",
      ]),
    ),
  );
  if (!options) return;
  out.print();
  out.print(out.paint.bold("Try next:"));
  for (const { line, does } of tryNext(options)) {
    out.print(`  ${out.paint.cyan(line)}`);
    out.print(`      ${does}`);
  }
}

/** Command lines that work as they stand while the lab is up. */
function tryNext(options: LabOptions): { line: string; does: string }[] {
  const [pair] = planOf(options).pairs;
  if (!pair) return [];
  const [sender, receiver] = pair;
  const nm = ownName();
  const within = ({ namespace }: LabInterface, line: string) => `ip netns exec ${namespace} ${line}`;
  const named = options.name === usualLab.name ? "" : ` --name ${options.name}`;
  const talk = {
    line: within(sender, `ping -c 3 ${addressB}`),
    does: "Let the hosts talk, while no program has their interfaces",
  };
  return [
    {
      line: within(receiver, `${nm} pkt-gen -i ${receiver.name} -f rx`),
      does: "Count what arrives at one end of a wire, in a terminal of its own",
    },
    {
      line: within(sender, `${nm} pkt-gen -i ${sender.name} -f tx -R 100k --duration 10s`),
      does: "Send 100,000 packets a second from the other for ten seconds",
    },
    ...(options.middle ? [] : [talk]),
    { line: `${nm} lab down${named}`, does: "Take it all away" },
  ];
}
