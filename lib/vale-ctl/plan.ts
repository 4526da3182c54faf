/**
 * What has to be done so that a namespace is as a file declares it, and nothing more: applied twice, the second time there is
 * nothing to do.
 *
 * A plan is made from what is there, without changing anything, and then carried out step by step. Ports that programs have
 * opened for themselves are nobody's declaration: they are left alone.
 */

import type { Place } from "../control.js";
import { NmError } from "../errors.js";
import { formatLimit, noPolicy, type Policy, policyWords } from "./policy.js";
import type { SwitchPort } from "./port-table.js";
import {
  attach,
  create,
  destroy,
  detach,
  type Listing,
  listStations,
  pinStation,
  setAgeing,
  setPolicy,
  unpinStation,
} from "./switches.js";
import type { DeclaredPort, DeclaredSwitch, Topology } from "./topology.js";

export const changeKinds = ["create", "destroy", "attach", "detach", "set", "age", "pin", "unpin"] as const;

export interface Change {
  readonly change: (typeof changeKinds)[number];
  /** What is changed: a port, or a switch. */
  readonly subject: string;
  /** For people: "create a", "tell vale0:a: waits, 100kpps". */
  readonly says: string;
  readonly carryOut: (place: Place) => void;
}

export interface PlanOptions {
  /** Take away what is not declared, too. */
  readonly prune: boolean;
}

/** @throws {NmError} TOPOLOGY_PORT_OPEN where somebody uses what would have to be made anew */
export function plan(topology: Topology, listing: Listing, { prune }: PlanOptions, place: Place): Change[] {
  const there = new Ports(listing);
  const changes: Change[] = [];
  // What goes goes first: a name may be needed elsewhere.
  if (prune) changes.push(...prunings(topology, there));
  for (const vale of topology.switches) {
    for (const port of vale.ports) changes.push(...placings(vale, port, there, changes));
  }
  const attached = new Set(changes.filter(({ change }) => change === "attach").map(({ subject }) => subject));
  for (const vale of topology.switches) {
    for (const port of vale.ports) changes.push(...tellings(vale, port, there, attached));
    changes.push(...switchChanges(vale, listing, { attached, prune, place }));
  }
  return changes;
}

export function carryOut(changes: readonly Change[], place: Place): void {
  for (const change of changes) change.carryOut(place);
}

/** Ports by name, over all switches. */
class Ports {
  readonly all: readonly SwitchPort[];
  readonly listing: Listing;

  constructor(listing: Listing) {
    this.listing = listing;
    this.all = [...listing.switches.flatMap(({ ports }) => ports), ...listing.loose];
  }

  on(vale: string, port: string): SwitchPort | undefined {
    return this.all.find(({ fullName }) => fullName === `${vale}:${port}`);
  }

  /** Whether the host stack of the attached interface "vale0:eth0" is on the switch, too. */
  hasHost(interfacePort: string): boolean {
    return this.all.some(({ kind, fullName }) => kind === "host" && fullName === `${interfacePort}^`);
  }

  /** Every place that the persistent port has, on switches or on none. */
  persistent(name: string): SwitchPort[] {
    return this.all.filter((port) => port.kind === "persistent" && port.name === name);
  }
}

function prunings(topology: Topology, there: Ports): Change[] {
  const declared = new Set(
    topology.switches.flatMap(({ name, ports }) => ports.map((port) => `${name}:${port.name}`)),
  );
  const isDeclaredAnywhere = (name: string) => [...declared].some((full) => full.endsWith(`:${name}`));
  const undeclared = there.all.filter(
    ({ kind, fullName }) => !declared.has(fullName) && ["persistent", "interface"].includes(kind),
  );
  const changes = undeclared
    .filter(({ kind }) => kind === "interface")
    .map(({ fullName }) => detaching(fullName));
  const names = new Set(undeclared.filter(({ kind }) => kind === "persistent").map(({ name }) => name));
  for (const name of names) {
    const places = there.persistent(name);
    changes.push(...leavings(places, ({ fullName }) => !declared.has(fullName)));
    if (isDeclaredAnywhere(name)) continue;
    for (const port of places) mustBeUnused(port, "not declared");
    changes.push(destroying(name));
  }
  return changes;
}

/**
 * Takes a persistent port off its switches. One that joins two can leave the first of them only after the second, which it
 * leaves too then, and comes back to.
 */
function leavings(places: readonly SwitchPort[], leaves: (place: SwitchPort) => boolean): Change[] {
  const onSwitches = places.filter(({ fullName }) => fullName.includes(":"));
  const first = onSwitches.filter((place) => !place.isSecond && leaves(place));
  const second = onSwitches.filter((place) => place.isSecond && (first.length > 0 || leaves(place)));
  return [...second, ...first].map(({ fullName }) => detaching(fullName));
}

/** What puts the port onto the switch, after what is to be done already. */
function placings(
  vale: DeclaredSwitch,
  port: DeclaredPort,
  there: Ports,
  before: readonly Change[],
): Change[] {
  const full = `${vale.name}:${port.name}`;
  const present = there.on(vale.name, port.name);
  if (present && present.kind !== "persistent" && port.kind === "persistent") {
    throw new NmError("TOPOLOGY_PORT_OPEN", {
      port: full,
      is: "a port that a program has opened for itself",
      pids: present.pids.join(", "),
    });
  }
  // One that is declared on two switches joins them, and is made once.
  const isMade = before.some(({ change, subject }) => change === "create" && subject === port.name);
  const isLeft = (name: string) =>
    before.some(({ change, subject }) => change === "detach" && subject === name);
  const made = port.kind === "interface" || isMade ? [] : makings(port, there, isLeft);
  const stays = present && made.length === 0 && !isMade && !isLeft(full);
  if (stays && present.kind === "interface" && there.hasHost(full) !== port.host) {
    return [detaching(full), attaching(full, port.host)];
  }
  return stays ? [] : [...made, attaching(full, port.host)];
}

function tellings(
  vale: DeclaredSwitch,
  port: DeclaredPort,
  there: Ports,
  attached: ReadonlySet<string>,
): Change[] {
  const full = `${vale.name}:${port.name}`;
  const { mirror } = port.policy;
  // A port that is put onto a switch has been told nothing, and nobody who mirrored it still does.
  const before = attached.has(full) ? noPolicy : there.on(vale.name, port.name)?.policy;
  const isKnown = mirror === undefined || !attached.has(`${vale.name}:${mirror}`);
  return before && isKnown && isSame(before, port.policy) ? [] : [telling(full, port.policy)];
}

/** What makes the persistent port, where it is not there as declared. */
function makings(port: DeclaredPort, there: Ports, isLeft: (place: string) => boolean): Change[] {
  const places = there.persistent(port.name);
  const [first] = places;
  if (!first) return [creating(port)];
  if (isAsDeclared(first, port)) return [];
  mustBeUnused(first, "of another size");
  const stillThere = places.filter(({ fullName }) => !isLeft(fullName));
  return [...leavings(stillThere, () => true), destroying(port.name), creating(port)];
}

function mustBeUnused(port: SwitchPort, is: string): void {
  if (port.pids.length === 0) return;
  throw new NmError("TOPOLOGY_PORT_OPEN", { port: port.fullName, is, pids: port.pids.join(", ") });
}

const sizes = ["txRings", "rxRings", "txSlots", "rxSlots"] as const;

function isAsDeclared(present: SwitchPort, port: DeclaredPort): boolean {
  return sizes.every((size) => port[size] === undefined || port[size] === present[size]);
}

function isSame(a: Policy, b: Policy): boolean {
  return (
    a.full === b.full &&
    a.macLimit === b.macLimit &&
    a.group === b.group &&
    a.mirror === b.mirror &&
    (a.rate && formatLimit(a.rate)) === (b.rate && formatLimit(b.rate))
  );
}

interface Circumstances {
  readonly attached: ReadonlySet<string>;
  readonly prune: boolean;
  readonly place: Place;
}

function switchChanges(
  vale: DeclaredSwitch,
  { switches }: Listing,
  { attached, prune, place }: Circumstances,
): Change[] {
  const present = switches.find(({ name }) => name === vale.name);
  const changes: Change[] = [];
  if ((present?.ageingSeconds ?? 0) !== vale.ageingSeconds) changes.push(ageing(vale));
  const pinned = present ? listStations(vale.name, place).filter(({ isPinned }) => isPinned) : [];
  for (const { mac, port } of vale.stations) {
    const isThere = pinned.some((one) => one.mac === mac && one.port === `${vale.name}:${port}`);
    if (!isThere || attached.has(`${vale.name}:${port}`)) changes.push(pinning(`${vale.name}:${port}`, mac));
  }
  for (const { mac } of prune ? pinned : []) {
    if (!vale.stations.some((station) => station.mac === mac)) changes.push(unpinning(vale.name, mac));
  }
  return changes;
}

function creating({ name, txRings, rxRings, txSlots, rxSlots }: DeclaredPort): Change {
  const wanted = {
    ...(txRings && { txRings }),
    ...(rxRings && { rxRings }),
    ...(txSlots && { txSlots }),
    ...(rxSlots && { rxSlots }),
  };
  return {
    change: "create",
    subject: name,
    says: `create port ${name}`,
    carryOut: (place) => void create(name, wanted, place),
  };
}

function destroying(name: string): Change {
  return {
    change: "destroy",
    subject: name,
    says: `destroy port ${name}`,
    carryOut: (place) => destroy(name, place),
  };
}

function attaching(name: string, host: boolean): Change {
  return {
    change: "attach",
    subject: name,
    says: `attach ${name}${host ? " with its host stack" : ""}`,
    carryOut: (place) => void attach(name, host, 0, place),
  };
}

function detaching(name: string): Change {
  return {
    change: "detach",
    subject: name,
    says: `detach ${name}`,
    carryOut: (place) => void detach(name, place),
  };
}

function telling(name: string, policy: Policy): Change {
  return {
    change: "set",
    subject: name,
    says: `tell ${name}: ${policyWords(policy) || "nothing special"}`,
    carryOut: (place) => setPolicy(name, policy, place),
  };
}

function ageing({ name, ageingSeconds }: DeclaredSwitch): Change {
  const when = ageingSeconds === 0 ? "never" : `after ${ageingSeconds} s`;
  return {
    change: "age",
    subject: name,
    says: `forget silent stations of ${name} ${when}`,
    carryOut: (place) => setAgeing(name, ageingSeconds, place),
  };
}

function pinning(port: string, mac: string): Change {
  return {
    change: "pin",
    subject: port,
    says: `pin ${mac} to ${port}`,
    carryOut: (place) => pinStation(port, mac, place),
  };
}

function unpinning(vale: string, mac: string): Change {
  return {
    change: "unpin",
    subject: vale,
    says: `unpin ${mac} on ${vale}`,
    carryOut: (place) => unpinStation(vale, mac, place),
  };
}
