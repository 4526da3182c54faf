/**
 * Port names at random: what holds for every spec and for every text.
 *
 * A failure prints the seed; NM_SEED=<seed> runs the same cases again.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { NmError } from "../lib/errors.js";
import {
  formatPort,
  type PortFlag,
  type PortKind,
  type PortOptions,
  type PortSpec,
  parsePort,
  portFlags,
} from "../lib/port-spec.js";

const cases = 10_000;
const seed = Number(process.env.NM_SEED ?? Date.now() % 1_000_000_007);

/** Numbers that follow from a seed alone (a 32-bit xorshift). */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  text(letters: readonly string[], least: number, most: number): string {
    const length = least + this.below(most - least + 1);
    return Array.from({ length }, () => this.one(letters)).join("");
  }
}

const idLetters = [..."abcXYZ019_"];
const nameLetters = [...idLetters, ..."-*^/@<>\",.: +&='ü"];
const garbageLetters = [
  ...nameLetters,
  ...["{", "}", "\\", "\t", "\0", "\ud800", "😀", "netmap:", "vale", "tap:", "null", "share", "extmem"],
  ...["conf", "offset", "driver", "rings", "file=", "slots", "4094", "65536", "99999999999999999999"],
];

/** Some interfaces, of which a part can be taken for a ring, a pipe or a memory id of another. */
function someInterfaces(random: Random): (name: string) => boolean {
  const names = new Set(Array.from({ length: 5 }, () => random.text([..."ab-@<1*^"], 1, 4)));
  return (name) => names.has(name) || (name.length > 2 && name.length % 4 === 0);
}

function someSpec(random: Random): PortSpec {
  if (random.chance(3)) {
    return someTap(random);
  }
  const isNull = random.chance(5);
  const base = isNull ? "null" : someBase(random);
  const isVale = /^val/.test(base);
  const pipe = !isNull && random.chance(30) ? somePipe(random, base) : null;
  const ring = random.chance(30) ? random.one([0, 1, 7, 4094]) : null;
  const ringMode =
    ring === null
      ? random.one(["all_nic", "sw", "nic_sw"] as const)
      : random.one(["one_nic", "one_sw"] as const);
  const mode = isNull ? "null" : ringMode;
  const flags = portFlags.filter((flag) => random.chance(20) && !(isNull && isMonitor(flag)));
  const kind = isNull ? "null" : kindOf(flags, pipe !== null, isVale, mode === "sw" || mode === "one_sw");
  const memId = random.chance(isNull ? 100 : 30) ? random.one([1, 2, 65535]) : 0;

  return {
    kind,
    name: pipe ? `${base}${pipe.side === "master" ? "{" : "}"}${pipe.id}` : base,
    pipe,
    mode,
    ring: isNull ? null : ring,
    flags,
    memId,
    options: someOptions(random, kind),
  };
}

function someTap(random: Random): PortSpec {
  const device = random.text([...'abX09_-@",*^<'], 1, 15);
  const ring = random.chance(30) ? random.one([0, 1, 7, 4094]) : null;
  const flags = portFlags.filter(() => random.chance(20));
  const watches = flags.some(isMonitor);
  return {
    kind: watches ? "monitor" : "tap",
    name: watches ? `tap:${device}` : device,
    pipe: null,
    mode: ring === null ? "all_nic" : "one_nic",
    ring,
    flags,
    memId: random.chance(30) ? random.one([1, 2, 65535]) : 0,
    options: someOptions(random, "tap"),
  };
}

function isMonitor(flag: PortFlag): boolean {
  return /mon/.test(flag);
}

function kindOf(flags: readonly PortFlag[], isPipe: boolean, isVale: boolean, isHost: boolean): PortKind {
  if (flags.some(isMonitor)) return "monitor";
  if (isPipe) return "pipe";
  if (isVale) return "vale";
  return isHost ? "host" : "nic";
}

function someBase(random: Random): string {
  // Seven letters of two bytes each fit.
  if (random.chance(30)) return `vale${random.text(idLetters, 0, 11)}:${random.text(nameLetters, 1, 7)}`;
  if (random.chance(5)) return `val${random.text([..."XYZ"], 0, 5)}:${random.text(idLetters, 1, 15)}`;
  if (random.chance(10)) return random.one(["null", "tap0", "netmap", "netmap:", '"', '""', "<", "a<"]);
  const name = random.text(nameLetters, 1, 7);
  return /^val/.test(name) ? "eth0" : name;
}

function somePipe(random: Random, parent: string): NonNullable<PortSpec["pipe"]> {
  return { parent, id: random.text(idLetters, 1, 12), side: random.one(["master", "slave"] as const) };
}

function someOptions(random: Random, kind: PortKind): PortOptions {
  const number = () => random.one([0, 1, 16, 4096]);
  const maybe = (key: string) => (random.chance(40) ? { [key]: number() } : {});
  const conf = {
    ...maybe("tx_rings"),
    ...maybe("rx_rings"),
    ...maybe("host_tx_rings"),
    ...maybe("host_rx_rings"),
    ...maybe("tx_slots"),
    ...maybe("rx_slots"),
  };
  const file = random.text([...nameLetters, "{"], 1, 20);
  const port = formatPort(
    { ...someNic, name: random.text(nameLetters, 1, 7).replace(/^val/, "x") },
    { interfaceExists: () => false },
  );
  return {
    ...(random.chance(10) && { share: { port } }),
    ...(random.chance(10) && { extmem: { file, ...maybe("if_num"), ...maybe("buf_size") } }),
    ...(random.chance(20) && Object.keys(conf).length > 0 && { conf }),
    ...(random.chance(10) && {
      offset: { initial: number(), ...(random.chance(50) && { bits: random.below(65) }) },
    }),
    ...(random.chance(10) &&
      /^(nic|host)$/.test(kind) && { driver: { name: random.text([..."abc_-9"], 1, 9) } }),
  };
}

const someNic: PortSpec = {
  kind: "nic",
  name: "eth0",
  pipe: null,
  mode: "all_nic",
  ring: null,
  flags: [],
  memId: 0,
  options: {},
};

/** Letters at random, or a spec with letters added, removed or replaced. */
function someText(random: Random): string {
  if (random.chance(40)) return random.text(garbageLetters, 0, 12);

  const text = [...formatPort(someSpec(random), { interfaceExists: () => false })];
  for (let changes = random.below(3); changes > 0; changes--) {
    const added = random.chance(60) ? [random.one(garbageLetters)] : [];
    text.splice(random.below(text.length + 1), random.below(2), ...added);
  }
  return text.join("");
}

/** Runs a check on cases at random. A failure says which seed makes it again, and for what. */
function forAll<Case>(some: (random: Random) => Case, check: (one: Case, random: Random) => void): void {
  const random = new Random(seed);
  for (let i = 0; i < cases; i++) {
    const one = some(random);
    try {
      check(one, random);
    } catch (error) {
      throw new Error(`case ${i} of NM_SEED=${seed}: ${JSON.stringify(one)}`, { cause: error });
    }
  }
}

test("parsePort reads back every spec that formatPort prints", () => {
  forAll(someSpec, (spec, random) => {
    const machine = { interfaceExists: someInterfaces(random) };
    assert.deepEqual(parsePort(formatPort(spec, machine), machine), spec);
  });
});

test("formatPort prints every text that can be read in one form", () => {
  let read = 0;
  forAll(someText, (text, random) => {
    const machine = { interfaceExists: someInterfaces(random) };
    const spec = readOrNull(text, machine);
    if (spec === null) return;

    read++;
    const canonical = formatPort(spec, machine);
    assert.deepEqual(parsePort(canonical, machine), spec);
    assert.equal(formatPort(parsePort(canonical, machine), machine), canonical);
  });
  assert.ok(read > cases / 10, `only ${read} of ${cases} texts could be read, the others prove nothing`);
});

test("parsePort refuses what it cannot read with a place in the text and a form that works", () => {
  const machine = { interfaceExists: () => false };
  let refused = 0;
  forAll(someText, (text) => {
    try {
      parsePort(text, machine);
    } catch (error) {
      assert.ok(error instanceof NmError && error.code === "PORT_SYNTAX", String(error));
      refused++;
      const { position, reason, expected, hint } = (error as NmError<"PORT_SYNTAX">).details;
      assert.ok(position >= 0 && position <= text.length, `position ${position}`);
      assert.ok(reason.includes(expected), reason);
      const [, form = ""] =
        /^write it as (.+?)(?:, or (?:put an interface|netmap:\S+ for).*)?$/.exec(hint) ?? [];
      assert.doesNotThrow(() => parsePort(form, machine), hint);
    }
  });
  assert.ok(refused > cases / 10, `only ${refused} of ${cases} texts were refused, the others prove nothing`);
});

function readOrNull(text: string, machine: { interfaceExists: (name: string) => boolean }): PortSpec | null {
  try {
    return parsePort(text, machine);
  } catch (error) {
    assert.ok(error instanceof NmError, String(error));
    return null;
  }
}

test("parsePort takes long texts in its stride", () => {
  const long = 1_000_000;
  for (const text of ["a", "-", '"', '""', "{", "@", "@conf:rings=", "netmap:", "<1", "9"].map((t) =>
    t.repeat(long / t.length),
  )) {
    assert.throws(() => parsePort(text), NmError);
    assert.throws(() => parsePort(`eth0@extmem="${text}`), NmError);
  }
});
