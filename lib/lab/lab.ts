/**
 * A lab is up, down, or half-done: what a command that was killed left. This file finds out which, makes one and takes
 * one away. What it consists of is in plan.ts.
 */

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { missingCapabilities } from "../capabilities.js";
import { Interrupted, NmError } from "../errors.js";
import { ip, type Link, linksOf, namespaces, processesIn } from "./ip.js";
import { type LabOptions, makingOf, markOf, planOf, possibleNamespaces, readMark } from "./plan.js";

const longestWait_ms = 2000;

export interface LabProcess {
  readonly pid: number;
  readonly command: string;
}

export interface LabNamespace {
  readonly name: string;
  readonly links: readonly Link[];
  readonly processes: readonly LabProcess[];
}

export interface Lab {
  readonly name: string;
  readonly state: "up" | "down" | "half-done";
  /** How it was made, when it is up. */
  readonly options: LabOptions | undefined;
  readonly namespaces: readonly LabNamespace[];
}

/** What is there of the lab of this name. */
export async function findLab(name: string): Promise<Lab> {
  const there = await namespaces();
  const own = possibleNamespaces(name).filter((namespace) => there.includes(namespace));
  const found: LabNamespace[] = [];
  for (const namespace of own) found.push(await describe(namespace));
  if (found.length === 0) return { name, state: "down", options: undefined, namespaces: [] };
  const marks = found.flatMap(({ links }) => links.map(({ ifalias = "" }) => readMark(ifalias)));
  const options = marks.find((mark) => mark?.name === name);
  const whole = options !== undefined && isWhole(options, found);
  return { name, state: whole ? "up" : "half-done", options: whole ? options : undefined, namespaces: found };
}

/**
 * Makes the lab unless it is there. Gives it, and whether it had to be made. What a killed command left is made anew.
 *
 * @throws {NmError} LAB_DIFFERS where one of this name is up that was made otherwise; CAPABILITY_MISSING
 */
export async function makeLab(
  options: LabOptions,
  signal: AbortSignal,
): Promise<{ lab: Lab; made: boolean }> {
  requireCapabilities("make network namespaces");
  return alone(options.name, async () => {
    const found = await findLab(options.name);
    if (found.options && markOf(found.options) === markOf(options)) return { lab: found, made: false };
    if (found.options) {
      throw new NmError("LAB_DIFFERS", {
        name: options.name,
        is: markOf(found.options),
        asked: markOf(options),
      });
    }
    await remove(found);
    try {
      for (const words of makingOf(options)) {
        await ip(words);
        if (signal.aborted) throw new Interrupted();
      }
    } catch (error) {
      await remove(await findLab(options.name));
      // Ctrl-C on a terminal reaches ip as well, which then fails.
      throw signal.aborted ? new Interrupted() : error;
    }
    return { lab: await connected(options.name), made: true };
  });
}

/** The lab, once all its interfaces know that they are up: the kernel tells them a little later. */
async function connected(name: string): Promise<Lab> {
  const end = performance.now() + longestWait_ms;
  for (;;) {
    const lab = await findLab(name);
    const links = lab.namespaces.flatMap((namespace) => namespace.links);
    if (links.every(({ operstate }) => operstate === "UP") || performance.now() > end) return lab;
    await sleep(20);
  }
}

/** Takes the lab away, whatever there is of it. Gives what there was. */
export async function removeLab(name: string): Promise<Lab> {
  const found = await findLab(name);
  if (found.state === "down") return found;
  requireCapabilities("remove network namespaces");
  return alone(name, async () => {
    const lab = await findLab(name);
    await remove(lab);
    return lab;
  });
}

async function remove({ namespaces: found }: Lab): Promise<void> {
  for (const { name, links } of found) {
    // A namespace outlives its name while programs run in it. The wire goes at once.
    for (const { ifname } of links) await ip(["-n", name, "link", "del", ifname]).catch(ignoreGone);
    await ip(["netns", "del", name]);
  }
}

/** The other end of a veth goes with the first. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof NmError && /Cannot find device/.test(error.message))) throw error;
}

async function describe(name: string): Promise<LabNamespace> {
  try {
    const links = (await linksOf(name)).filter(({ ifname }) => ifname !== "lo");
    // Afterwards, for ip itself enters the namespace.
    return { name, links, processes: (await processesIn(name)).flatMap(processOf) };
  } catch (error) {
    // A command that was killed while it made the namespace leaves a file that leads to none.
    if (error instanceof NmError && error.code === "IP_FAILED") return { name, links: [], processes: [] };
    throw error;
  }
}

/** Nothing where it has ended meanwhile. */
function processOf(pid: number): LabProcess[] {
  try {
    return [{ pid, command: readFileSync(`/proc/${pid}/comm`, "utf8").trim() }];
  } catch {
    return [];
  }
}

/** Whether all that the options ask for is there. Somebody may have deleted an interface. */
function isWhole(options: LabOptions, found: readonly LabNamespace[]): boolean {
  const { namespaces: wanted, pairs } = planOf(options);
  const interfaces = pairs.flat();
  return (
    wanted.every((name) => found.some((namespace) => namespace.name === name)) &&
    interfaces.every(({ name, namespace }) =>
      found.some(({ name: in_, links }) => in_ === namespace && links.some(({ ifname }) => ifname === name)),
    )
  );
}

function requireCapabilities(action: string): void {
  const missing = missingCapabilities(["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]);
  if (missing.length > 0)
    throw new NmError("CAPABILITY_MISSING", { action, capabilities: missing.join(", ") });
}

/**
 * Does `work` while no other nm does the like with this lab. The lock is an abstract Unix socket, which the kernel takes
 * back from whoever dies.
 */
async function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  const lock = await lockFor(name);
  try {
    return await work();
  } finally {
    lock.close();
  }
}

function lockFor(name: string): Promise<Server> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on("error", () => fail(new NmError("LAB_BUSY", { name })));
    server.listen(`\0nm-lab-${name}`, () => done(server));
  });
}
