/** nm vale-ctl and network interfaces: attaching, who moves their packets, and what is said when that one is no more. */

import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { cableOf, noInterfaces as skip } from "./cable.js";
import { freshNamespace } from "./namespace.js";
import { program, programFile } from "./run.js";
import { jsonLines } from "./schema.js";
import { starting } from "./started.js";

interface Listed {
  readonly port: string;
  readonly kind: string;
  readonly driver: string | null;
  readonly processes: readonly { readonly pid: number; readonly command: string | null }[];
}

test("an interface is attached with its host, listed with its worker, refused twice, and told of when its worker is killed", {
  skip,
}, async (t) => {
  const { a, b, directory } = await cableOf(t);
  const ctl = (...words: string[]) => a.run(process.execPath, programFile("nm"), "vale-ctl", ...words);
  const name = `vale0:${a.interface}`;
  const attached = await ctl("attach", name, "--host");
  assert.deepEqual([attached.status, attached.stderr], [0, ""]);
  t.after(() => ctl("detach", name));
  const ping = await a.run("ping", "-c", "2", "-i", "0.2", "-W", "5", b.address);
  assert.match(ping.stdout, /2 received/);

  const ports = async () =>
    jsonLines((await ctl("list", "--json")).stdout).flatMap((line) => (line.ports ?? []) as Listed[]);
  const [nic, host] = await ports();
  assert.deepEqual([nic?.port, nic?.kind, host?.port, host?.kind], [name, "interface", `${name}^`, "host"]);
  assert.match(nic?.driver ?? "", /^(af|xdp)-/);
  assert.match(nic?.processes[0]?.command ?? "", /nm-switch-worker vale0:/);
  const metrics = await a.run(process.execPath, programFile("nm"), "metrics");
  assert.ok(metrics.stdout.includes(`nm_worker_up{port="${name}"} 1\n`), metrics.stdout);
  assert.match(metrics.stdout, /^nm_port_received_packets_total\{port="[^:"]+",kind="nic"\} [1-9]/m);
  assert.match((await ctl("attach", name)).stderr, /Cannot attach .*: it is on a switch\n +Detach it first/);
  assert.equal((await ctl("poll", name, "-C", "0,0")).status, 0);
  assert.match((await ctl("detach", name)).stderr, /polled/);
  assert.equal((await ctl("poll", name, "--off")).status, 0);

  const pid = nic?.processes[0]?.pid ?? 0;
  assert.notEqual(pid, 0);
  process.kill(pid, "SIGKILL");
  while (await isThere(pid)) await new Promise((done) => setTimeout(done, 20));
  const said = await ctl("list");
  assert.match(
    said.stdout,
    new RegExp(`^${name} is attached no longer: its worker, process ${pid}, was killed`),
  );
  const [dead] = jsonLines((await ctl("list", "--json")).stdout);
  const without = await a.run(process.execPath, programFile("nm"), "metrics");
  assert.ok(without.stdout.includes(`nm_worker_up{port="${name}"} 0\n`), without.stdout);
  assert.deepEqual([dead?.type, dead?.port, dead?.pid, dead?.status], ["dead_worker", name, pid, null]);
  assert.equal((await ctl("attach", name)).status, 0);
  assert.deepEqual(
    (await ports()).map(({ port }) => port),
    [name],
  );
  assert.equal((await ctl("detach", name)).status, 0);
  assert.match((await ctl("detach", name)).stderr, /there is no (switch|port) of this name/);
  assert.deepEqual(readdirSync(directory), ["namespace"]);
});

async function isThere(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("detach forgets an interface whose worker is no more, and says so", { skip }, async (t) => {
  const { a, directory } = await cableOf(t);
  const ctl = (...words: string[]) => a.run(process.execPath, programFile("nm"), "vale-ctl", ...words);
  const name = `vale0:${a.interface}`;
  assert.equal((await ctl("attach", name)).status, 0);
  const [vale] = jsonLines((await ctl("list", "--json")).stdout);
  const pid = ((vale?.ports ?? []) as Listed[])[0]?.processes[0]?.pid ?? 0;
  assert.notEqual(pid, 0);
  process.kill(pid, "SIGKILL");
  while (await isThere(pid)) await new Promise((done) => setTimeout(done, 20));
  const { stdout, status } = await ctl("detach", name);
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^vale0:.* was attached no longer: its worker, process \d+, was killed, or it crashed\.$/m,
  );
  const { stdout: plain } = await program("vale-ctl", [], { env: { NM_DIR: directory } });
  assert.equal(plain, "");
  assert.deepEqual(readdirSync(directory), ["namespace"]);
});

test("apply attaches an interface anew where its host is to be on the switch, or no longer", {
  skip,
}, async (t) => {
  const { a, directory } = await cableOf(t);
  const ctl = (...words: string[]) => a.run(process.execPath, programFile("nm"), "vale-ctl", ...words);
  const name = `vale0:${a.interface}`;
  const file = `${freshNamespace(t)}/topology.yaml`;
  const declare = (host: boolean) =>
    writeFileSync(file, `switches: {vale0: {ports: {${a.interface}: {kind: interface, host: ${host}}}}}`);
  declare(false);
  assert.equal((await ctl("apply", file)).stdout, `attach ${name}\n`);
  t.after(() => ctl("detach", name));
  declare(true);
  const anew = `detach ${name}\nattach ${name} with its host stack\n`;
  assert.equal((await ctl("apply", file, "--check")).stdout, anew.replaceAll(/^(?=.)/gm, "would "));
  assert.equal((await ctl("apply", file)).stdout, anew);
  assert.match((await ctl()).stdout, /\^ bridge_idx 0 port_idx 1$/m);
  assert.equal((await ctl("apply", file)).stdout, "Nothing to change.\n");
  declare(false);
  assert.equal((await ctl("apply", file)).stdout, `detach ${name}\nattach ${name}\n`);
  assert.equal((await ctl("apply", "/dev/null", "--prune")).stdout, `detach ${name}\n`);
  assert.deepEqual(readdirSync(directory), ["namespace"]);
});

test("a switch of one host goes on in a switch of another through a VXLAN interface on each", {
  skip,
}, async (t) => {
  const { a, b, directory } = await cableOf(t);
  const tunnels = [
    { host: a, far: b, device: "nmvx0", vale: "vale0" },
    { host: b, far: a, device: "nmvx1", vale: "vale1" },
  ];
  for (const { host, far, device, vale } of tunnels) {
    const link = ["link", "add", device, "type", "vxlan", "id", "100", "dstport", "4789"];
    const { status, stderr } = await host.run(
      ...["ip", ...link, "local", host.address, "remote", far.address, "dev", host.interface],
    );
    if (status !== 0) {
      t.skip(`needs VXLAN in the kernel: ${stderr.trim()}`);
      return;
    }
    await host.run("ip", "link", "set", device, "up");
    const ctl = (...words: string[]) =>
      host.run(process.execPath, programFile("nm"), "vale-ctl", ...words, `${vale}:${device}`);
    const attached = await ctl("attach");
    assert.deepEqual([attached.status, attached.stderr], [0, ""]);
    t.after(() => ctl("detach"));
  }
  const start = starting(directory);
  for (const [from, to, station] of [
    ["vale0:x", "vale1:y", "02:00:00:00:00:01"],
    ["vale1:y", "vale0:x", "02:00:00:00:00:02"],
  ] as const) {
    const receiver = start("pkt-gen", "-i", to, "-f", "rx", "-n", "200");
    await receiver.printed(/Receiving from/);
    // The kernel takes no packets of a station without an address out of a tunnel.
    const packets = ["-n", "200", "-R", "5k", "-l", "1400", "-S", station];
    const sender = await start("pkt-gen", "-i", from, "-f", "tx", ...packets).ended;
    assert.equal(sender.status, 0, sender.stderr);
    const { stdout, status } = await receiver.ended;
    assert.equal(status, 0);
    assert.match(stdout, /^Received 200 packets 280000 bytes/m);
  }
});
