/** nm lab makes what it says, makes it whole, and leaves nothing behind. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makingOf, markOf, planOf, readMark, usualLab } from "../lib/lab/plan.js";
import { noNetworkNamespaces as skip } from "./privileges.js";
import { nm, nmWith, programFile } from "./run.js";
import { jsonLine } from "./schema.js";

let labs = 0;

/** The name of a lab that nobody else has, which is taken down after the test. */
function labName(t: TestContext): string {
  const name = `t${process.pid.toString(36)}${labs++}`;
  t.after(() => nm("lab", "down", "--name", name));
  return name;
}

function ip(...words: string[]): string {
  const { stdout, stderr, status } = spawnSync("ip", words, { encoding: "utf8" });
  assert.equal(status, 0, `ip ${words.join(" ")}: ${stderr}`);
  return stdout;
}

/** Namespaces and interfaces of the machine that have the lab's name. */
function left(name: string): string[] {
  const namespaces = ip("netns", "list").split("\n");
  const links = ip("-o", "link", "show").split("\n");
  return [
    ...namespaces.filter((line) => line.includes(`nm-${name}-`)),
    ...links.filter((line) => line.includes(`nm${name}`)),
  ];
}

test("nm lab up joins two hosts that can talk, and down leaves nothing", { skip }, async (t) => {
  const name = labName(t);
  const up = await nm("lab", "up", "--name", name);
  assert.deepEqual([up.status, up.stderr], [0, ""]);
  assert.match(up.stdout, new RegExp(`^Lab "${name}" is up\\.\n`));
  assert.match(up.stdout, new RegExp(`^nm-${name}-a  nm${name}0 +198\\.18\\.0\\.1/24 .* 1500 +1  up$`, "m"));

  const suggested = [...up.stdout.matchAll(/^ {2}(ip netns exec \S+ ping .*)$/gm)].map(
    ([, line]) => line ?? "",
  );
  assert.equal(suggested.length, 1);
  for (const line of suggested) {
    const { status, stdout, error } = spawnSync("sh", ["-c", line.replace("-c 3", "-c 1")], {
      encoding: "utf8",
    });
    if (error || status === 127) t.diagnostic("ping is not installed");
    else assert.match(stdout, /1 received/);
  }

  const down = await nm("lab", "down", "--name", name);
  assert.deepEqual(down, { status: 0, stdout: `Lab "${name}" is gone.\n`, stderr: "" });
  assert.deepEqual(left(name), []);
});

test("nm lab up does nothing the second time, and refuses to change a lab that is up", {
  skip,
}, async (t) => {
  const name = labName(t);
  const first = jsonLine((await nm("lab", "up", "--name", name, "--queues", "2", "--json")).stdout);
  assert.deepEqual(
    [first.state, first.changed, first.options],
    ["up", true, { queues: 2, mtu: 1500, middle: false }],
  );
  const before = ip("-n", `nm-${name}-a`, "-o", "link", "show", `nm${name}0`);

  const second = jsonLine((await nm("lab", "up", "--name", name, "--queues", "2", "--json")).stdout);
  assert.deepEqual({ ...second, changed: true }, first);
  assert.equal(second.changed, false);
  assert.equal(ip("-n", `nm-${name}-a`, "-o", "link", "show", `nm${name}0`), before);

  const other = await nm("lab", "up", "--name", name, "--queues", "4");
  assert.equal(other.status, 1);
  assert.match(
    other.stderr,
    new RegExp(`^nm lab: Cannot make lab "${name}": it is up, and was made by "nm lab up `),
  );
});

test("nm lab gives every interface the queues and the MTU that were asked for", { skip }, async (t) => {
  const name = labName(t);
  const words = ["lab", "up", "--name", name, "--queues", "4", "--mtu", "9000", "--middle", "--json"];
  const { namespaces } = jsonLine((await nm(...words)).stdout) as unknown as {
    namespaces: {
      name: string;
      interfaces: {
        name: string;
        mtu: number;
        tx_queues: number;
        rx_queues: number;
        state: string;
        addresses: string[];
      }[];
    }[];
  };
  assert.deepEqual(
    namespaces.map(({ name }) => name),
    [`nm-${name}-a`, `nm-${name}-m`, `nm-${name}-b`],
  );
  const interfaces = namespaces.flatMap((namespace) => namespace.interfaces);
  assert.deepEqual(interfaces.map(({ name }) => name).sort(), [
    `nm${name}0`,
    `nm${name}1`,
    `nm${name}m0`,
    `nm${name}m1`,
  ]);
  for (const { mtu, tx_queues, rx_queues, state } of interfaces) {
    assert.deepEqual([mtu, tx_queues, rx_queues, state], [9000, 4, 4, "up"]);
  }
});

test("nm lab down takes away what a killed command left, and up makes it whole", { skip }, async (t) => {
  const name = labName(t);
  const seen: unknown[] = [];
  for (const namespace of ["a", "b"]) {
    const child = spawn(process.execPath, [programFile("nm"), "lab", "up", "--name", name], {
      stdio: "ignore",
    });
    for (let i = 0; i < 30_000 && !existsSync(`/run/netns/nm-${name}-${namespace}`); i++) await sleep(1);
    child.kill("SIGKILL");
    await once(child, "close");
    seen.push(jsonLine((await nm("lab", "status", "--name", name, "--json")).stdout).state);
    if (namespace === "b")
      assert.equal(jsonLine((await nm("lab", "up", "--name", name, "--json")).stdout).state, "up");
    assert.equal((await nm("lab", "down", "--name", name)).status, 0);
    assert.deepEqual(left(name), []);
  }
  t.diagnostic(`found after kills: ${seen.join(", ")}`);
});

test("nm lab finds a lab half-done that lacks an interface", { skip }, async (t) => {
  const name = labName(t);
  await nm("lab", "up", "--name", name);
  ip("-n", `nm-${name}-b`, "link", "del", `nm${name}1`);
  const run = await nm("lab", "status", "--name", name);
  assert.match(run.stdout, new RegExp(`^Lab "${name}" is half-done; `));
  const status = jsonLine((await nm("lab", "status", "--name", name, "--json")).stdout);
  assert.deepEqual([status.state, status.options, status.try_next], ["half_done", null, []]);
  assert.equal(jsonLine((await nm("lab", "up", "--name", name, "--json")).stdout).changed, true);
});

test("nm lab names the programs that run in a namespace, and those that go on when it is gone", {
  skip,
}, async (t) => {
  const name = labName(t);
  await nm("lab", "up", "--name", name);
  const child = spawn("ip", ["netns", "exec", `nm-${name}-a`, "sleep", "60"], { stdio: "ignore" });
  t.after(() => child.kill());
  const sleeps = new RegExp(`sleep \\(${child.pid}\\)$`, "m");
  for (let i = 0; i < 100 && !sleeps.test((await nm("lab", "status", "--name", name)).stdout); i++)
    await sleep(20);
  assert.match((await nm("lab", "status", "--name", name)).stdout, sleeps);
  const { stdout } = await nm("lab", "down", "--name", name);
  assert.match(stdout, new RegExp(`^Still running in what was nm-${name}-a: sleep \\(${child.pid}\\)$`, "m"));
  assert.deepEqual(left(name), []);
});

test("nm lab status of a lab that nobody made is down", { skip }, async (t) => {
  const name = labName(t);
  assert.match((await nm("lab", "status", "--name", name)).stdout, /is down; "nm lab up" makes it\.$/m);
  const { state, changed, namespaces } = jsonLine((await nm("lab", "down", "--name", name, "--json")).stdout);
  assert.deepEqual([state, changed, namespaces], ["down", false, []]);
});

test("nm lab says that ip is missing", async () => {
  const run = await nmWith({ env: { PATH: "/nowhere" } }, "lab", "status");
  assert.equal(run.status, 1);
  assert.match(
    run.stderr,
    /^nm lab: Cannot run "ip": there is no such program here\n +Install it: apt install iproute2/,
  );
});

test("nm lab refuses names that no interface could have", async () => {
  for (const name of ["a-b", "elevenchars", "A", "ä"]) {
    const run = await nm("lab", "status", "--name", name);
    assert.equal(run.status, 2);
    assert.match(run.stderr, /^nm lab: Cannot read --name ".*": expected 1 to 10 small letters and digits\n/);
  }
});

test("everything that a lab makes has its name, and fits", () => {
  const options = { ...usualLab, name: "abcdefghij", middle: true };
  const { namespaces, pairs } = planOf(options);
  assert.deepEqual(namespaces, ["nm-abcdefghij-a", "nm-abcdefghij-m", "nm-abcdefghij-b"]);
  for (const { name } of pairs.flat()) assert.ok(name.includes(options.name) && name.length <= 15, name);
});

test("the mark of a lab is its last step, and says how it was made", () => {
  for (const options of [usualLab, { name: "x", queues: 4, mtu: 9000, middle: true }]) {
    assert.equal(makingOf(options).at(-1)?.at(-1), markOf(options));
    assert.deepEqual(readMark(markOf(options)), options);
  }
  assert.equal(readMark("uplink"), undefined);
});
