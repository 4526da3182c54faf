/** nm doctor, from outside. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { test } from "node:test";
import { openPort } from "../lib/index.js";
import { freshNamespace } from "./namespace.js";
import { noNetworkNamespaces } from "./privileges.js";
import { finished, nm, nmWith, programFile } from "./run.js";
import { jsonLines } from "./schema.js";

test("nm doctor looks at the machine and its interfaces", async () => {
  const run = await nm("doctor");
  assert.ok(run.status === 0 || run.status === 3, run.stderr);
  assert.match(run.stdout, /^nm \d+\.\d+\.\d+ on Linux \S+\n\nThis machine\n/);
  assert.match(run.stdout, /^ {2}ok {7}the embedded engine is built and loads\.$/m);
  assert.match(run.stdout, /^interface +driver +link .*$/m);
  assert.match(run.stdout, /^lo +loopback +(up|down) /m);
});

test("nm doctor --json has a line for each finding, and says in the summary what there is", async () => {
  const lines = jsonLines((await nm("doctor", "--json")).stdout);
  const { type, faults, machine, interfaces } = lines.at(-1) as unknown as {
    type: string;
    faults: number;
    machine: { kernel: string; processors: number };
    interfaces: { name: string }[];
  };
  assert.equal(type, "summary");
  assert.ok(machine.processors >= 1 && machine.kernel !== "");
  assert.ok(interfaces.some(({ name }) => name === "lo"));
  const findings = lines.slice(0, -1);
  assert.ok(
    findings.length > 5 && findings.every((line) => line.type === "finding" && line.about === "machine"),
  );
  assert.equal(findings.filter(({ level }) => level === "fault").length, faults);
});

test("nm doctor ends with 3 where there is a fault, and gives the command that sets it right", async (t) => {
  const namespace = freshNamespace(t);
  chmodSync(namespace, 0o777);
  const bad = await nmWith({ env: { NM_DIR: namespace } }, "doctor", "--json");
  assert.equal(bad.status, 3);
  assert.match(bad.stderr, /^nm doctor: Expected no faults: there is 1\n$/);
  const finding = jsonLines(bad.stdout).find(({ level }) => level === "fault");
  assert.equal(finding?.fix, `chmod 700 ${namespace}`);

  assert.equal((await finished("sh", ["-c", String(finding?.fix)], {})).status, 0);
  assert.equal((await nmWith({ env: { NM_DIR: namespace } }, "doctor", "--json")).status, 0);
});

test("nm doctor says who has a port open, and what is on the other side", async (t) => {
  const namespace = freshNamespace(t);
  const ask = async (port: string) => (await nmWith({ env: { NM_DIR: namespace } }, "doctor", port)).stdout;
  assert.match(await ask("p{1"), /^ {2}ok {7}nobody has it open\.$/m);

  const master = openPort("p{1", { namespace });
  const words = new RegExp(`process ${process.pid} has (it|netmap:p\\{1) open`);
  assert.match((await ask("p{1")).replace(/\s+/g, " "), words);
  assert.match((await ask("p}1")).replace(/\s+/g, " "), words);
  master.close();

  const port = openPort("vale1:a", { namespace });
  assert.match((await ask("vale1:b")).replace(/\s+/g, " "), /switch vale1 has another port: vale1:a /);
  port.close();
});

test("nm doctor makes no namespace by looking", async (t) => {
  const namespace = `${freshNamespace(t)}/new`;
  const run = await nmWith({ env: { NM_DIR: namespace } }, "doctor", "vale1:a");
  assert.equal(run.status, 0);
  assert.equal((await finished("test", ["-e", namespace], {})).status, 1);
});

test("nm doctor finds an interface where it is, and its other end", {
  skip: noNetworkNamespaces,
}, async (t) => {
  const name = `d${process.pid.toString(36)}`;
  t.after(() => nm("lab", "down", "--name", name));
  await nm("lab", "up", "--name", name);
  const [left, right] = [`nm${name}0`, `nm${name}1`];

  const here = jsonLines((await nm("doctor", left, "--json")).stdout).find(({ level }) => level === "fault");
  assert.equal(here?.check, "interface");
  assert.match(String(here?.fix), new RegExp(`^ip netns exec nm-${name}-a .* doctor ${left}$`));

  const inside = async () => {
    const words = [
      "netns",
      "exec",
      `nm-${name}-a`,
      process.execPath,
      programFile("nm"),
      "doctor",
      left,
      "--json",
    ];
    const run = await finished("ip", words, {});
    assert.ok(run.status === 0 || run.status === 3, run.stderr);
    return jsonLines(run.stdout);
  };
  assert.deepEqual(
    (await inside()).filter(({ level }) => level === "fault"),
    [],
  );

  assert.equal(spawnSync("ip", ["-n", `nm-${name}-b`, "link", "set", right, "down"]).status, 0);
  const findings = await inside();
  const broken = findings.find(({ level }) => level === "fault");
  assert.equal(broken?.fix, `ip -n nm-${name}-b link set ${right} up`, JSON.stringify(findings));
  assert.equal((await finished("sh", ["-c", String(broken?.fix)], {})).status, 0);
  assert.deepEqual(
    (await inside()).filter(({ level }) => level === "fault"),
    [],
  );
});
