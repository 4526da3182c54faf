/**
 * A switch with two network interfaces and three programs on it, while everything changes at random: interfaces come and go,
 * workers and programs are killed, stations move. What is sent arrives or is counted, and vale-ctl lists what is so.
 *
 * NM_FUZZ_SECONDS says how long it goes on, NM_SEED repeats the choices, though not their timing.
 */

import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type CounterName, dropCounters } from "../lib/layout.js";
import { listOpenPorts } from "../lib/open-ports.js";
import { portFields } from "../lib/vale-ctl/report.js";
import { listSwitches } from "../lib/vale-ctl/switches.js";
import { cableOf, type Host, noInterfaces as skip } from "./cable.js";
import { programFile, root } from "./run.js";
import { jsonLines } from "./schema.js";
import { type Account, everybody, leastBytes, type Order, type Stream } from "./station.js";
import { randomFrom } from "./traffic.js";

const vale = "vale0";
const seconds = Number(process.env.NM_FUZZ_SECONDS ?? "8");
const seed = Number(process.env.NM_SEED ?? Date.now() % 1_000_000);
/** How often is looked for packets that are on their way, with this pause in between. */
const patience = 500;
const pause_ms = 20;

/** Of a port of its own, or, with `nic`, of the host at the far end of an interface's cable. */
class Station {
  macs: string[];
  /** Packets that it has sent since it opened its port. */
  sent = 0;
  /** undefined: it is not there. */
  process: ChildProcessWithoutNullStreams | undefined;
  #answers: AsyncIterator<string> | undefined;

  constructor(
    readonly port: string,
    readonly directory: string,
    readonly nic: Nic | undefined,
    readonly host: Host | undefined,
    mac: string,
  ) {
    this.macs = [mac];
  }

  async start(): Promise<void> {
    const program = [process.execPath, `${root}dist/test/station.js`, this.port];
    const [file = "", ...args] = this.host ? ["ip", "netns", "exec", this.host.network, ...program] : program;
    const child = spawn(file, args, { env: { ...process.env, NM_DIR: this.directory } });
    child.stderr.pipe(process.stderr);
    child.stdin.on("error", () => {});
    this.process = child;
    this.sent = 0;
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    assert.equal((await this.#answers.next()).value, "open", `${this.port} cannot be opened`);
  }

  async kill(): Promise<void> {
    const ended = this.process;
    this.process = undefined;
    ended?.kill("SIGKILL");
    if (ended && ended.exitCode === null && ended.signalCode === null) await once(ended, "exit");
  }

  async end(): Promise<void> {
    const ended = this.process;
    this.process = undefined;
    ended?.stdin.end();
    if (ended && ended.exitCode === null) assert.deepEqual(await once(ended, "exit"), [0, null]);
  }

  /** undefined: it was killed meanwhile. */
  async ask(order: Order): Promise<unknown> {
    this.process?.stdin.write(`${JSON.stringify(order)}\n`);
    const answer = await this.#answers?.next();
    return answer === undefined || answer.done ? undefined : JSON.parse(answer.value);
  }

  async send(streams: readonly Stream[]): Promise<void> {
    if (streams.length === 0) return;
    await this.ask({ send: streams });
    this.sent += streams.reduce((sum, { packets }) => sum + packets, 0);
  }

  get isReached(): boolean {
    return this.process !== undefined && (this.nic === undefined || this.nic.worker !== undefined);
  }
}

/** An interface that is on the switch from time to time. */
class Nic {
  /** Who brings its packets to the switch and back; undefined: it is not attached. */
  worker: number | undefined;
  hasHost = false;
  isPolled = false;
  /** Whose death nobody was told of yet. */
  dead: number | undefined;

  constructor(readonly name: string) {}

  get port(): string {
    return `${vale}:${this.name}`;
  }
}

/** What was dropped at each open port. */
type Drops = ReadonlyMap<string, number>;

interface Listed {
  readonly port: string;
  readonly kind: string;
  readonly processes: readonly { readonly pid: number }[];
  readonly sent: { readonly packets: number };
}

interface DeadListed {
  readonly port: string;
  readonly pid: number;
}

test("packets arrive or are counted and the listing is true while interfaces, workers, programs and stations come and go", {
  skip,
}, async (t) => {
  console.log(`    NM_SEED=${seed}`);
  const random = randomFrom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <Choice>(from: readonly Choice[]): Choice => from[below(from.length)] as Choice;

  const lab = await cableOf(t, ["--middle"]);
  const { middle, directory } = lab;
  const ctl = (...words: string[]) => middle.run(process.execPath, programFile("nm"), "vale-ctl", ...words);
  const done = async (...words: string[]) => {
    const { status, stderr } = await ctl(...words);
    assert.deepEqual([status, stderr], [0, ""], words.join(" "));
  };
  const nics = [new Nic(middle.interface), new Nic(lab.otherMiddle)];
  const far = [lab.a, lab.b];
  const macOf = (number: number) => `02:00:00:00:00:0${number}`;
  const stations = [
    ...[0, 1, 2].map((i) => new Station(`${vale}:s${i}`, directory, undefined, undefined, macOf(i))),
    ...nics.map((nic, i) => {
      const host = far[i];
      return new Station(`netmap:${host?.interface}`, directory, nic, host, macOf(3 + i));
    }),
  ];
  t.after(async () => {
    for (const station of stations) await station.kill();
    for (const { worker, port } of nics) if (worker !== undefined) await ctl("detach", port);
  });

  /** What is so, as the command says it. */
  const listing = async () => {
    const { stdout, status } = await ctl("list", "--json");
    assert.equal(status, 0);
    const lines = jsonLines(stdout);
    return {
      ports: lines.flatMap((line) => (line.ports ?? []) as Listed[]),
      dead: lines.filter(({ type }) => type === "dead_worker") as unknown as readonly DeadListed[],
    };
  };
  /** The same, without a process that would take longer than all else here. */
  const look = () => {
    const { switches, dead } = listSwitches({ namespace: directory });
    return {
      ports: switches.flatMap(({ ports }) => ports.map((port) => portFields(port))) as Listed[],
      dead: dead as readonly DeadListed[],
    };
  };

  const attach = async (nic: Nic, hasHost: boolean) => {
    await done("attach", nic.port, ...(hasHost ? ["--host"] : []));
    nic.hasHost = hasHost;
    nic.isPolled = false;
    nic.dead = undefined;
    nic.worker = look().ports.find(({ port }) => port === nic.port)?.processes[0]?.pid;
    assert.notEqual(nic.worker, undefined);
  };
  const detach = async (nic: Nic) => {
    if (nic.isPolled) await done("poll", nic.port, "--off");
    nic.isPolled = false;
    nic.worker = undefined;
    nic.dead = undefined;
    await done("detach", nic.port);
  };

  /** Each changes something, and says whose packets may be lost by it. */
  const changes: Record<string, () => Promise<readonly (Nic | Station)[]>> = {
    attach: async () => {
      const away = nics.filter(({ worker }) => worker === undefined);
      for (const nic of away) await attach(nic, random() < 0.3);
      return away;
    },
    detach: async () => {
      const nic = pick(nics);
      if (nic.worker !== undefined || nic.dead !== undefined) await detach(nic);
      return [nic];
    },
    "kill a worker": async () => {
      const nic = pick(nics);
      if (nic.worker === undefined) return [];
      const { worker } = nic;
      process.kill(worker, "SIGKILL");
      nic.worker = undefined;
      nic.isPolled = false;
      nic.dead = worker;
      while (isWorker(worker)) await pause(5);
      // A dead one can be replaced at once, or forgotten first.
      if (random() < 0.5) await attach(nic, random() < 0.3);
      return [nic];
    },
    poll: async () => {
      const nic = pick(nics);
      if (nic.worker === undefined) return [];
      await done("poll", nic.port, ...(nic.isPolled ? ["--off"] : ["-C", "0,0"]));
      nic.isPolled = !nic.isPolled;
      return [];
    },
    "start programs": async () => {
      const away = stations.filter(({ process }) => process === undefined);
      await Promise.all(away.map((station) => station.start()));
      return away;
    },
    "kill a program": async () => {
      const station = pick(stations);
      await station.kill();
      return [station];
    },
    "end a program": async () => {
      const station = pick(stations);
      await station.end();
      return [station];
    },
    "flush stations": async () => {
      // Where nobody is on it there is no switch.
      if (look().ports.length > 0) await done("flush", vale);
      return [];
    },
    "move a station": async () => {
      const reached = stations.filter(({ isReached }) => isReached);
      const from = pick(reached.filter(({ macs }) => macs.length > 0));
      const to = pick(reached);
      if (from === undefined || to === undefined || from === to) return [];
      const mac = from.macs.shift() as string;
      to.macs.push(mac);
      await to.ask({ accept: to.macs, forget: false });
      await to.send([streamOf(mac, everybody, 1)]);
      return [];
    },
    nothing: async () => [],
  };

  let streams = 0;
  const streamOf = (from: string, to: string, packets: number, bytes = leastBytes): Stream => ({
    id: ++streams,
    from,
    to,
    packets,
    bytes,
  });
  const drops = () =>
    new Map(
      listOpenPorts(directory).map(({ name, pid, kind, sent, received }) => {
        // A switch counts what its sender lost at both ports.
        const count = kind === "vale" ? dropsIn(sent) : dropsIn(sent) + dropsIn(received);
        return [`${name} ${pid}`, count];
      }),
    );
  const droppedSince = (before: Drops) =>
    [...drops()].reduce((sum, [port, count]) => sum + count - (before.get(port) ?? 0), 0);

  /** What of these reached none of the stations. */
  const missing = async (sent: readonly Stream[], at: readonly Station[]): Promise<number> => {
    const accounts = await Promise.all(at.map((station) => station.ask({ report: true })));
    const come = new Map<string, Set<number>>();
    for (const account of accounts as Account[]) {
      assert.equal(account.twice, 0, "a packet came twice");
      for (const [id, numbers] of Object.entries(account.received)) {
        const all = come.get(id) ?? new Set();
        come.set(id, all);
        for (const number of numbers) all.add(number);
      }
    }
    return sent.reduce((sum, { id, packets }) => sum + packets - (come.get(String(id))?.size ?? 0), 0);
  };
  const settled = async (what: string, sent: readonly Stream[], at: readonly Station[], before: Drops) => {
    for (let looks = 0; ; looks++) {
      const gone = await missing(sent, at);
      const counted = droppedSince(before);
      if (gone <= counted) return gone;
      assert.ok(looks < patience, `${what}: ${gone} packets are missing and ${counted} counted`);
      await pause(pause_ms);
    }
  };

  /** Everybody says where he is, and is heard by all. */
  const greet = async () => {
    const reached = stations.filter(({ isReached }) => isReached);
    await Promise.all(reached.map((station) => station.ask({ accept: station.macs, forget: true })));
    const before = drops();
    const greetings = reached.map((station) => ({
      station,
      streams: station.macs.map((mac) => streamOf(mac, everybody, 1)),
    }));
    await Promise.all(greetings.map(({ station, streams }) => station.send(streams)));
    for (const listener of reached) {
      const others = greetings.filter(({ station }) => station !== listener);
      await settled(
        `greetings at ${listener.port}`,
        others.flatMap(({ streams }) => streams),
        [listener],
        before,
      );
    }
  };

  const compare = ({ ports, dead }: ReturnType<typeof look>) => {
    const found = ports.map(({ port, kind, processes, sent }) => {
      const isSoftware = kind === "vale";
      return { port, kind, pids: processes.map(({ pid }) => pid), sent: isSoftware ? sent.packets : "any" };
    });
    const expected = [
      ...stations
        .filter(({ nic, process }) => nic === undefined && process !== undefined)
        .map(({ port, process, sent }) => ({ port, kind: "vale", pids: [process?.pid], sent })),
      ...nics
        .filter(({ worker }) => worker !== undefined)
        .flatMap(({ port, worker, hasHost }) => [
          { port, kind: "interface", pids: [worker], sent: "any" },
          ...(hasHost ? [{ port: `${port}^`, kind: "host", pids: [worker], sent: "any" }] : []),
        ]),
    ];
    const byName = (a: { port: string }, b: { port: string }) => (a.port < b.port ? -1 : 1);
    assert.deepEqual(found.sort(byName), expected.sort(byName));
    assert.deepEqual(
      dead.map(({ port, pid }) => [port, pid]).sort(),
      nics
        .filter((nic) => nic.dead !== undefined)
        .map((nic) => [nic.port, nic.dead])
        .sort(),
    );
  };

  const tally = { steps: 0, packets: 0, lost: 0, excused: 0 };
  const step = async (change: string) => {
    await greet();
    const before = drops();
    const reached = stations.filter(({ isReached }) => isReached);
    const sent = reached.flatMap((from) =>
      reached
        .filter((to) => to !== from && random() < 0.6 && from.macs.length > 0 && to.macs.length > 0)
        .map((to) => {
          const stream = streamOf(pick(from.macs), pick(to.macs), 1 + below(300), leastBytes + below(1440));
          return { from, to, stream };
        }),
    );
    const owners = reached.map((station) => ({ station, macs: [...station.macs] }));
    const sending = reached.map((station) =>
      station.send(sent.filter(({ from }) => from === station).map(({ stream }) => stream)),
    );
    const touched = await (changes[change] as () => Promise<readonly (Nic | Station)[]>)();
    await Promise.all(sending);
    const isTouched = (station: Station) =>
      touched.includes(station) || (station.nic !== undefined && touched.includes(station.nic));
    const certain = sent.filter(({ from, to }) => !isTouched(from) && !isTouched(to));
    const there = owners.map(({ station }) => station).filter(({ process }) => process !== undefined);
    tally.lost += await settled(
      change,
      certain.map(({ stream }) => stream),
      there,
      before,
    );
    compare(tally.steps % 10 === 0 ? await listing() : look());
    tally.steps++;
    tally.packets += certain.reduce((sum, { stream }) => sum + stream.packets, 0);
    tally.excused += sent.length - certain.length;
  };

  await Promise.all(stations.map((station) => station.start()));
  for (const nic of nics) await attach(nic, false);
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) await step(pick(Object.keys(changes)));
  console.log(`    ${JSON.stringify(tally)}`);

  await Promise.all(stations.map((station) => station.end()));
  for (const nic of nics) if (nic.worker !== undefined || nic.dead !== undefined) await detach(nic);
  assert.deepEqual(await listing(), { ports: [], dead: [] });
  assert.deepEqual(readdirSync(directory), ["namespace"]);
  const { stdout } = await middle.run("ip", "-details", "link", "show");
  assert.doesNotMatch(stdout, /xdp/);
});

function dropsIn(counted: Readonly<Record<CounterName, number>>): number {
  return Object.values(dropCounters).reduce((sum, counter) => sum + counted[counter], 0);
}

function isWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("nm-switch");
  } catch {
    return false;
  }
}
