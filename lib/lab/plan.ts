/**
 * What a lab is made of: names, addresses, and the commands that make it.
 *
 *       nm-lab-a                  nm-lab-b              nm-lab-a          nm-lab-m            nm-lab-b
 *     +-----------+             +-----------+         +-----------+  +-------------------+  +-----------+
 *     |   nmlab0 ---------------- nmlab1    |         |   nmlab0 ------ nmlabm0  nmlabm1 ------ nmlab1  |
 *     | 198.18.0.1|    veth     |198.18.0.2 |         | 198.18.0.1|  +-------------------+  |198.18.0.2 |
 *     +-----------+             +-----------+         +-----------+      with --middle      +-----------+
 *
 * Everything has the lab's name in its own, so that what a half-done or killed command left can be told from what is
 * somebody else's. Nothing here runs anything.
 */

/** What can be chosen of a lab. */
export interface LabOptions {
  /** Of letters and digits, at most `longestName`: interface names are short. */
  readonly name: string;
  readonly queues: number;
  readonly mtu: number;
  /** A third namespace between the two. */
  readonly middle: boolean;
}

export interface LabInterface {
  readonly name: string;
  readonly namespace: string;
  readonly mac: string;
  /** With the length of its prefix; the middle's interfaces have none. */
  readonly address: string | undefined;
}

export interface LabPlan {
  readonly namespaces: readonly string[];
  /** Pairs joined by a veth. */
  readonly pairs: readonly (readonly [LabInterface, LabInterface])[];
}

export const usualLab: LabOptions = { name: "lab", queues: 1, mtu: 1500, middle: false };
export const longestName = 10;

/** From the block that is set aside for measuring networks (RFC 2544, 198.18.0.0/15), so no real host has them. */
const prefix = 24;
const addressA = "198.18.0.1";
export const addressB = "198.18.0.2";

export function planOf(options: LabOptions): LabPlan {
  const a = `nm-${options.name}-a`;
  const m = `nm-${options.name}-m`;
  const b = `nm-${options.name}-b`;
  const end = (number: 0 | 1, namespace: string, address: string): LabInterface => ({
    name: `nm${options.name}${number}`,
    namespace,
    mac: `02:00:00:00:00:0${number + 1}`,
    address: `${address}/${prefix}`,
  });
  const inner = (number: 0 | 1): LabInterface => ({
    name: `nm${options.name}m${number}`,
    namespace: m,
    mac: `02:00:00:00:01:0${number + 1}`,
    address: undefined,
  });
  const [left, right] = [end(0, a, addressA), end(1, b, addressB)];
  if (!options.middle) return { namespaces: [a, b], pairs: [[left, right]] };
  return {
    namespaces: [a, m, b],
    pairs: [
      [left, inner(0)],
      [inner(1), right],
    ],
  };
}

/** Every namespace that a lab of this name can have. */
export function possibleNamespaces(name: string): readonly string[] {
  return planOf({ ...usualLab, name, middle: true }).namespaces;
}

/** The words after `ip` that make the lab, each list for one call, in order. */
export function makingOf(options: LabOptions): string[][] {
  const { namespaces, pairs } = planOf(options);
  return [
    ...namespaces.map((name) => ["netns", "add", name]),
    ...namespaces.map((name) => ["-n", name, "link", "set", "lo", "up"]),
    ...pairs.map(([left, right]) => [
      ...["link", "add", "name", left.name, ...linkWords(left, options), "type", "veth"],
      ...["peer", "name", right.name, ...linkWords(right, options)],
    ]),
    ...pairs.flat().flatMap(bringingUp),
    // The last step: a lab without it is half-done.
    ["-n", namespaces[0] ?? "", "link", "set", pairs[0]?.[0].name ?? "", "alias", markOf(options)],
  ];
}

function linkWords({ namespace, mac }: LabInterface, { mtu, queues }: LabOptions): string[] {
  const count = String(queues);
  return ["netns", namespace, "address", mac, "mtu", String(mtu), "numtxqueues", count, "numrxqueues", count];
}

function bringingUp({ name, namespace, address }: LabInterface): string[][] {
  const within = ["-n", namespace];
  return [
    // No IPv6 address, so that the host says nothing by itself and every packet on the wire is one's own.
    [...within, "link", "set", name, "addrgenmode", "none"],
    ...(address === undefined ? [] : [[...within, "address", "add", address, "dev", name]]),
    [...within, "link", "set", name, "up"],
  ];
}

/** What a finished lab says of itself, in the alias of its first interface: the command that makes one like it. */
export function markOf({ name, queues, mtu, middle }: LabOptions): string {
  return `nm lab up --name ${name} --queues ${queues} --mtu ${mtu}${middle ? " --middle" : ""}`;
}

/** The options of the lab that says so; undefined where it is no such text. */
export function readMark(mark: string): LabOptions | undefined {
  const words = /^nm lab up --name (\w+) --queues (\d+) --mtu (\d+)( --middle)?$/.exec(mark);
  if (!words) return undefined;
  const [, name = "", queues, mtu, middle] = words;
  return { name, queues: Number(queues), mtu: Number(mtu), middle: middle !== undefined };
}
