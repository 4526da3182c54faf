/**
 * vale-ctl: see and change VALE switches.
 *
 * This file finds out what is asked for: a word, or one of netmap's letters. What is done is lib/vale-ctl/actions.ts, and
 * lib/vale-ctl/plan.ts for whole topologies.
 */

import { backendOption, type Context, command } from "../lib/command.js";
import type { Place } from "../lib/control.js";
import { NmError } from "../lib/errors.js";
import { parsePort } from "../lib/port-spec.js";
import { pause } from "../lib/running.js";
import {
  type ActionName,
  actions,
  listed,
  listPlainly,
  locate,
  printListingJson,
  type World,
} from "../lib/vale-ctl/actions.js";
import { fullPolicies, limitForm } from "../lib/vale-ctl/policy.js";
import type { SwitchPort } from "../lib/vale-ctl/port-table.js";
import { printListing, type RatesOf } from "../lib/vale-ctl/report.js";
import { listSwitches } from "../lib/vale-ctl/switches.js";

const words = [...Object.keys(actions), "apply"];

/** netmap's letters, and the words that do the same. */
const letters = {
  attachPort: "attach",
  attachHost: "attach",
  detachPort: "detach",
  createPort: "create",
  destroyPort: "destroy",
  portInfo: "info",
  pollOn: "poll",
  pollOff: "poll",
} as const satisfies Record<string, ActionName>;

const letterOptions = {
  attachPort: {
    type: "string",
    alias: "a",
    value: "SWITCH:PORT",
    group: "As netmap's vale-ctl",
    describe: "As attach",
  },
  attachHost: {
    type: "string",
    alias: "h",
    value: "SWITCH:IF",
    group: "As netmap's vale-ctl",
    describe: "As attach --host",
  },
  detachPort: {
    type: "string",
    alias: "d",
    value: "SWITCH:PORT",
    group: "As netmap's vale-ctl",
    describe: "As detach",
  },
  createPort: {
    type: "string",
    alias: "n",
    value: "NAME",
    group: "As netmap's vale-ctl",
    describe: "As create",
  },
  destroyPort: {
    type: "string",
    alias: "r",
    value: "NAME",
    group: "As netmap's vale-ctl",
    describe: "As destroy",
  },
  portInfo: {
    type: "string",
    alias: "g",
    value: "PORT",
    group: "As netmap's vale-ctl",
    describe: "As info",
  },
  locate: {
    type: "string",
    alias: "l",
    value: "SWITCH:PORT",
    group: "As netmap's vale-ctl",
    describe: "Print the numbers of a switch and a port on it, 255 where it is not there",
  },
  pollOn: {
    type: "string",
    alias: "p",
    value: "SWITCH:IF",
    group: "As netmap's vale-ctl",
    describe: "As poll",
  },
  pollOff: {
    type: "string",
    alias: "P",
    value: "SWITCH:IF",
    group: "As netmap's vale-ctl",
    describe: "As poll --off",
  },
} as const;

export default command({
  name: "vale-ctl",
  summary: "See and change VALE switches: ports, stations, limits, whole topologies",
  details:
    "A switch is there while it has a port. Ports come by being opened (nm pkt-gen -i vale0:a) and go with their last " +
    "user; persistent ports are made by create, stay without users, and are put onto a switch by attach. Without words " +
    "it lists all ports, as netmap's vale-ctl does." +
    "\n\n" +
    "list [SWITCH] shows switches, who has their ports open, what passed and what was lost. info PORT, stats SWITCH[:PORT] " +
    "and macs SWITCH[:PORT] tell more of one. create NAME, destroy NAME, attach SWITCH:PORT and detach SWITCH:PORT change " +
    "what is there. flush SWITCH[:PORT], pin SWITCH:PORT MAC, unpin SWITCH MAC and age SWITCH SECONDS change what a " +
    "switch knows of stations." +
    "\n\n" +
    "set SWITCH:PORT tells a port what to do, by the options below, for as long as it is on the switch. With --full wait " +
    "packets for it wait in the rings of their senders while it has no room; nobody else is held up. What is flooded " +
    "never waits, nor does what comes from another switch." +
    "\n\n" +
    "apply FILE makes what a YAML or JSON file declares, and does nothing where that is so already:" +
    "\n\n" +
    "    switches: {vale0: {ports: {a: {full: wait}, b: {rate: 100kpps, mirror: m}, m: {}}, ageing_seconds: 300}}" +
    "\n\n" +
    "A port is persistent there unless its kind is interface. It may have tx_rings, rx_rings, tx_slots, rx_slots, full, " +
    "rate, mac_limit, group, mirror and host; a switch may have stations, which are pinned.",

  positionals: {
    action: { type: "string", choices: words, describe: "What to do; without it, list all ports" },
    operands: { type: "string", array: true, describe: "What to do it to: a switch, a port, a file" },
  },

  options: {
    watch: { type: "boolean", group: "Listing", describe: "Show the list again every second, with rates" },

    host: {
      type: "boolean",
      group: "Attaching",
      describe: "Attach the interface's host stack too, behind a port of its own",
    },
    memory: {
      type: "string",
      alias: "m",
      value: "REGION",
      group: "Attaching",
      describe: "Use this memory region, a number, or a port that lies in it",
    },
    config: {
      type: "string",
      alias: "C",
      value: "A,B,C,D",
      group: "Attaching",
      describe: "For a new port: slots and rings, TX and RX. For polling: 0,CPU or 1,FIRSTCPU,CPUS",
    },
    off: { type: "boolean", group: "Attaching", describe: "With poll: stop polling" },

    full: {
      type: "string",
      choices: fullPolicies,
      group: "Telling ports (set)",
      describe: "Lose packets for which the port has no room, or let them wait at their sender",
    },
    rate: {
      type: "string",
      value: "RATE",
      group: "Telling ports (set)",
      describe: `Lose what the port sends beyond this: ${limitForm}`,
    },
    macLimit: {
      type: "number",
      min: 0,
      max: 1024,
      group: "Telling ports (set)",
      describe: "Lose packets from more stations than this behind the port, 0 for any number",
    },
    group: {
      type: "number",
      min: 0,
      max: 0xffffffff,
      group: "Telling ports (set)",
      describe: "Keep it from other ports of this isolation group, 0 for none",
    },
    mirror: {
      type: "string",
      value: "PORT",
      group: "Telling ports (set)",
      describe: "Copy what it sends and gets to this port of the switch too, or none",
    },

    check: {
      type: "boolean",
      group: "Applying",
      describe: "Say what apply would change, and change nothing",
    },
    prune: {
      type: "boolean",
      group: "Applying",
      describe: "Take away persistent ports, attachments and pins that the file does not declare",
    },

    ...letterOptions,
    backend: { ...backendOption, group: "Other" },
    verbose: {
      type: "count",
      alias: "v",
      group: "Other",
      describe: "After changes, print the numbers that netmap's vale-ctl does",
    },
  },

  examples: [
    ["nm vale-ctl list", "See all switches"],
    ["nm vale-ctl list --watch", "See what passes, every second"],
    ["nm vale-ctl create a", "Make a port that stays"],
    ["nm vale-ctl attach vale0:a", "Put it onto switch vale0"],
    [
      "nm vale-ctl set vale0:a --full wait --rate 1Gbps",
      "Lose nothing on the way to it, and limit what it sends",
    ],
    ["nm vale-ctl macs vale0", "See which stations are behind which port"],
    ["nm vale-ctl apply switches.yaml --check", "See what would have to change to be as the file says"],
    ["nm vale-ctl -d vale0:a", "Take it off again, as netmap writes it"],
  ],

  async run(args, context) {
    const { action, operands, backend, json } = args;
    const place: Place = { backend };
    const world: World = { out: context.out, json, place };
    const options = {
      ...args,
      off: args.off || args.pollOff !== undefined,
      host: args.host || args.attachHost !== undefined,
    };
    const given = [
      ...(action === undefined ? [] : [action]),
      ...Object.keys(letterOptions).filter((name) => args[name as keyof typeof letterOptions] !== undefined),
    ];
    const [first, second] = given;
    if (first !== undefined && second !== undefined) {
      throw new NmError("ACTION_TWICE", { first: written(first), second: written(second) });
    }
    if (first === undefined) {
      if (args.watch) return watch(undefined, world, context);
      return listPlainly(world);
    }
    if (first === "apply") return apply(operands, args, world);
    if (first === "locate") return locate(args.locate ?? "", world);
    const name = first in letters ? letters[first as keyof typeof letters] : (first as ActionName);
    const its = first in letters ? [args[first as keyof typeof letters] ?? ""] : operands;
    const [least, most] = actions[name].operands;
    if (its.length < least || its.length > most) {
      throw new NmError("ARGUMENT_VALUE", {
        argument: name,
        text: its.join(" "),
        expected: `vale-ctl ${name} ${actions[name].takes}`,
        command: "vale-ctl",
      });
    }
    if (name === "list" && args.watch) return watch(its[0], world, context);
    actions[name].run(its, options, world);
  },
});

function written(name: string): string {
  return name in letterOptions ? `-${letterOptions[name as keyof typeof letterOptions].alias}` : name;
}

async function apply(
  operands: readonly string[],
  { check, prune }: { readonly check: boolean; readonly prune: boolean },
  { out, json, place }: World,
): Promise<void> {
  const [file] = operands;
  if (file === undefined || operands.length > 1) {
    const example = "nm vale-ctl apply switches.yaml";
    throw new NmError("ARGUMENT_MISSING", { argument: "FILE", command: "vale-ctl apply", example });
  }
  const { readTopology } = await import("../lib/vale-ctl/topology.js");
  const { carryOut, plan } = await import("../lib/vale-ctl/plan.js");
  const changes = plan(readTopology(file), listSwitches(place), { prune }, place);
  for (const change of changes) {
    if (!check) carryOut([change], place);
    if (json) out.json({ type: "change", change: change.change, subject: change.subject, says: change.says });
    else out.print(`${check ? "would " : ""}${change.says}`);
  }
  if (json) out.summary({ changes: changes.length, checked_only: check });
  else if (changes.length === 0) out.print("Nothing to change.");
}

const watchEvery_ms = 1000;

/** Shows the list until it is stopped. On a terminal each takes the place of the one before. */
async function watch(
  name: string | undefined,
  { out, json, place }: World,
  { signal }: Context,
): Promise<void> {
  if (name?.includes(":")) parsePort(name);
  let before = new Map<string, SwitchPort>();
  let beforeMs = 0;
  while (!signal.aborted) {
    const listing = listed(name, place);
    const nowMs = performance.now();
    const seconds = (nowMs - beforeMs) / 1000;
    const known = before;
    const ratesOf: RatesOf = (port) => {
      const earlier = known.get(port.fullName);
      if (!earlier || earlier.memId !== port.memId) return undefined;
      return {
        sent: (port.sentPackets - earlier.sentPackets) / seconds,
        received: (port.receivedPackets - earlier.receivedPackets) / seconds,
      };
    };
    if (json) {
      printListingJson(out, listing, ratesOf);
    } else {
      if (out.isTTY) out.stream.write("\u001b[H\u001b[J");
      else if (beforeMs !== 0) out.print();
      printListing(out, listing, ratesOf);
    }
    before = new Map(listing.switches.flatMap(({ ports }) => ports.map((port) => [port.fullName, port])));
    beforeMs = nowMs;
    await pause(watchEvery_ms, signal);
  }
}
