/** Links between ports, run as a user runs them: what arrives at the other end, when, and what is told of the rest. */

import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openPort, type Port } from "../lib/index.js";
import { freshNamespace } from "./namespace.js";
import { nm, type Run } from "./run.js";
import { jsonLines, type Line } from "./schema.js";
import { type Started, starting } from "./started.js";

interface DirectionLine {
  readonly received: number;
  readonly packets: number;
  readonly held: number;
  readonly drops: Readonly<Record<string, number>>;
}

/** An end of the link, in this process. Packets are numbers in frames of some length. */
class End {
  readonly #port: Port;

  constructor(t: TestContext, namespace: string, name: string) {
    this.#port = openPort(name, { namespace });
    t.after(() => this.#port.close());
  }

  /** Puts packets with the numbers from `first` on into the link, all that fit the ring at once, and waits until it took them. */
  async send(count: number, { first = 0, length = 60 } = {}): Promise<void> {
    const frame = Buffer.alloc(length);
    for (let i = first; i < first + count; ) {
      frame.writeUInt32LE(i);
      if (this.#port.txRings[0]?.put(frame)) i++;
      else await sleep(1);
      if (i % 256 === 0) this.#port.sync();
    }
    do {
      this.#port.sync();
      await sleep(1);
    } while (this.#port.txRings[0]?.pending);
  }

  /** Takes what comes, until `enough` says so of the numbers that came. */
  async receive(enough: (numbers: readonly number[]) => boolean): Promise<number[]> {
    const numbers: number[] = [];
    for (;;) {
      this.#port.sync();
      for (const ring of this.#port.rxRings) {
        ring.drain((payload) => numbers.push(Buffer.from(payload).readUInt32LE()));
      }
      if (enough(numbers)) return numbers;
      await sleep(2);
    }
  }

  /** The numbers of what is there now. */
  now(): Promise<number[]> {
    return this.receive(() => true);
  }
}

/** A link between two pipes that reports to programs, once it runs, and the ends of these pipes. */
async function linking(t: TestContext, ...words: string[]) {
  const namespace = freshNamespace(t);
  const link = starting(namespace)("tlem", "-i", "p{1", "-i", "p{2", "--json", "-T", "20", ...words);
  await link.printed(/"report"/);
  return { link, left: new End(t, namespace, "p}1"), right: new End(t, namespace, "p}2") };
}

function summaryOf(run: Run): Line & { readonly directions: readonly [DirectionLine, DirectionLine] } {
  const summary = jsonLines(run.stdout).at(-1);
  assert.equal(summary?.type, "summary", run.stdout + run.stderr);
  return summary as Line & { readonly directions: readonly [DirectionLine, DirectionLine] };
}

/** Stops a link; gives what it counted of each direction. */
async function stopped(link: Started) {
  link.signal("SIGINT");
  const run = await link.ended;
  assert.equal(run.status, 0, run.stderr);
  return summaryOf(run).directions;
}

const numbersTo = (count: number) => Array.from({ length: count }, (_, i) => i);
const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);

test("a link passes packets both ways, each direction with its own delay", async (t) => {
  const { link, left, right } = await linking(t, "-D", "30ms", "-D", "60ms");
  for (const [from, to, delay_ms] of [
    [left, right, 30],
    [right, left, 60],
  ] as const) {
    const began = performance.now();
    await from.send(200);
    assert.deepEqual(await to.receive((numbers) => numbers.length === 200), numbersTo(200));
    assert.ok(performance.now() - began >= delay_ms);
  }
  const [there, back] = await stopped(link);
  assert.deepEqual([there.received, there.packets, there.drops], [200, 200, {}]);
  assert.deepEqual([back.received, back.packets, back.drops], [200, 200, {}]);
});

test("a link loses the same packets for the same seed, and counts them", async (t) => {
  const passed: number[][] = [];
  for (const seed of ["3", "3", "4"]) {
    const { link, left, right } = await linking(t, "-L", "0.5", "-L", "none", "--seed", seed);
    await left.send(500);
    await right.send(500);
    assert.deepEqual(await left.receive((numbers) => numbers.length === 500), numbersTo(500));
    const numbers = await right.now();
    const [there, back] = await stopped(link);
    assert.equal(there.received, 500);
    assert.equal(there.packets + (there.drops.loss ?? 0), 500);
    assert.deepEqual(back.drops, {});
    passed.push([...numbers, ...(await right.now())]);
    assert.equal(passed.at(-1)?.length, there.packets);
  }
  assert.deepEqual(passed[0], passed[1]);
  assert.notDeepEqual(passed[0], passed[2]);
});

test("a link with a bandwidth takes its time, and its queue drops what is too much", async (t) => {
  // 1000 bytes take 10 ms.
  const { link, left, right } = await linking(t, "-B", "800k", "-Q", "5000");
  const began = performance.now();
  await left.send(100, { length: 1000 });
  // The queue has room again for the last, whose number is greater.
  await sleep(100);
  await left.send(1, { first: 1000, length: 1000 });
  const numbers = await right.receive((all) => all.at(-1) === 1000);
  assert.deepEqual(numbers, sorted(numbers));
  assert.ok(performance.now() - began >= numbers.length * 10);
  const [there] = await stopped(link);
  assert.ok((there.drops.queue_full ?? 0) > 50, JSON.stringify(there.drops));
  assert.equal(there.packets + (there.drops.queue_full ?? 0), 101);
});

test("a link that holds packets back lets others overtake them, and loses none", async (t) => {
  const { link, left, right } = await linking(t, "-R", "0.2,20ms", "--seed", "1");
  await left.send(1000);
  const numbers = await right.receive((all) => all.length === 1000);
  assert.notDeepEqual(numbers, numbersTo(1000));
  assert.deepEqual(sorted(numbers), numbersTo(1000));
  const [there] = await stopped(link);
  assert.ok(there.held > 130 && there.held < 270, `${there.held}`);
});

test("a link follows its file, and stays as it was where that cannot be read", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "nm-tlem-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "link.conf");
  const write = (text: string) => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  write("# nothing passes\n-L 1   # there\nloss none\n");
  // What the file says comes before what the command line says.
  const { link, left, right } = await linking(t, "-L", "0", "--config", path);
  await left.send(10);
  await right.send(10);
  assert.deepEqual(await left.receive((numbers) => numbers.length === 10), numbersTo(10));
  assert.deepEqual(await right.now(), []);

  write("--loss none\n--delay 5ms\n");
  await link.printed(/The link is now as .*link\.conf says/);
  let first = 10;
  const arrived = right.receive((numbers) => numbers.length > 0);
  // The change is noticed a little later.
  while ((await Promise.race([arrived, sleep(20)])) === undefined) await left.send(1, { first: first++ });

  write("--loss none\n--deley 5ms\n");
  await link.printed(
    /The link stays as it was\. Cannot read line 2 of ".*link\.conf": found "--deley", expected one of bandwidth/,
  );
  await left.send(10, { first: 100_000 });
  await right.receive((numbers) => numbers.includes(100_009));
  const [there] = await stopped(link);
  assert.ok((there.drops.loss ?? 0) >= 10);
});

test("people read what passed in a table, with what was dropped and why", async (t) => {
  const namespace = freshNamespace(t);
  const link = starting(namespace)("tlem", "-i", "p{1", "-i", "vale1:b", "-L", "1", "-T", "20");
  await link.printed(/Ready to go, netmap:p\{1 <-> vale1:b\./);
  const left = new End(t, namespace, "p}1");
  await left.send(7);
  await link.printed(/netmap:p\{1 -> vale1:b .*pps .*dropped \d+ loss/);
  link.signal("SIGINT");
  const { status, stdout } = await link.ended;
  assert.equal(status, 0);
  assert.match(stdout, /^from +to +received +sent +bytes +dropped +late 50% +99% +max$/m);
  assert.match(stdout, /^netmap:p\{1 +vale1:b +7 +0 +0 +7/m);
  assert.match(stdout, /^Dropped from netmap:p\{1 to vale1:b: 7 loss\.$/m);
});

test("a link ends by itself when its time is over", async (t) => {
  const run = await starting(freshNamespace(t))("tlem", "-i", "p{1", "-i", "p{2", "--duration", "50ms").ended;
  assert.equal(run.status, 0, run.stderr);
});

test("what is no link is refused with what was expected", async () => {
  const ports = ["-i", "p{1", "-i", "p{2"];
  const cases: readonly [readonly string[], RegExp][] = [
    [[], /Cannot run tlem with 0 ports: expected two/],
    [["-i", "p{1"], /Cannot run tlem with 1 port: expected two/],
    [["-i", "p{1", "-i", "netmap:p{1"], /Cannot run tlem with "netmap:p\{1" at both ends/],
    [[...ports, "-B", "fast"], /Cannot read -B "fast": found "fast", expected bits per second/],
    [[...ports, "-B", "real"], /Cannot read -B "real"/],
    [
      [...ports, "-D", "1ms", "-D", "2ms", "-D", "3ms"],
      /Cannot read --delay "3ms": it is given more than twice/,
    ],
    [[...ports, "-P", "2"], /Cannot read --overtaking "2": expected 0 or 1/],
    [[...ports, "-O", "x"], /Cannot read -O "x": found "x", expected a time/],
    [[...ports, "-Q", "x"], /Cannot read -Q "x": .*expected a number of bytes/],
    [[...ports, "-R", "0.1"], /Cannot read -R "0\.1": a value is missing/],
    [[...ports, "-C", "999"], /Cannot read --cpu "999": expected one to four processors/],
    [[...ports, "-r"], /Cannot read -r: tlem has no such option/],
  ];
  for (const [words, pattern] of cases) {
    const run = await nm("tlem", ...words);
    assert.equal(run.status, 2, words.join(" ") + run.stderr);
    assert.match(run.stderr, pattern);
    assert.equal(run.stdout, "");
  }
  const missing = await nm("tlem", ...ports, "--config", "/nonexistent/link.conf");
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /Cannot read "\/nonexistent\/link\.conf": no such file or directory/);
});
